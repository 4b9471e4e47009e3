"""The sources that need no network: digits and points near a plane."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aerun.data import digits, plane
from aerun.data.plane import axes, covariance


def test_digits_are_scikit_learns() -> None:
    """1,797 images of 8x8 pixels, 0 to 16, in ten classes of much the same size."""
    source = digits()
    images, labels = source.train
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == source.bounds == (0, 16)
    assert labels is not None
    assert np.bincount(labels).min() >= 170
    assert len(np.bincount(labels)) == len(source.classes or ()) == 10
    np.testing.assert_array_equal(images[:, 0], load_digits().images)
    np.testing.assert_array_equal(labels, load_digits().target)


@pytest.mark.parametrize("noise", [0.0, 0.1, 3.0])
def test_the_covariance_of_the_points_is_the_known_one(noise: float) -> None:
    """Mean and covariance of many points are what the formula says."""
    points = plane(num_examples=200_000, noise=noise, points_seed=1).train[0]
    assert points.shape == (200_000, 3)
    np.testing.assert_allclose(points.mean(0), [1, 2, 3], atol=0.03)
    np.testing.assert_allclose(np.cov(points.T), covariance(noise), atol=0.09)


def test_the_plane_is_a_plane() -> None:
    """Its axes are orthonormal; the variances along them are 4, 1 and noise squared."""
    np.testing.assert_allclose(axes().T @ axes(), np.eye(3), atol=1e-12)
    variances = np.linalg.eigvalsh(covariance(0.5))
    np.testing.assert_allclose(variances, [0.25, 1, 4], atol=1e-12)
    points = plane(num_examples=50, noise=0.0, points_seed=0).train[0]
    away = (points - [1, 2, 3]) @ axes()[:, 2]
    np.testing.assert_allclose(away, 0, atol=1e-12)


def test_points_move_only_with_their_seed() -> None:
    """The same seed draws the same points."""
    first, again, other = (
        plane(num_examples=20, noise=0.1, points_seed=seed).train[0]
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
