"""The classical parts against oracles: corruption, contraction, winners, kernels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from making import make

import aerun
from aerun import contraction, corruptions
from aerun.build import sketch_objective
from aerun.draws import Draws
from aerun.errors import BadUse
from aerun.evaluation.splits import knob_tensors
from aerun.models import Autoencoder, Decoder, DenseEncoder, Plain
from aerun.models.bottlenecks import Lifetime, TopK, largest_of_each_map
from aerun.models.priors import NoPrior

pytestmark = pytest.mark.usefixtures("unpictured")


def _uniform(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


# -- corruption ----------------------------------------------------------------------


def test_masking_blanks_about_so_many_and_rescales_none():
    """Masked elements are 0, the others what they were; emphasis tells them apart."""
    x, luck = _uniform(200, 50) + 1, _uniform(200, 50, seed=1)
    seen, emphasis = corruptions.masking(
        x, Draws([luck]), probability=0.3, corrupted_weight=2.0, clean_weight=0.5
    )
    masked = seen == 0
    assert abs(masked.double().mean() - 0.3) < 0.02
    assert torch.equal(seen[~masked], x[~masked])
    assert torch.equal(emphasis, torch.where(masked, 2.0, 0.5))


def test_salt_and_pepper_tosses_a_coin():
    """Replaced elements are 0 or 1, about as often; the others what they were."""
    x, luck = _uniform(200, 50) * 0.8 + 0.1, _uniform(200, 50, seed=1)
    seen, emphasis = corruptions.salt_pepper(
        x, Draws([luck]), probability=0.4, corrupted_weight=1.0, clean_weight=0.0
    )
    salt, pepper = seen == 1, seen == 0
    assert abs(salt.double().mean() - 0.2) < 0.02
    assert abs(pepper.double().mean() - 0.2) < 0.02
    assert torch.equal(emphasis == 1, salt | pepper)
    assert torch.equal(seen[emphasis == 0], x[emphasis == 0])


def test_uniform_noise_stays_within_eps_and_the_range():
    """No element moves by more than eps or leaves [0, 1]; in between it is uniform."""
    x, luck = _uniform(200, 50), _uniform(200, 50, seed=1)
    change = corruptions.uniform(x, Draws([luck]), eps=0.2) - x
    inside = (x > 0.2) & (x < 0.8)
    assert change.abs().max() <= 0.2
    assert 0 <= (x + change).min() < (x + change).max() <= 1
    assert change[inside].abs().mean() == pytest.approx(0.1, abs=0.005)
    assert abs(change[inside].mean()) < 0.005


def test_emphasis_weighs_the_loss_of_the_clean_target():
    """With a weight of 0 for clean elements only the masked ones are learned from."""
    _, built = make(
        "model=denoising", "loss=mse", "corruption.clean_weight=0",
        "corruption.corrupted_weight=3", "model.output_activation=sigmoid",
    )  # fmt: skip
    x = built.data.train.gather(slice(8))
    knobs = knob_tensors(built.training.knob_values(), x)
    luck = torch.rand(x.shape)
    terms, out = built.objective.terms(x, knobs, Draws([luck]))
    by_hand = (3 * (out.recon - x).square() * (luck < 0.25)).flatten(1).sum(1)
    torch.testing.assert_close(terms["reconstruction"], by_hand)
    assert torch.equal(out.target, x)
    assert not torch.equal(out.seen, x)


# -- contraction ---------------------------------------------------------------------


def _model(*, hidden=(), code=6, activation="tanh", code_activation="sigmoid"):
    torch.manual_seed(0)
    encoder = DenseEncoder(
        shape=(9,), hidden=list(hidden), code=code, activation=activation,
        code_activation=code_activation, initialization="default",
        centred=False,
    )  # fmt: skip
    decoder = Decoder(
        encoder=encoder, activation=activation, initialization="default", tied=False
    )
    model = Autoencoder(
        prior=NoPrior(),
        encoder=encoder,
        bottleneck=Plain(),
        decoder=decoder,
        output_activation="none",
    )
    return model.double()


def _by_autograd(model, x):
    rows = [
        torch.autograd.functional.jacobian(lambda v: model.encode(v[None])[0], one)
        for one in x
    ]
    return torch.stack([row.square().sum() for row in rows])


@pytest.mark.parametrize("code_activation", ["sigmoid", "tanh"])
def test_the_closed_form_is_the_jacobians(code_activation):
    """Closed form, row by row and autograd's Jacobian agree, values and gradients."""
    model, x = _model(code_activation=code_activation), _uniform(4, 9)
    closed = contraction.closed_form(model, model.encode(x))
    exact = contraction.exact(model, x)
    torch.testing.assert_close(closed, _by_autograd(model, x), rtol=1e-10, atol=0)
    torch.testing.assert_close(exact, closed, rtol=1e-10, atol=0)
    weight = model.encoder.levels[0].weight
    (one,) = torch.autograd.grad(closed.sum(), weight)
    (other,) = torch.autograd.grad(contraction.exact(model, x).sum(), weight)
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_deeper_encoders_are_taken_row_by_row():
    """Two levels: autograd's Jacobian again, and its gradient by finite differences."""
    model, x = _model(hidden=(7,)), _uniform(3, 9)
    torch.testing.assert_close(contraction.exact(model, x), _by_autograd(model, x))
    weight = model.encoder.levels[0].weight

    def penalty(value):
        parameters = {"encoder.levels.0.weight": value}
        with torch.nn.utils.stateless._reparametrize_module(model, parameters):
            return contraction.exact(model, x).sum()

    assert torch.autograd.gradcheck(penalty, (weight.detach().requires_grad_(),))


def test_the_estimate_is_right_on_average():
    """Hutchinson's mean lies within three standard errors of the exact value."""
    model, x = _model(hidden=(7,)), _uniform(1, 9).expand(20_000, 9)
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn(20_000, 6, generator=generator, dtype=torch.float64)
    found = contraction.hutchinson(model, x, directions).detach()
    exact = contraction.exact(model, x[:1]).item()
    assert abs(found.mean() - exact) < 3 * found.std() / np.sqrt(len(found))


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({}, "closed_form"),
        ({"hidden": (7,)}, "exact"),
        ({"code_activation": "relu"}, "exact"),
        ({"code": 65, "code_activation": "none"}, "hutchinson"),
    ],
)
def test_auto_takes_what_is_cheapest_and_exact(options, chosen):
    """Closed form where there is one, exact up to 64 code units, else the estimate."""
    model = _model(**options)
    assert contraction.choose(model, model.code_size) == chosen


def test_a_second_look_at_a_batch_is_not_remembered():
    """The Jacobian of units that compete is taken, and moves no running mean."""
    _, built = make("model=k_sparse", "regularizer=[contractive]", "model.code=30")
    x = built.data.train.gather(slice(8))
    knobs = knob_tensors(built.training.knob_values(), x)
    terms, _ = built.objective.train().terms(x, knobs, Draws([]))
    model = built.objective.model
    assert model.encoder.levels[0].centre.number == 1
    by_autograd = _by_autograd(model.eval(), x)
    torch.testing.assert_close(terms["contractive"], by_autograd)
    assert not contraction.has_closed_form(make("model=wta")[1].objective.model)


@pytest.mark.parametrize(
    "request_", [("model=k_sparse", "+regularizer=[contractive]"),
                 ("model=contractive", "model.hidden=[20]"),
                 ("model=contractive", "model.code_activation=relu")],
)  # fmt: skip
def test_a_closed_form_that_there_is_not_is_refused(request_):
    """Before anything is trained, with what to do."""
    with pytest.raises(BadUse, match="choose auto"):
        aerun.run([*request_, "regularizer.contractive.estimator=closed_form"])


def test_with_a_corruption_it_is_taken_at_the_corrupted_input():
    """The term equals the penalty at what the encoder saw, not at the clean input."""
    _, built = make("model=contractive_denoising", "model.code=20")
    x = built.data.train.gather(slice(6))
    knobs = knob_tensors(built.training.knob_values(), x)
    terms, out = built.objective.terms(x, knobs, Draws([torch.rand(x.shape)]))
    model = built.objective.model
    seen = contraction.closed_form(model, model.encode(out.seen))
    clean = contraction.closed_form(model, model.encode(x))
    torch.testing.assert_close(terms["contractive"], seen)
    assert not torch.allclose(seen, clean)


# -- winners -------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 10])
def test_exactly_k_survive_and_carry_the_gradient(k):
    """The k largest of each example, as they were; nothing flows through the others."""
    code = _uniform(5, 10).requires_grad_()
    level = SimpleNamespace(output_shape=(10,))
    kept, _ = TopK(encoder=SimpleNamespace(levels=[level]))(code, code, None, k=k)
    assert ((kept != 0).sum(1) == k).all()
    smallest = kept.masked_fill(kept == 0, np.inf).amin(1)
    assert (code.masked_fill(kept != 0, -np.inf).amax(1) <= smallest).all()
    (gradient,) = torch.autograd.grad(kept.sum(), code)
    assert torch.equal(gradient, (kept != 0).double())


@pytest.mark.parametrize(
    "request_", [("model=k_sparse", "model.code=20"),
                 ("model=simple", "model/bottleneck=k_sparse"),
                 ("model=conv_wta", "model/bottleneck=k_sparse", "model.code=2",
                  "model.bottleneck.k={start: 5, end: 129}")],
)  # fmt: skip
def test_more_winners_than_units_are_refused(request_):
    """The end of a falling k counts; of maps, every place is a unit."""
    with pytest.raises(BadUse, match=r"k=\d+: there are (20|3|128) units"):
        aerun.run(request_)


def test_as_many_winners_as_units_are_accepted():
    """A sweep may go up to the whole code."""
    config, built = make("model=k_sparse", "model.code=20", "model.bottleneck.k=20")
    objective = sketch_objective(config, built.data.spec.shape)
    assert objective.model.limits == {"model.bottleneck.k": 20}


def _k_sparse(*more):
    """A model, and some test examples."""
    _, built = make("model=k_sparse", "trainer.precision=float64", *more)
    return built.objective.model.eval(), built.data.test.gather(slice(40))


@pytest.mark.parametrize(
    ("k", "final"),
    [
        ("1", 1),
        ("10", 10),
        ("{start: 50, end: 7}", 7),
        ("{start: 50, end: 7, steps: 100}", 7),
    ],
)
def test_the_code_of_a_k_sparse_model_is_what_is_decoded(k, final):
    """Exactly k non-zeros per example, k at its final value, and these reconstruct."""
    model, x = _k_sparse(f"model.bottleneck.k={k}")
    with torch.no_grad():
        code, out = model.encode(x), model(x)
        _, whole = model.encoder(x)
        assert ((code != 0).sum(1) == final).all()
        assert torch.equal(code[code != 0], whole[code != 0])
        assert torch.equal(out.code, code)
        assert torch.equal(model.decode(code), out.recon)


@pytest.mark.parametrize("code_activation", ["sigmoid", "tanh"])
def test_contraction_of_a_k_sparse_code_is_that_of_its_winners(code_activation):
    """No closed form, but autograd's Jacobian of the code, with k rows at most."""
    model, x = _k_sparse(
        f"model.code_activation={code_activation}", "model.code=30",
        "model.bottleneck.k=4",
    )  # fmt: skip
    assert contraction.choose(model, model.code_size) == "exact"
    assert contraction.mean_norm(model, [x]) is None
    some = x[:5]
    by_autograd = _by_autograd(model, some)
    assert (by_autograd > 0).all()
    torch.testing.assert_close(contraction.exact(model, some), by_autograd)
    model.decodes_code = False
    assert (contraction.exact(model, some) > 2 * by_autograd).all()


@pytest.mark.parametrize("model", ["wta", "conv_wta"])
def test_the_code_of_a_winner_take_all_model_is_whole(model):
    """Encoding gives all rectified activations; only decoding leaves winners."""
    _, built = make(f"model={model}", "trainer.epochs=1", "dataset.limit=300")
    list(built.training)
    net, x = built.objective.eval().model, built.data.test.gather(slice(50))
    with torch.no_grad():
        _, whole = net.encoder(x)
        out, code = net(x), net.encode(x)
    assert torch.equal(code, whole.flatten(1).relu())
    assert torch.equal(out.code, code)
    assert 0 < out.latent.count_nonzero() < 0.5 * code.count_nonzero()


def _stub(shape):
    level = type("Level", (), {"output_shape": shape})()
    return type("Stub", (), {"levels": [level]})()


def test_each_unit_is_kept_in_a_share_of_the_batch():
    """5 % of 100 examples are 5, for every unit, in training; about that alone."""
    bottleneck = Lifetime(encoder=_stub((8,)), share=0.05, spatial=False, momentum=0.9)
    for seed in range(30):
        code = torch.rand(100, 8, generator=torch.manual_seed(seed))
        kept, _ = bottleneck(code, code, None)
        assert ((kept > 0).sum(0) == 5).all()
    alone, _ = bottleneck.eval()(None, _uniform(4000, 8).float(), None)
    assert abs((alone > 0).float().mean() - 0.05) < 0.02
    again, _ = bottleneck(None, _uniform(4000, 8).float()[7:8], None)
    assert torch.equal(again, alone[7:8])


def test_maps_without_a_positive_value_compete_too():
    """Of ten maps that are negative everywhere two win, and learn."""
    maps = (-1 - _uniform(10, 1, 2, 2)).float().requires_grad_()
    bottleneck = Lifetime(
        encoder=_stub((1, 2, 2)), share=0.2, spatial=True, momentum=0.9
    )
    kept, _ = bottleneck(None, maps, None)
    (gradient,) = torch.autograd.grad(kept.sum(), maps)
    assert int((gradient != 0).flatten(1).any(1).sum()) == 2
    assert (kept == 0).all()


def test_spatial_winners_are_one_per_map():
    """One value of each map survives, the largest; then a share of the batch."""
    maps = _uniform(10, 3, 4, 5)
    kept = largest_of_each_map(maps)
    assert ((kept != 0).sum((2, 3)) == 1).all()
    assert torch.equal(kept.amax((2, 3)), maps.amax((2, 3)))
    bottleneck = Lifetime(
        encoder=_stub((3, 4, 5)), share=0.2, spatial=True, momentum=0.9
    )
    both, _ = bottleneck(None, maps.float(), None)
    assert ((both != 0).sum((0, 2, 3)) == 2).all()
