"""Figures at the ends of what numbers can be, beside closed forms."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from making import make

from aerun.evaluation import anomalies, attack, baselines, distances, parzen, quality
from aerun.evaluation.entries import Figure, average, table, with_error
from aerun.evaluation.invariance import code_shifts
from aerun.evaluation.judge import class_figures
from aerun.evaluation.likelihood import standard_error
from aerun.evaluation.moments import Moments
from aerun.evaluation.of_classes import entropy_error
from aerun.evaluation.splits import evaluate
from aerun.models.outputs import Posterior
from aerun.models.priors import Mixture, Normal, SwissRoll

# -- errors and likeness ---------------------------------------------------------------


@pytest.mark.parametrize("width", [1e-100, 1.0, 255.0, 1e100])
def test_the_peak_signal_to_noise_ratio_has_no_limit_but_one(width):
    """Of a perfect answer it is infinite; of one off by the whole range 0 dB."""
    found = quality.psnr(np.array([0.0, width**2, 1e-6 * width**2]), width)
    assert found[0] == np.inf
    assert found[1:] == pytest.approx([0, 60])


@pytest.mark.parametrize("level", [0.0, 1.0, 255.0, 1e6, 1e12])
def test_constant_images_are_alike_as_far_as_their_levels_are(level):
    """Without any structure only the luminance term of the formula is left."""
    x = torch.full((1, 1, 8, 8), level, dtype=torch.float64)
    y = x + 3.0
    c1 = (0.01 * 255) ** 2
    wanted = (2 * level * (level + 3) + c1) / (level**2 + (level + 3) ** 2 + c1)
    assert float(quality.ssim(x, x, 255.0)) == 1.0
    assert float(quality.ssim(x, y, 255.0)) == pytest.approx(wanted, rel=1e-9)


def test_the_mse_of_a_split_is_that_of_double_precision():
    """Also where the errors of examples differ by ten orders of magnitude."""
    _, built = make("model=linear")
    split, model = built.data.test, built.objective.model
    with torch.no_grad():
        model.encoder.levels[0].weight.mul_(1e5)
    found = evaluate(built.objective, split, built.training.knob_values(), seed=0)
    x = split.gather(slice(None)).double()
    with torch.no_grad():
        recon = model.double()(x).recon
    assert found.mse == pytest.approx(float((recon - x).square().mean()), rel=1e-5)


# -- moments and standard errors -------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e8, 1e-30, 3e38])
def test_what_never_varies_has_no_variance_at_all(value):
    """Whatever the value: a mean is rounded, and squares of that would be no zero."""
    rows = torch.full((1000, 3), value)
    found = Moments(rows.split(300))
    assert torch.equal(found.variance, torch.zeros(3).double())
    assert torch.equal(found.mean, rows[0].double())


def test_a_large_mean_costs_no_digits_of_a_small_variance():
    """Rows around ten thousand, a hundredth apart, as in double precision."""
    generator = torch.Generator().manual_seed(0)
    rows = 1e4 + torch.randint(0, 8, (5000, 2), generator=generator) * 2.0**-7
    found = Moments(rows.split(999))
    wanted = rows.double().var(0, correction=0)
    torch.testing.assert_close(found.variance, wanted, rtol=1e-6, atol=0)


def test_one_value_has_no_standard_error():
    """It is told as none, and shown without one."""
    assert torch.isnan(standard_error(torch.ones(1)))
    figure = average(torch.ones(1), name="mse", unit="", definition="")
    assert figure.standard_error is None
    assert with_error(1e-300, 1e-301) == "1e-300 +- 1e-301"
    assert with_error(2.0, math.nan) == "2"


def test_entropies_end_at_zero_and_at_the_logarithm():
    """Of one class for all, of all classes alike; both without an error."""
    one, each = np.eye(10)[[3] * 50], np.eye(10)
    for given, wanted in ((one, 0.0), (each, math.log(10))):
        found = class_figures(given)
        assert found.entropy == pytest.approx(wanted, abs=1e-12)
        assert entropy_error(given, found.entropy) == pytest.approx(0, abs=1e-7)


# -- densities -------------------------------------------------------------------------


def _gauss(x: np.ndarray, mean: Any, std: float) -> np.ndarray:
    return -np.square((x - mean) / std) / 2 - math.log(std * math.sqrt(2 * math.pi))


def _log_mean(logs: np.ndarray) -> np.ndarray:
    top = logs.max(1)
    return top + np.log(np.exp(logs - top[:, None]).mean(1))


FAR = np.array([[0.0, 0.0], [3.0, -2.0], [1e3, 0.0], [-1e6, 1e6], [1e15, 2.0]])


def test_a_mixture_is_the_sum_of_its_gaussians_however_far_away():
    """By a log-sum-exp in double precision: nothing becomes minus infinity."""
    prior = Mixture(components=7, radius=2.0, std=0.1)
    angle = 2 * math.pi * np.arange(7) / 7
    out = FAR[:, :1] * np.cos(angle) + FAR[:, 1:] * np.sin(angle)
    along = FAR[:, 1:] * np.cos(angle) - FAR[:, :1] * np.sin(angle)
    wanted = _log_mean(_gauss(out, 2.0, 0.5) + _gauss(along, 0.0, 0.1))
    found = prior.log_density(torch.tensor(FAR, dtype=torch.float32))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=3e-5)


def test_a_swiss_roll_is_the_sum_of_its_gaussians_however_far_away():
    """Likewise, along the roll."""
    prior = SwissRoll(radius=3.0, std=0.1)
    far = np.sqrt((np.arange(512) + 0.5) / 512)
    angle = 3 * math.pi * far
    x, y = 3 * far * np.cos(angle), 3 * far * np.sin(angle)
    wanted = _log_mean(_gauss(FAR[:, :1], x, 0.1) + _gauss(FAR[:, 1:], y, 0.1))
    found = prior.log_density(torch.tensor(FAR, dtype=torch.float32))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=3e-5)


def test_a_wide_or_narrow_prior_is_no_further_than_it_is():
    """The divergence from Gaussians of any width, against the formula in double."""
    for std in (1e-6, 1.0, 1e6):
        for log_variance in (-50.0, -1e-3, 0.0, 50.0):
            posterior = Posterior(
                mean=torch.tensor([[3.0]]), log_variance=torch.tensor([[log_variance]])
            )
            found = Normal(mean=0.0, std=std).divergence_per_dimension(posterior)
            ratio = float(np.float32(log_variance)) - 2 * math.log(std)
            wanted = (9 / std**2 + math.expm1(ratio) - ratio) / 2
            assert float(found) == pytest.approx(wanted, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("distance", [0.0, 1.0, 1e3, 1e6])
def test_parzen_windows_are_a_log_sum_exp(distance):
    """Two centres, far beyond where their densities are zero in double precision."""
    centres = torch.tensor([[0.0], [2.0]]).double()
    rows = torch.tensor([[distance]]).double()
    (found,) = parzen.log_densities(rows, centres, sigmas=[0.1])
    wanted = _log_mean(_gauss(np.array([[distance]]), np.array([[0.0, 2.0]]), 0.1))
    assert float(found) == pytest.approx(float(wanted[0]), rel=1e-9)


# -- distances and ranks ---------------------------------------------------------------


def test_collapsed_sets_are_at_the_distance_of_their_points():
    """Gaussians without any spread: only their means are apart."""
    points = torch.zeros(20, 3)
    assert distances.frechet_distance(points, points) == 0
    found = distances.frechet_distance(points, points + 1e6)
    assert found == pytest.approx(3e12)


def test_codes_far_from_the_prior_are_as_far_as_can_be():
    """The discrepancy ends at 2 halves of a kernel of 1: nothing overflows."""
    generator = torch.Generator().manual_seed(0)
    prior = torch.randn(40, 2, generator=generator)
    for where in (1e3, 1e30):
        found = distances.discrepancy(prior * 0 + where, prior)
        own = distances.discrepancy(prior, prior).bandwidths
        assert found.bandwidths == own
        assert 1 < found.squared <= 2
        assert math.isfinite(found.standard_error)


def test_scores_that_all_tie_tell_nothing():
    """Half, without an error, whatever the scores are."""
    for value in (0.0, 1e300, math.inf):
        found = anomalies.auroc(np.full(5, value), np.full(3, value))
        assert (found.value, found.standard_error) == (0.5, 0.0)


# -- baselines, shifts, attacks --------------------------------------------------------


def test_there_is_no_principal_axis_of_what_never_varies():
    """Whatever its value; of one direction that varies, the others have none."""
    for value in (0.0, 0.1, 1e8):
        assert baselines.pca(np.full((20, 5), value, dtype=np.float32), 2) is None
    rows = np.zeros((20, 5), dtype=np.float32)
    rows[:, 3] = np.arange(20) * 1e15
    found = baselines.pca(rows.copy(), 2)
    assert found is not None
    assert found.errors(rows).max() / 1e30 < 1e-8


def test_codes_that_all_are_the_same_have_no_shift():
    """It is not a number then, which evaluation tells as a note."""
    _, built = make("model=simple")
    model: Any = built.objective.model.eval()
    with torch.no_grad():
        model.encoder.levels[-1].weight.zero_()
        model.encoder.levels[-1].bias.fill_(0.1)
    shifts = code_shifts(
        model, built.data.test, noise=0.1, generator=torch.Generator().manual_seed(0)
    )
    assert torch.isnan(shifts).all()


def test_an_attack_of_no_size_changes_nothing():
    """Nor does one of a size that single precision rounds away."""
    _, built = make("model=simple")
    x = built.data.test.gather(slice(5))
    model = built.objective.model
    for eps in (0.0, 1e-30):
        found = attack.attack_errors(model, x, eps=eps, steps=2, seed=0)
        assert float(found.excess.abs().max()) < 1e-12
    found = attack.pgd(model, x, eps=1e30, steps=2, seed=0)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_a_table_shows_any_number():
    """From the smallest to the largest, and one without a value."""
    values = [5e-324, 1.8e308, -0.0, math.inf, math.nan]
    figures = [
        Figure(name=f"f{i}", value=v, unit="u", definition="d", standard_error=abs(v))
        for i, v in enumerate(values)
    ]
    assert len(table(figures)) == len(values)
