"""Sources that need no network, and what is refused of those of one's own."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from aerun.data import DatasetOptions, Source, digits, plane, prepare
from aerun.data.plane import axes, covariance
from aerun.errors import DataError

OPTIONS = DatasetOptions(
    validation=0.1,
    test=0.2,
    split_seed=0,
    limit=None,
    exclude_classes=[],
    scale="none",
    zca_epsilon=0.1,
    binarize="none",
)


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


# -- what a data set function of one's own may return ----------------------------------

X, Y = np.random.default_rng(0).random((20, 4)), np.arange(20) % 2


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((X, None), "must return aerun.data.Source, not tuple"),
        (None, "must return aerun.data.Source, not NoneType"),
        (Source(train=X), "training part must be a pair .* not ndarray"),
        (Source(train=(torch.zeros(20, 4), None)), "a NumPy array, not Tensor"),
        (Source(train=(X.tolist(), None)), "a NumPy array, not list"),
        (Source(train=(X[:, 0], None)), r"training examples have shape \[20\]"),
        (Source(train=(np.zeros((20, 5, 5, 3)), None)), r"shape \[20, 5, 5, 3\]"),
        (Source(train=(X[:, :0], None)), r"shape \[20, 0\]"),
        (Source(train=(X.astype(">f4"), None)), "type >f4; make them uint8"),
        (Source(train=(X.astype(str), None)), "type <U32; make them uint8"),
        (Source(train=(X.astype(np.uint16), None)), "type uint16; make them uint8"),
        (Source(train=(X, Y.astype(float))), "labels that are float64"),
        (Source(train=(X, Y.tolist())), "labels that are list"),
        (Source(train=(X, Y[:9])), r"are 20, their labels of shape \[9\]"),
        (Source(train=(X, Y + 1), classes=("a", "b")), "from 1 to 2, but .* 2 classes"),
        (Source(train=(X, Y - 1), classes=("a", "b")), "from -1 to 0, but"),
        (Source(train=(X, None), test=(X[:, :3], None)), r"test .* shape \[3\]"),
        (Source(train=(X, None), test=(X.astype(int), None)), "test .* type int64"),
        (Source(train=(X, None), names=("a",) * 19), "names .* 19 for 20 examples"),
        (Source(train=(X, None), feature_names=("a",)), "1 for 4 columns"),
        (Source(train=(X, Y), classes=(0, 1)), "classes of the source must be texts"),
        (Source(train=(X * 300, None), bounds=(0, 255)), "beyond the bounds 0 and 255"),
    ],
)  # fmt: skip
def test_a_source_that_is_none_is_refused(made: Any, said: str) -> None:
    """What a function of the user's own returned is told from what it should have."""
    with pytest.raises(DataError, match=said):
        prepare(made, OPTIONS)
