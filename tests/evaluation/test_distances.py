"""Distances of distributions against closed forms and brute force."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from aerun.evaluation.distances import (
    discrepancy,
    frechet_distance,
    gaussian_frechet_distance,
    median_distance,
    squared_distances,
)


def _normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_squared_distances_and_their_median_are_numpys():
    """Each row with each other; the median leaves out a row with itself."""
    rows, others = _normal(5, 3), _normal(4, 3, seed=1)
    expected = np.square(rows.numpy()[:, None] - others.numpy()).sum(2)
    np.testing.assert_allclose(squared_distances(rows, others), expected, rtol=1e-10)
    assert float(squared_distances(rows, rows).diagonal().abs().max()) < 1e-12
    own = np.sqrt(np.square(rows.numpy()[:, None] - rows.numpy()).sum(2))
    own = np.sort(own[np.triu_indices(5, 1)])
    assert median_distance(rows) == pytest.approx(own[4], rel=1e-10)  # lower of ten


# -- maximum mean discrepancy --------------------------------------------------------


def _brute(x, y, bandwidths):
    """The U-statistic pair by pair."""

    def k(a, b):
        square = float(np.sum((a - b) ** 2))
        return np.mean([math.exp(-square / (2 * s * s)) for s in bandwidths])

    x, y = x.numpy(), y.numpy()
    within = np.mean([k(a, b) for i, a in enumerate(x) for b in np.delete(x, i, 0)])
    other = np.mean([k(a, b) for i, a in enumerate(y) for b in np.delete(y, i, 0)])
    return within + other - 2 * np.mean([k(a, b) for a in x for b in y])


@pytest.mark.parametrize("blocks", [2, 3, 5, 20])
def test_the_discrepancy_is_the_u_statistic(blocks):
    """Whatever the blocks, of sets of unequal size."""
    x, y = _normal(17, 2), _normal(13, 2, seed=1) * 2
    found = discrepancy(x, y, bandwidths=[0.5, 2.0], blocks=blocks)
    assert found.squared == pytest.approx(_brute(x, y, [0.5, 2.0]), rel=1e-10)
    assert found.bandwidths == (0.5, 2.0)


def test_the_standard_error_is_a_jackknife_over_blocks():
    """Each block is left out of both sets in turn."""
    x, y = _normal(12, 2), _normal(8, 2, seed=1) + 1
    found = discrepancy(x, y, bandwidths=[1.0], blocks=4)

    def without(rows, size, block):
        return torch.cat([rows[: block * size], rows[(block + 1) * size :]])

    parts = [_brute(without(x, 3, b), without(y, 2, b), [1.0]) for b in range(4)]
    expected = math.sqrt(3 / 4 * np.square(parts - np.mean(parts)).sum())
    assert found.standard_error == pytest.approx(expected, rel=1e-9)


def test_bandwidths_come_from_the_prior():
    """Its median distance times 1/4 to 4: codes far away do not widen the kernel."""
    x, y = 100 * _normal(50, 3), _normal(60, 3, seed=1)
    found = discrepancy(x, y)
    middle = median_distance(y)
    assert found.bandwidths == tuple(middle * s for s in (0.25, 0.5, 1.0, 2.0, 4.0))


def test_the_discrepancy_of_two_gaussians_is_the_closed_form():
    """E k of N(m, I) and N(0, I) under an RBF kernel is a Gaussian density ratio."""
    size, shift, width = 2, 0.8, 1.3
    x = _normal(4000, size) + shift
    found = discrepancy(x, _normal(4000, size, seed=1), bandwidths=[width])
    same = (width**2 / (width**2 + 2)) ** (size / 2)
    moved = same * math.exp(-size * shift**2 / (2 * (width**2 + 2)))
    expected = 2 * same - 2 * moved
    assert abs(found.squared - expected) < 3 * found.standard_error
    assert found.standard_error < 0.1 * expected


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.9, 1.8), (0.5, 0.8, 1.25)])
def test_the_standard_error_is_the_spread_of_repetitions(shift, low, high):
    """Close to it where distributions differ, somewhat above where they are equal."""
    found = [
        discrepancy(
            _normal(200, 2, seed=2 * i) + shift, _normal(200, 2, seed=2 * i + 1)
        )
        for i in range(150)
    ]
    spread = np.std([f.squared for f in found], ddof=1)
    told = math.sqrt(np.mean([f.standard_error**2 for f in found]))
    assert low < told / spread < high


def test_equal_distributions_are_at_distance_zero():
    """Within the standard error, and on both sides of zero over repetitions."""
    found = [
        discrepancy(_normal(100, 2, seed=2 * i), _normal(100, 2, seed=2 * i + 1))
        for i in range(60)
    ]
    squares = np.asarray([f.squared for f in found])
    assert abs(squares.mean()) < 3 * squares.std() / math.sqrt(60)
    assert (squares < 0).any()
    assert (squares > 0).any()


def test_few_rows_have_a_discrepancy_without_standard_error():
    """Three of them make one block."""
    found = discrepancy(_normal(3, 2), _normal(3, 2, seed=1), bandwidths=[1.0])
    expected = _brute(_normal(3, 2), _normal(3, 2, seed=1), [1.0])
    assert found.squared == pytest.approx(expected)
    assert math.isnan(found.standard_error)


# -- Frechet distance ----------------------------------------------------------------


def test_a_set_is_at_distance_zero_of_itself():
    """Also in single precision, and with a covariance that is singular."""
    rows = _normal(50, 5)
    flat = torch.cat([rows, rows[:, :2], torch.zeros(50, 1)], 1)
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(rows.float(), rows.float()) == pytest.approx(0, abs=1e-10)


def test_moved_rows_are_as_far_as_they_were_moved():
    """|m|^2 for equal covariances; (a - 1)^2 tr S for rows scaled by a around 0."""
    rows = _normal(50, 4)
    move = torch.tensor([1.0, -2.0, 0.0, 0.5])
    assert frechet_distance(rows, rows + move) == pytest.approx(5.25, rel=1e-9)
    centred = rows - rows.mean(0)
    expected = 4 * float(torch.cov(rows.T).trace())
    assert frechet_distance(centred, 3 * centred) == pytest.approx(expected, rel=1e-9)


def test_diagonal_gaussians_have_a_closed_form():
    """The sum of (s - s')^2 over dimensions, and |m - m'|^2."""
    std, other = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 0.5, 0.0])
    mean = torch.tensor([1.0, 0.0, 2.0])
    found = gaussian_frechet_distance(
        mean, std.square().diag(), torch.zeros(3), other.square().diag()
    )
    assert found == pytest.approx(5 + 4 + 2.25)


def test_the_distance_is_that_of_the_matrix_square_root():
    """Against SciPy's, with correlated features of unequal numbers of rows; even."""
    x = _normal(60, 6) @ _normal(6, 6, seed=1)
    y = _normal(40, 6, seed=2) @ _normal(6, 6, seed=3) + 1
    a, b = np.cov(x.numpy().T), np.cov(y.numpy().T)
    means = np.square(x.numpy().mean(0) - y.numpy().mean(0)).sum()
    expected = means + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-8)


def test_a_single_feature_is_allowed():
    """(m - m')^2 + (s - s')^2."""
    x, y = _normal(30, 1), 2 * _normal(40, 1, seed=1) + 1
    expected = (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2
    assert frechet_distance(x, y) == pytest.approx(float(expected), rel=1e-9)
