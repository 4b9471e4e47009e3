"""The generative stochastic network: its steps by hand, its costs, its chain."""

import numpy as np
import pytest
import torch
from continuing import whole_and_continued
from making import compose, make
from torch.nn.functional import binary_cross_entropy_with_logits

import aerun
from aerun.build import load_data
from aerun.config.check import check, check_data
from aerun.config.compose import Composer, plain
from aerun.corruptions import salt_pepper
from aerun.draws import Draws, DryDraws, draw, with_noise
from aerun.errors import BadUse
from aerun.evaluation.baselines import pca
from aerun.evaluation.splits import collect, evaluate, knob_tensors
from aerun.models import GSN
from aerun.models.gsn import ChainState
from aerun.training.events import EpochEnded
from aerun.training.state import weights_of

SMALL = ("model=gsn", "model.hidden=[40]", "model.code=30", "trainer.threads=1")


def _net(hidden=(5,), code=4, **more):
    torch.manual_seed(0)
    options = {
        "shape": (1, 2, 3), "hidden": list(hidden), "code": code, "tied": True,
        "activation": "tanh", "code_activation": "sigmoid",
        "output_activation": "sigmoid", "initialization": "default", "steps": 4,
        "walkback": True,
        "noisy_from": 2, "noise_std": 0.7, "salt_pepper": 0.4,
    }  # fmt: skip
    return GSN(**{**options, **more}).double()


def _x(size=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(size, 1, 2, 3, generator=generator, dtype=torch.float64)


def _noise(call, like, seed=0):
    """What a call asks for, drawn."""
    dry = DryDraws(like)
    call(dry)
    generator = torch.Generator().manual_seed(seed)
    return draw(dry.requests, generator, like.dtype)


def _squash(a):
    return 1 / (1 + np.exp(-a))


# -- one step --------------------------------------------------------------------------


def _by_hand(net, visible, hidden, noise, noisy, std=0.7, probability=0.4):
    """One step of a net of tied weights, layer by layer, as the paper's code does it.

    Args:
        net: With K hidden layers.
        visible: [B, 6].
        hidden: K arrays [B, D].
        noise: In the order of use: an array [B, 6] for the corruption; of each noisy
            layer one before and one after its activation, odd layers first.
        noisy: Numbers of the noisy layers, counted from 1.
        std: Of their noise.
        probability: Of the corruption.
    """
    noise = iter([n.numpy().reshape(len(visible), -1) for n in noise])
    levels = net.encoder.levels
    weights = [level.weight.detach().numpy().T for level in levels]  # W_i: [below, own]
    biases = [level.bias.detach().numpy() for level in levels]
    luck = next(noise)
    salted = np.where(luck < probability / 2, 0.0, 1.0)
    h = [np.where(luck < probability, salted, visible), *hidden]
    top = len(levels)
    for i in [*range(1, top + 1, 2), *range(2, top + 1, 2)]:
        a = h[i - 1] @ weights[i - 1] + biases[i - 1]
        if i < top:
            a = a + h[i + 1] @ weights[i].T
        if i in noisy:
            a = a + std * next(noise)
        h[i] = _squash(a) if i == top else np.tanh(a)
        if i in noisy:
            h[i] = h[i] + std * next(noise)
    logits = h[1] @ weights[0].T + net.decoder.levels[0].bias.detach().numpy()
    return logits, h[1:]


@pytest.mark.parametrize(
    ("hidden", "noisy_from", "noisy"),
    [((), 1, {1}), ((), 2, set()), ((5,), 2, {2}), ((5,), 1, {1, 2}),
     ((5, 7), 2, {2, 3}), ((5, 7, 3), 4, {4})],
)  # fmt: skip
def test_a_step_is_the_papers(hidden, noisy_from, noisy):
    """Odd layers, then even ones, each of both neighbours, noisy from a layer on."""
    net = _net(hidden, noisy_from=noisy_from)
    sizes = [*hidden, 4]
    generator = np.random.default_rng(0)
    before = [generator.standard_normal((3, size)) for size in sizes]
    tensors = tuple(torch.from_numpy(h) for h in before)
    state = ChainState(visible=_x(), hidden=tensors)
    noise = _noise(lambda draws: net.transition(state, draws), _x())
    mean, after = net.transition(state, Draws(noise))
    logits, expected = _by_hand(net, _x().numpy().reshape(3, 6), before, noise, noisy)
    np.testing.assert_allclose(mean.detach().flatten(1), _squash(logits), rtol=1e-12)
    for found, wanted in zip(after.hidden, expected, strict=True):
        np.testing.assert_allclose(found.detach(), wanted, rtol=1e-12, atol=1e-14)
    coin = noise[-1] < mean
    assert torch.equal(after.visible, coin.double())


def test_training_walks_from_the_example_with_hidden_layers_at_zero():
    """Each step goes on from the sample of the one before and from its layers."""
    net, x = _net(), _x()
    noise = _noise(lambda draws: net(x, draws), x)
    out = net(x, Draws(noise))
    visible, hidden = x.numpy().reshape(3, 6), [np.zeros((3, 5)), np.zeros((3, 4))]
    steps = [*out.walk, (out.raw, out.recon)]
    assert len(steps) == 4
    for number, (raw, recon) in enumerate(steps):
        # Of each step: corruption, twice noise; between two, the toss.
        own = noise[4 * number : 4 * number + 3]
        logits, hidden = _by_hand(net, visible, hidden, own, {2})
        np.testing.assert_allclose(raw.detach().flatten(1), logits, rtol=1e-11)
        assert torch.equal(recon, raw.sigmoid())
        if number < 3:
            toss = noise[4 * number + 3].numpy().reshape(3, 6)
            visible = (toss < _squash(logits)).astype(float)
    assert len(noise) == 4 * 4 - 1


def test_no_gradient_passes_through_the_sample():
    """A step depends on the one before by its hidden layers, not by its output."""
    net, x = _net(), _x()
    out = net(x, Draws(_noise(lambda draws: net(x, draws), x)))
    before = out.walk[-1][1]
    (through_sample,) = torch.autograd.grad(
        out.raw.sum(), before, retain_graph=True, allow_unused=True
    )
    assert through_sample is None
    (through_layers,) = torch.autograd.grad(out.raw.sum(), net.encoder.levels[1].bias)
    assert (through_layers != 0).all()


@pytest.mark.parametrize("values", ["zeros", "ones", "random"])
def test_requests_do_not_depend_on_the_data(values):
    """Kinds and shapes are the same whatever is seen, the batch always first."""
    net = _net((5, 7), noisy_from=1)
    x = {"zeros": _x() * 0, "ones": _x() * 0 + 1, "random": _x()}[values]
    dry = DryDraws(x)
    net(x, dry)
    layers = [("normal", (3, size)) for size in (5, 5, 4, 4, 7, 7)]
    toss = ("uniform", (3, 1, 2, 3))
    assert dry.requests == [toss, *layers, *[toss, toss, *layers] * 3]


# -- without noise -----------------------------------------------------------------


def test_without_draws_one_step_without_noise_is_taken():
    """Always the same; it is what a step gives whose noise has no size."""
    net, x = _net(), _x()
    out, again = net(x), net(x)
    assert torch.equal(out.recon, again.recon)
    assert torch.equal(out.code, again.code)
    assert out.walk == ()
    silent = {name: torch.tensor(0.0) for name in net.knobs.values()}
    noise = _noise(lambda draws: net(x, draws), x)
    first, _ = net(x, Draws(noise), silent).walk[0]
    torch.testing.assert_close(out.raw, first)


@pytest.mark.parametrize("hidden", [(), (5,), (5, 7)])
def test_the_code_is_the_top_layer_without_noise(hidden):
    """The same from ``encode``, from a pass without noise and from one with it."""
    net, x = _net(hidden), _x()
    code = net.encode(x)
    assert code.shape == (3, net.code_size) == (3, *net.code_shape)
    assert torch.equal(net(x).code, code)
    assert torch.equal(net(x, Draws(_noise(lambda d: net(x, d), x))).code, code)
    assert len(torch.unique(code, dim=0)) == 3


def test_a_code_is_decoded_straight_downwards():
    """By weights transposed and one bias per layer; of a single layer that is recon."""
    net, x = _net(), _x()
    below, above = net.encoder.levels
    code = net.encode(x)
    h = torch.tanh(code @ above.weight + below.bias)
    visible = torch.sigmoid(h @ below.weight + net.decoder.levels[0].bias)
    torch.testing.assert_close(net.decode(code), visible.unflatten(1, (1, 2, 3)))
    one = _net(())
    torch.testing.assert_close(one.decode(one.encode(x)), one(x).recon)


def test_tied_layers_have_one_weight_and_one_bias_each():
    """Two layers: two matrices and three biases; untied, two more matrices."""
    names = dict(_net().named_parameters())
    assert len(names) == 5
    untied = _net(tied=False)
    assert len(dict(untied.named_parameters())) == 7
    assert untied.decoder.levels[1].bias is untied.encoder.levels[0].bias


def test_untied_layers_are_pulled_by_weights_of_their_own():
    """What comes from above is not what the level below would give transposed."""
    net = _net(tied=False)
    zeros, above = torch.zeros(1, 5).double(), torch.ones(1, 4).double()
    state = ChainState(visible=_x(1) * 0, hidden=(zeros, above))
    silent = {name: torch.tensor(0.0) for name in net.knobs.values()}
    noise = _noise(lambda draws: net.transition(state, draws), _x(1))
    _, after = net.transition(state, Draws(noise), silent)
    pull = net.decoder.levels[1].weight.sum(1) + net.encoder.levels[0].bias
    torch.testing.assert_close(after.hidden[0], pull.tanh()[None])


# -- costs, knobs, refusals ------------------------------------------------------------


def test_every_step_is_paid_for():
    """The reconstruction loss is the sum over steps of that of clean inputs."""
    _, built = make(*SMALL, "model.steps=3", "trainer.precision=float64")
    x = built.data.train.gather(slice(6))
    knobs = knob_tensors(built.training.knob_values(), x)
    noise = _noise(lambda draws: built.objective.terms(x, knobs, draws), x)
    terms, out = built.objective.terms(x, knobs, Draws(noise))
    raws = [*(raw for raw, _ in out.walk), out.raw]
    assert len(raws) == 3
    by_hand = sum(
        binary_cross_entropy_with_logits(raw, x, reduction="none").sum((1, 2, 3))
        for raw in raws
    )
    torch.testing.assert_close(terms["reconstruction"], by_hand)
    assert torch.equal(out.target, x)


def test_without_walkback_each_step_starts_at_the_example():
    """A net of one layer without its own noise gives what salt and pepper leave."""
    settings = {"hidden": [], "steps": 3, "noisy_from": 2}
    ours, x = _net(**settings, walkback=False), _x()
    noise = _noise(lambda draws: ours(x, draws), x)
    walked = _net(**settings)
    assert len(noise) < len(_noise(lambda draws: walked(x, draws), x))
    out, draws = ours(x, Draws(noise)), Draws(noise)
    for raw in (*(raw for raw, _ in out.walk), out.raw):
        corrupted, _ = salt_pepper(x, draws, probability=0.4, corrupted_weight=1.0,
                                   clean_weight=1.0)  # fmt: skip
        hidden = ours.encoder.levels[0](corrupted.flatten(1))
        torch.testing.assert_close(raw, ours.decoder.levels[0](hidden))


def test_without_walkback_the_hidden_layers_go_on():
    """The first step has nothing above the lowest layer, the later ones have."""
    net, x = _net(steps=3, walkback=False), _x()
    noise = _noise(lambda draws: net(x, draws), x)
    out, draws, state = net(x, Draws(noise)), Draws(noise), net.start(x)
    for raw in (*(raw for raw, _ in out.walk), out.raw):
        found, after = net._step(state, draws, None)
        torch.testing.assert_close(raw, found)
        state = ChainState(visible=x, hidden=after.hidden)


def test_a_pass_in_another_type_has_a_walk_of_that_type():
    """Mixed precision gives losses of full precision at every step."""
    net, x = _net(), _x()
    out = net(x, Draws(_noise(lambda d: net(x, d), x))).to(torch.float32)
    types = {tensor.dtype for step in out.walk for tensor in step}
    assert types == {torch.float32}


def test_noise_may_be_a_schedule():
    """Passes take its value now, the trained model rests at its end."""
    _, built = make(*SMALL, "model.noise_std={start: 3, end: 0.5}",
                    "model.salt_pepper={start: 0.1, end: 0.3}")  # fmt: skip
    assert built.training.knob_values() == {
        "model.noise_std": 3.0, "model.salt_pepper": 0.1}  # fmt: skip
    model, x = built.objective.model, built.data.train.gather(slice(4))
    ends = {"model.noise_std": 0.5, "model.salt_pepper": 0.3}
    assert model.resting == ends
    noise = _noise(lambda draws: model(x, draws), x)
    rested = model(x, Draws(noise)).raw
    assert torch.equal(rested, model(x, Draws(noise), knob_tensors(ends, x)).raw)
    now = knob_tensors(built.training.knob_values(), x)
    assert not torch.equal(rested, model(x, Draws(noise), now).raw)


@pytest.mark.parametrize(("hidden", "least"), [((), 1), ((5,), 2), ((5, 7), 2),
                                               ((5, 7, 3), 3)])  # fmt: skip
def test_fewer_steps_than_the_top_layer_takes_are_refused(hidden, least):
    """With the least number, every parameter is used; below it, that is said."""
    net, x = _net(hidden, steps=least), _x()
    out = net(x, Draws(_noise(lambda draws: net(x, draws), x)))
    used = torch.autograd.grad(out.raw.sum(), list(net.parameters()), allow_unused=True)
    assert all(gradient is not None for gradient in used)
    if least > 1:
        with pytest.raises(BadUse, match=f"choose at least {least}"):
            _net(hidden, steps=least - 1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["model.noise_std=-1"], "model.noise_std=-1: must be a number, at least 0"),
        (["model.salt_pepper=1.5"], "at least 0 and at most 1"),
        (["model.steps=0"], "model.steps=0: must be a whole number, at least 1"),
        (["model.output_activation=tanh"], "must be sigmoid"),
        (["trainer=greedy"], "needs a model made of levels"),
        (["regularizer=kl"], "needs a code with a distribution"),
    ],
)
def test_what_it_cannot_do_is_said(asked, said):
    """Ranges, and what other parts need of it, before anything is built."""
    config = plain(Composer().compose(["model=gsn", *asked]))
    assert said in "\n".join(map(str, check(config)))


def test_data_beyond_0_and_1_are_refused():
    """Salt and pepper are 0 and 1, and a mean is a probability."""
    config = compose("model=gsn", "dataset.scale=standard")
    found = "\n".join(map(str, check_data(config, load_data(config).spec)))
    assert "model: needs data in [0, 1]" in found


# -- training and sampling -------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.shared
def test_training_lowers_the_loss_and_the_error():
    """In seconds, on digits: below PCA of three dimensions after one noiseless step."""
    _, built = make("model=gsn", "trainer.epochs=15")
    losses = [e.means["loss"] for e in built.training if isinstance(e, EpochEnded)]
    assert losses[-1] < 0.75 * losses[0]
    values = built.training.knob_values()
    found = evaluate(built.objective, built.data.test, values, seed=0)
    train = collect(lambda x: x.flatten(1), built.data.train)
    rows = collect(lambda x: x.flatten(1), built.data.test)
    assert found.mse < pca(train, 3).errors(rows).mean()


@pytest.mark.parametrize("stop", [3, 11])
def test_a_training_broken_off_goes_on_bit_for_bit(stop):
    """In mid-epoch and later, with noise on a schedule."""
    request = (*SMALL, "dataset.limit=300", "trainer.epochs=4",
               "model.noise_std={start: 2, end: 0.5, steps: 12}")  # fmt: skip
    whole, continued = whole_and_continued(request, stop)
    theirs = weights_of(continued.objective)
    for name, weight in weights_of(whole.objective).items():
        assert torch.equal(weight, theirs[name]), name


def test_a_chain_is_one_transition_after_another():
    """Its means in order; each from where the one before left the chain."""
    net, x = _net(), _x(2)
    noise = _noise(lambda draws: net.chain(x, 5, draws), x)
    means = net.chain(x, 5, Draws(noise))
    assert means.shape == (5, 2, 1, 2, 3)
    source, state = Draws(noise), net.start(x)
    assert all((h == 0).all() for h in state.hidden)
    for mean in means:
        expected, state = net.transition(state, source)
        assert torch.equal(mean, expected)


def test_samples_are_consecutive_means_of_one_chain():
    """In [0, 1], in order, repeatable: more samples go on where fewer stop."""
    net, like = _net(), _x()
    few, more, other = (
        with_noise(lambda draws, n=n: net.sample(n, draws), like, seed=seed)
        for n, seed in ((4, 0), (9, 0), (9, 1))
    )
    assert torch.equal(few, more[:4])
    assert not torch.equal(more, other)
    assert more.shape == (9, 1, 2, 3)
    assert ((more > 0) & (more < 1)).all()
    noise = _noise(lambda draws: net.sample(4, draws), like)
    start, rest = noise[0], noise[1:]
    assert start.shape == (1, 1, 2, 3)
    whole = net.chain(start, 104, Draws(rest))
    assert torch.equal(net.sample(4, Draws(noise)), whole[100:, 0])


def test_a_run_has_pictures_of_its_chain_and_filters(tmp_path):
    """The command trains it, draws samples and filters, and loads it to sample more."""
    run = aerun.run([*SMALL, "experiment=smoke", f"hydra.run.dir={tmp_path / 'run'}"])
    assert run.summary["status"] == "completed"
    for name in ("samples.png", "filters.png", "latent.png"):
        assert (run.directory / name).read_bytes().startswith(b"\x89PNG"), name
    model = aerun.load(run.directory)
    samples = model.sample(3, seed=5)
    assert samples.shape == (3, 1, 8, 8)
    assert np.array_equal(samples, model.sample(3, seed=5))
    assert not np.array_equal(samples, model.sample(3, seed=6))
    assert samples.min() >= 0
    assert samples.max() <= 16
