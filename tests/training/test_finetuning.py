"""A classifier on an encoder: what learns, what stays, and when it stops."""

import math

import pytest
import torch
from making import later, make, options
from torch import nn
from torch.nn import functional

from aerun.errors import BadUse
from aerun.models.classifier import Classifier
from aerun.training.finetuning import Inputs, Recipe, error_rate, fit
from aerun.training.state import snapshot

QUICK = {"stacked", "vae"}
RECIPE = Recipe(steps=10, stop_below=0.0, batch_size=40, lr=1e-2, weight_decay=0.0)


def _fit(net, data, *, number=100, seed=0, recipe=RECIPE):
    """The steps of a fit on the first examples, and what it told the bar."""
    chosen = torch.arange(number)
    told = []
    steps = fit(net, Inputs(net, data.train, chosen), data.train.labels[chosen],
                recipe, seed=seed, advance=told.append)  # fmt: skip
    return steps, sum(told)


@torch.no_grad()
def _loss(net, data, number=100):
    """The mean cross-entropy of the first examples."""
    logits = net.eval()(net.below(data.train.gather(slice(number))))
    return float(functional.cross_entropy(logits, data.train.labels[:number]))


@pytest.mark.parametrize(
    ("model", "freeze"),
    [
        (pytest.param if name in QUICK else later)(name, ("none", 1, "all")[place % 3])
        for place, name in enumerate(options("model"))
    ],
)
def test_a_classifier_is_a_linear_layer_on_the_code(model, freeze):
    """Of any model and however much is fixed; it learns, the model does not change."""
    _, built = make(f"model={model}", "trainer.batch_size=100")
    model, data = built.objective.model.eval(), built.data
    x = data.train.gather(slice(50))
    code, before = model.encode(x), snapshot(model)
    net = Classifier(model, x[:1], 10, freeze=freeze).eval()
    with torch.no_grad():
        net.head.weight.normal_(0, 0.1)
    expected = functional.linear(code, net.head.weight, net.head.bias)
    torch.testing.assert_close(net(net.below(x)), expected, rtol=1e-4, atol=1e-5)
    loss = _loss(net, data)
    assert _fit(net, data) == (10, 10)
    assert _loss(net, data) < loss
    for name, value in before.items():
        torch.testing.assert_close(dict(snapshot(model))[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("model", ["stacked", "conv", "vae", "gsn"])
def test_fixed_levels_stay_and_the_others_learn(model):
    """From the lowest on; the decoder, and what gives a variance, has no part."""
    overrides = ["model.hidden=[20,15]"] if model != "conv" else []
    _, built = make(f"model={model}", *overrides)
    model, data = built.objective.model, built.data
    number = len(model.encoder.levels)
    for freeze in (0, *range(1, number + 1)):
        asked = "none" if freeze == 0 else freeze
        net = Classifier(model, data.train.gather(slice(1)), 10, freeze=asked)
        before = [level.weight.clone() for level in model.encoder.levels]
        _fit(net, data)
        whole = [*(net.lower if 0 < freeze < number else [])]
        upper = net.lower if net.upper is None else net.upper
        now = [level.weight for level in [*whole, *upper.encoder.levels]]
        moved = [not torch.equal(a, b) for a, b in zip(before, now, strict=True)]
        assert moved == [place >= freeze for place in range(number)]
        levels = 2 * (number - freeze)
        assert len(net.learning) == 2 + levels, "weights and biases, and the head's"


def test_a_fixed_part_is_computed_once(monkeypatch):
    """And gives the same net as one that computes it in each step."""
    _, built = make("model=stacked")
    data, nets = built.data, []
    for kept in (2**30, 0):
        monkeypatch.setattr("aerun.training.finetuning._KEPT", kept)
        net = Classifier(
            built.objective.model, data.train.gather(slice(1)), 10, freeze=1
        )
        seen = []
        net.lower[0].register_forward_hook(lambda *a, seen=seen: seen.append(1))
        _fit(net, data)
        nets.append(net)
        assert (len(seen) <= 3) == (kept > 0)
    for one, other in zip(*(net.learning for net in nets), strict=True):
        torch.testing.assert_close(one, other)


def test_the_fit_is_adam_on_the_cross_entropy():
    """Step by step as written out, with weight decay apart; the same for a seed."""
    _, built = make("model=simple")
    data, model = built.data, built.objective.model
    recipe = Recipe(steps=7, stop_below=0, batch_size=30, lr=1e-3, weight_decay=0.1)
    net = Classifier(model, data.train.gather(slice(1)), 10, freeze="none")
    by_hand = Classifier(model, data.train.gather(slice(1)), 10, freeze="none")
    _fit(net, data, recipe=recipe, number=80, seed=3)
    optimizer = torch.optim.AdamW(by_hand.learning, lr=1e-3, weight_decay=0.1)
    generator = torch.Generator().manual_seed(3)
    x, y = data.train.gather(slice(80)), data.train.labels[:80]
    orders = [torch.randperm(80, generator=generator).split(30) for _ in range(3)]
    for chosen in [batch for order in orders for batch in order][:7]:
        logits = by_hand.head(by_hand.upper.encode(x[chosen]))
        optimizer.zero_grad()
        functional.cross_entropy(logits, y[chosen]).backward()
        optimizer.step()
    for one, other in zip(net.learning, by_hand.learning, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_training_stops_when_the_loss_is_small():
    """After the first pass whose mean loss lies below; the rest counts as done."""
    _, built = make("model=stacked")
    net = Classifier(
        built.objective.model, built.data.train.gather(slice(1)), 10, freeze="none"
    )
    recipe = Recipe(steps=1000, stop_below=0.1, batch_size=50, lr=3e-3, weight_decay=0)
    steps, told = _fit(net, built.data, recipe=recipe)
    assert told == 1000
    assert 2 < steps < 500
    assert steps % 2 == 0, "whole passes"
    assert _loss(net, built.data) < 0.1
    longer = Classifier(
        built.objective.model, built.data.train.gather(slice(1)), 10, freeze="none"
    )
    shorter = Recipe(steps=steps - 2, stop_below=0.1, batch_size=50, lr=3e-3,
                     weight_decay=0)  # fmt: skip
    assert _fit(longer, built.data, recipe=shorter)[0] == steps - 2


class _Noisy(nn.Module):
    """Drops units while it is trained, and gives maps."""

    def __init__(self, fixed):
        super().__init__()
        self.down, self.drop = nn.Linear(64, 30), nn.Dropout(0.5)
        self.fixed = fixed

    def encode(self, x):
        assert not (self.fixed and self.training)
        return self.drop(self.down(x.flatten(1)).relu()).unflatten(1, (3, 5, 2))


@pytest.mark.parametrize("freeze", ["none", "all"])
def test_noise_of_its_own_is_drawn_from_the_seed(freeze):
    """In training alone, not of what is fixed; PyTorch's generator is left alone."""
    data = make("model=simple")[1].data
    model, nets = _Noisy(freeze == "all").eval(), []
    for seed in (0, 0, 1):
        net = Classifier(model, data.train.gather(slice(1)), 10, freeze=freeze)
        torch.rand(seed + 1)
        before = torch.get_rng_state()
        _fit(net, data, seed=seed)
        assert torch.equal(torch.get_rng_state(), before)
        nets.append(net)
    assert torch.equal(nets[0].head.weight, nets[1].head.weight)
    assert not torch.equal(nets[0].head.weight, nets[2].head.weight)
    x = nets[0].below(data.test.gather(slice(9)))
    assert torch.equal(nets[0](x), nets[0](x))


def test_errors_are_counted_over_all_examples():
    """Whatever the batches; an unknown class is always an error."""
    _, built = make("model=stacked")
    data = built.data
    net = Classifier(
        built.objective.model, data.train.gather(slice(1)), 10, freeze="none"
    )
    _fit(net, data, number=500)
    inputs, targets = Inputs(net, data.test), data.test.labels
    share = error_rate(net, inputs, targets)
    found = net(data.test.gather(slice(None))).argmax(1)
    assert share == pytest.approx(float((found != targets).double().mean()))
    assert 0.02 < share < 0.5
    unknown = targets.clone()
    unknown[::2] = -1
    assert error_rate(net, inputs, unknown) > 0.5


class _NoGradient(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Linear(4, 3)

    @torch.no_grad()
    def encode(self, x):
        return self.down(x)


def test_what_cannot_be_done_is_refused():
    """With what can: too many levels, no levels, no gradient."""
    _, built = make("model=stacked")
    x = built.data.train.gather(slice(1))
    with pytest.raises(BadUse, match="the encoder has 2 levels"):
        Classifier(built.objective.model, x, 10, freeze=3)
    own, vectors = _NoGradient(), torch.rand(1, 4)
    with pytest.raises(BadUse, match="choose none or all"):
        Classifier(own, vectors, 10, freeze=1)
    with pytest.raises(BadUse, match=r"choose task\.freeze=all"):
        Classifier(own, vectors, 10, freeze="none")
    with pytest.raises(BadUse, match="no encode method"):
        Classifier(nn.Linear(4, 3), vectors, 10, freeze="all")
    net = Classifier(own, vectors, 10, freeze="all")
    assert torch.equal(net.below(vectors), own.encode(vectors))


def test_a_new_layer_knows_nothing():
    """Every class is as likely, whatever the code, and both nets begin alike."""
    _, built = make("model=stacked")
    x = built.data.train.gather(slice(1))
    net = Classifier(built.objective.model, x, 10, freeze="none")
    assert _loss(net, built.data, 5) == pytest.approx(math.log(10))
