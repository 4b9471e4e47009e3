"""Sparsity against oracles, of one batch and of a running mean over many."""

import numpy as np
import pytest
import torch
from continuing import whole_and_continued
from making import make
from torch import nn

from aerun import sparsity
from aerun.evaluation.splits import batches, evaluate
from aerun.evaluation.units import code_units
from aerun.models.outputs import Outputs
from aerun.running import RunningMean
from aerun.training.events import StepEnded
from aerun.training.state import weights_of

KINDS = [sparsity.KLSparsity, sparsity.SquaredSparsity]
RHO = 0.2


def _uniform(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def _code(code):
    return Outputs(code=code, recon=code)


def _penalty(kind, size, momentum=0.0):
    return kind(code_size=size, momentum=momentum).double()


def _cost(penalty, code, rho=RHO):
    return penalty(_code(code), nn.Identity(), rho=rho)


def _by_hand(kind, mean):
    """A penalty and its derivative at each unit's mean."""
    if kind is sparsity.SquaredSparsity:
        return ((mean - RHO) ** 2).sum(), 2 * (mean - RHO)
    terms = RHO * np.log(RHO / mean) + (1 - RHO) * np.log((1 - RHO) / (1 - mean))
    return terms.sum(), (1 - RHO) / (1 - mean) - RHO / mean


def _averages(values, momentum):
    """The plain mean of the first 1 / (1 - momentum) values, then exponential."""
    first = round(1 / (1 - momentum))
    found = [np.mean(values[: n + 1], axis=0) for n in range(first)]
    for value in values[first:]:
        found.append(momentum * found[-1] + (1 - momentum) * value)
    return found


# -- one batch -----------------------------------------------------------------------


def test_the_divergence_is_that_of_bernoulli_rates():
    """KL(rho || mean) summed over units, by hand; zero at rho, gradient through it."""
    code = _uniform(40, 7).requires_grad_()
    rho, mean = 0.2, code.detach().mean(0).numpy()
    by_hand = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
    found = _cost(_penalty(sparsity.KLSparsity, 7), code, rho)
    assert found.item() == pytest.approx(by_hand.sum(), rel=1e-12)
    (gradient,) = torch.autograd.grad(found, code)
    assert gradient.abs().min() > 0
    at_rho = torch.full((5, 3), rho, dtype=torch.float64)
    assert _cost(_penalty(sparsity.KLSparsity, 3), at_rho, rho).abs() < 1e-12


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_units_without_any_activity_cost_finitely_much(momentum):
    """A mean of exactly 0 or 1 gives a large number, not infinity."""
    code = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    penalty = sparsity.KLSparsity(code_size=2, momentum=momentum)
    assert _cost(penalty, code, rho=0.05).isfinite()


def test_the_first_attempt_is_a_squared_distance():
    """Sum over units of (mean - rho)^2."""
    code = _uniform(40, 7)
    found = _cost(_penalty(sparsity.SquaredSparsity, 7), code, rho=0.1)
    assert found.item() == pytest.approx(((code.mean(0) - 0.1) ** 2).sum().item())


@pytest.mark.parametrize("kind", KINDS)
def test_without_momentum_nothing_is_remembered(kind):
    """No buffers, and each batch costs what it costs by itself, value and gradient."""
    penalty = _penalty(kind, 5)
    assert list(penalty.buffers()) == []
    for seed in range(3):
        code = _uniform(8, 5, seed=seed).requires_grad_()
        found = _cost(penalty, code)
        value, slope = _by_hand(kind, code.detach().mean(0).numpy())
        assert found.item() == pytest.approx(value, rel=1e-12)
        (gradient,) = torch.autograd.grad(found, code)
        np.testing.assert_allclose(gradient, np.tile(slope / 8, (8, 1)), rtol=1e-10)


# -- a running mean ------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.5, 0.75, 0.9])
def test_a_running_mean_is_plain_at_first_and_then_exponential(momentum):
    """By hand after each of 25 values."""
    values = _uniform(25, 3)
    running = RunningMean(3, momentum).double()
    for value, expected in zip(
        values, _averages(values.numpy(), momentum), strict=True
    ):
        running.see(value)
        np.testing.assert_allclose(running.value, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_penalty_has_the_value_of_many_batches_and_the_gradient_of_one(kind):
    """Value and slope at the running mean, times the batch's own d mean / d code."""
    momentum, size = 0.75, 6
    codes = [_uniform(size, 4, seed=seed) ** 2 for seed in range(10)]
    averages = _averages([code.mean(0).numpy() for code in codes], momentum)
    penalty = _penalty(kind, 4, momentum)
    for given, mean in zip(codes, averages, strict=True):
        code = given.clone().requires_grad_()
        found = _cost(penalty, code)
        value, slope = _by_hand(kind, mean)
        assert found.item() == pytest.approx(value, rel=1e-10)
        (gradient,) = torch.autograd.grad(found, code)
        by_hand = np.tile(slope / size, (size, 1))
        np.testing.assert_allclose(gradient, by_hand, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_in_evaluation_the_given_codes_alone_count(kind):
    """What was seen in training plays no part, and nothing is remembered."""
    penalty, code = _penalty(kind, 4, 0.9), _uniform(30, 4, seed=9)
    for seed in range(5):
        _cost(penalty, _uniform(6, 4, seed=seed) / 3)
    before = [buffer.clone() for buffer in penalty.buffers()]
    assert before
    found = _cost(penalty.eval(), code)
    value, _ = _by_hand(kind, code.mean(0).numpy())
    assert found.item() == pytest.approx(value, rel=1e-12)
    assert all(map(torch.equal, penalty.buffers(), before))


RUN = ("model=sparse", "model.code=24", "regularizer.kl_sparsity.momentum=0.9",
       "trainer.batch_size=16", "dataset.limit=200", "trainer.epochs=2")  # fmt: skip


def test_each_step_counts_once_and_an_evaluation_not_at_all():
    """Neither a dry run nor a validation is remembered; its figure is the split's."""
    _, built = make(*RUN, "trainer.precision=float64")
    term = built.objective.regularizers["kl_sparsity"].call
    steps = [e.step for e in built.training if isinstance(e, StepEnded)]
    assert term.running.number == len(steps) > 20
    values, split = built.training.knob_values(final=True), built.data.validation
    found = evaluate(built.objective, split, values, seed=0)
    with torch.no_grad():
        codes = torch.cat([built.objective.model.encode(x) for x in batches(split)])
    plain = _cost(_penalty(sparsity.KLSparsity, 24), codes, rho=0.05)
    assert found.terms["kl_sparsity"] == pytest.approx(float(plain), rel=1e-10)
    assert term.running.number == len(steps)


@pytest.mark.parametrize("stop", [1, 5, 12, 20])
def test_interrupted_after_any_step_the_mean_goes_on_bit_for_bit(stop):
    """A fresh training, restored, ends with the same weights and the same mean."""
    whole, fresh = whole_and_continued(RUN, stop)
    ours, theirs = weights_of(whole.objective), weights_of(fresh.objective)
    assert len([name for name in ours if ".running." in name]) == 2
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_each_level_has_a_mean_of_its_own():
    """The first step of a second level as wide as the first begins a new mean."""
    _, built = make(
        "model=stacked", "model.hidden=[20]", "model.code=20",
        "model.activation=sigmoid", "model.code_activation=sigmoid",
        "regularizer=[kl_sparsity]", "regularizer.kl_sparsity.momentum=0.9",
        "trainer=greedy", "trainer.epochs=1", "dataset.limit=200",
    )  # fmt: skip
    seen = []
    for event in built.training:
        if isinstance(event, StepEnded) and built.training.position.phase_step == 1:
            terms = built.training.phase.objective.regularizers
            seen.append(float(terms["kl_sparsity"].call.running.number))
    assert seen == [1, 1]


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_small_batches_land_nearer_to_rho_with_a_running_mean(seed):
    """Batches of 16 cannot tell an activity of 2 %; 100 of them together can."""
    away = []
    for momentum in (0, 0.99):
        _, built = make(
            "model=sparse", "model.code=64", "regularizer.kl_sparsity.rho=0.02",
            "regularizer.kl_sparsity.weight=1", "trainer.batch_size=16",
            "trainer.epochs=6", f"regularizer.kl_sparsity.momentum={momentum}",
            f"seed={seed}",
        )  # fmt: skip
        list(built.training)
        units = code_units(built.objective.eval().model, built.data.train)
        away.append(np.abs(units.activity - 0.02).mean())
    plain, running = away
    assert running < 0.6 * plain
