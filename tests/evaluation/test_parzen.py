"""Parzen windows against scikit-learn's and by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity

from aerun.evaluation import parzen as module
from aerun.evaluation.parzen import (
    SIGMAS,
    gaussian_samples,
    log_densities,
    parzen,
    parzen_anchors,
)


def _data(*sizes, elements=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(size, elements, generator=generator) for size in sizes]


def _reference(rows, centres, sigma):
    density = KernelDensity(bandwidth=sigma, rtol=1e-12).fit(centres.double().numpy())
    return density.score_samples(rows.double().numpy())


@pytest.mark.parametrize("block", [1000, 7, 1])
def test_densities_are_those_of_scikit_learn(block, monkeypatch):
    """For each width, in nats, whatever the blocks."""
    monkeypatch.setattr(module, "_BLOCK", block)
    rows, centres = _data(23, 40)
    found = log_densities(rows, centres, sigmas=[0.05, 0.3, 2.0])
    expected = [_reference(rows, centres, sigma) for sigma in (0.05, 0.3, 2.0)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_one_centre_is_a_gaussian():
    """In 784 dimensions and on the centre itself: -784 log(sigma sqrt(2 pi))."""
    (row,) = _data(1, elements=784)
    (found,) = log_densities(row, row, sigmas=[0.1])
    expected = -784 * math.log(0.1 * math.sqrt(2 * math.pi))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_far_away_nothing_overflows():
    """A density of e^-(10^8) is told as its logarithm."""
    rows = torch.zeros(1, 2)
    found = log_densities(rows, rows + 1e4, sigmas=[1.0])
    assert float(found) == pytest.approx(-1e8 - math.log(2 * math.pi), rel=1e-12)


def test_the_width_is_the_best_for_validation_and_the_figure_that_of_test():
    """Of ten from 0.1 to 1, evenly spaced in their logarithm."""
    np.testing.assert_allclose(SIGMAS, np.logspace(-1, 0, 10), rtol=1e-12)
    centres, validation, test = _data(60, 30, 50, elements=8)
    found = parzen(centres, validation, test)
    tried = [_reference(validation, centres, sigma).mean() for sigma in SIGMAS]
    assert found.sigma == SIGMAS[int(np.argmax(tried))]
    assert 0 < np.argmax(tried) < 9
    values = _reference(test, centres, found.sigma)
    assert found.mean == pytest.approx(values.mean(), rel=1e-9)
    error = values.std(ddof=1) / math.sqrt(50)
    assert found.standard_error == pytest.approx(error, rel=1e-6)


def test_validation_alone_chooses_the_width():
    """Test examples that coincide with the centres do not make it small."""
    centres, validation, _ = _data(60, 30, 1, elements=8)
    assert parzen(centres, validation, centres) != parzen(centres, centres, centres)
    assert parzen(centres, centres, validation).sigma == SIGMAS[0]
    assert parzen(centres, validation, centres).sigma > SIGMAS[0]


def test_progress_is_told():
    """The examples of validation and test, each once."""
    ticks = []
    centres, validation, test = _data(20, 7, 9)
    parzen(centres, validation, test, tick=ticks.append)
    assert ticks == [7, 9]


# -- anchors -------------------------------------------------------------------------


def test_gaussian_samples_have_the_moments_of_the_data():
    """Mean and covariance, also where an element is the sum of two others."""
    (rows,) = _data(500, elements=3)
    rows = torch.cat([rows, rows[:, :1] + rows[:, 1:2]], 1)
    generator = torch.Generator().manual_seed(0)
    found = gaussian_samples(rows, 50_000, generator)
    torch.testing.assert_close(found.mean(0), rows.double().mean(0), atol=0.01, rtol=0)
    expected = torch.cov(rows.double().T)
    torch.testing.assert_close(torch.cov(found.T), expected, atol=0.003, rtol=0)
    torch.testing.assert_close(found[:, 3], found[:, 0] + found[:, 1])


def test_anchors_are_the_estimate_of_images_and_of_a_gaussian():
    """All images where there are few, else some by seed; samples in their range."""
    train, validation, test = _data(80, 30, 40)
    found = parzen_anchors(train, validation, test, num_centres=80, seed=0)
    whole = parzen(train, validation, test)
    assert found.train_images.mean == pytest.approx(whole.mean, rel=1e-9)
    assert found.train_images.sigma == whole.sigma
    samples = gaussian_samples(train, 80, _after_choosing(80))
    assert float(samples.min()) < float(train.min())
    samples = samples.clamp(train.min(), train.max())
    assert found.gaussian == parzen(samples, validation, test)
    few = parzen_anchors(train, validation, test, num_centres=20, seed=0)
    assert few == parzen_anchors(train, validation, test, num_centres=20, seed=0)
    assert few != parzen_anchors(train, validation, test, num_centres=20, seed=1)
    assert few.train_images.mean < found.train_images.mean


def _after_choosing(number):
    generator = torch.Generator().manual_seed(0)
    torch.randperm(number, generator=generator)
    return generator


def test_a_gaussian_is_worse_than_the_images_where_data_are_no_gaussian():
    """Two tight clusters: between them there is nothing but the Gaussian's samples."""
    generator = torch.Generator().manual_seed(0)

    def clusters(number):
        side = torch.randint(2, (number, 1), generator=generator).float()
        return side + 0.05 * torch.randn(number, 5, generator=generator)

    found = parzen_anchors(
        clusters(400), clusters(100), clusters(100), num_centres=400, seed=0
    )
    margin = 3 * found.gaussian.standard_error
    assert found.train_images.mean > found.gaussian.mean + margin
