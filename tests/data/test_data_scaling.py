"""Whitening and units: from what is stored to what training sees, and back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aerun.data import Data, DatasetOptions, Source, Spec, Split, prepare
from aerun.data.mapped import Mapped
from aerun.errors import DataError

OPTIONS = DatasetOptions(
    validation=0.1,
    test=0.2,
    split_seed=0,
    limit=None,
    exclude_classes=[],
    scale="zca",
    zca_epsilon=0.1,
    binarize="none",
)
RANDOM = np.random.default_rng(0)


def correlated(number: int = 400) -> np.ndarray:
    """Images [N, 3, 4, 5] in bytes whose pixels go together."""
    mixing = RANDOM.normal(size=(60, 60)) * np.linspace(20, 2, 60)[:, None]
    x = 128 + RANDOM.normal(size=(number, 60)) @ mixing / 8
    return np.clip(np.rint(x), 0, 255).astype(np.uint8).reshape(number, 3, 4, 5)


def vectors(number: int = 400) -> np.ndarray:
    """Columns in quite different units, correlated, one constant."""
    x = RANDOM.normal(size=(number, 6)) @ RANDOM.normal(size=(6, 6))
    x[:, 2] = 0
    return x * [1, 100, 1, 0.01, 1000, 1] + [0, 5000, 7, -3, 1e6, 1]


def prepared(x: Any, bounds: Any = None, **changes: Any) -> Data:
    """The data of examples with some options changed."""
    return prepare(Source(train=(x, None), bounds=bounds), replace(OPTIONS, **changes))


def gathered(split: Split) -> np.ndarray:
    """All scaled examples of a split, flat, in double precision."""
    return split.gather(slice(None)).numpy().reshape(len(split), -1).astype(np.float64)


def as_stored(split: Split) -> np.ndarray:
    """All examples of a split as stored, flat."""
    x = split.stored
    rows = x[:] if split.index is None else x[split.index]
    return np.asarray(rows, dtype=np.float64).reshape(len(split), -1)


@pytest.fixture
def mapped(tmp_path: Path) -> Mapped:
    """Images in a file."""
    x = correlated()
    (tmp_path / "x").write_bytes(x.tobytes())
    return Mapped(tmp_path / "x", shape=x.shape, dtype=x.dtype)


# -- whitening -------------------------------------------------------------------------


@pytest.mark.parametrize("x", [correlated(), vectors()], ids=["images", "vectors"])
def test_whitened_values_are_uncorrelated(x: np.ndarray) -> None:
    """With a small epsilon the covariance is the identity, where there is variance."""
    found = gathered(prepared(x, zca_epsilon=1e-9).train)
    covariance = np.cov(found.T, bias=True)
    wanted = np.eye(len(covariance))
    if x.ndim == 2:
        wanted[2, 2] = 0  # the constant column
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(covariance, wanted, atol=2e-3)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("x", [correlated(), vectors()], ids=["images", "vectors"])
def test_whitening_is_that_of_an_svd(x: np.ndarray, epsilon: float) -> None:
    """The same numbers by another way: singular values of the standardised data."""
    data = prepared(x, zca_epsilon=epsilon)
    train = as_stored(data.train)
    if x.ndim == 2:
        mean, deviation = train.mean(0), train.std(0)
        deviation[2] = 1
    else:
        mean, deviation = train.mean(), train.std()
    standard = (train - mean) / deviation
    centre = standard.mean(0)
    _, singular, axes = np.linalg.svd(standard - centre, full_matrices=False)
    damped = axes.T / np.sqrt(singular**2 / len(train) + epsilon) @ axes
    for split in (data.train, data.test):
        wanted = ((as_stored(split) - mean) / deviation - centre) @ damped
        np.testing.assert_allclose(gathered(split), wanted, atol=2e-3)


def test_whitening_keeps_images_alike() -> None:
    """Of all whitenings it is the one that changes pixels least: symmetric."""
    whitening = prepared(correlated()).spec.whitening
    assert whitening is not None
    np.testing.assert_allclose(whitening.matrix, whitening.matrix.T, atol=1e-12)
    assert np.linalg.eigvalsh(whitening.matrix)[0] > 0


def test_whitening_is_fitted_to_the_training_part() -> None:
    """An outlier in the test set changes nothing that training sees."""
    x, options = correlated(), replace(OPTIONS, scale="zca")
    plain, odd = (
        prepare(Source(train=(x, None), test=(test, None)), options)
        for test in (x[:20], 255 - x[:20] // 9)
    )
    assert np.array_equal(gathered(plain.train), gathered(odd.train))


@pytest.mark.parametrize("where", ["memory", "file"])
def test_the_range_of_whitened_values_is_known(mapped: Mapped, where: str) -> None:
    """``low`` and ``high`` are the extremes of all parts."""
    data = prepared(mapped if where == "file" else mapped[:])
    found = [gathered(split) for split in (data.train, data.validation, data.test)]
    assert data.spec.low == pytest.approx(min(part.min() for part in found), rel=1e-5)
    assert data.spec.high == pytest.approx(max(part.max() for part in found), rel=1e-5)


def test_large_examples_are_not_whitened() -> None:
    """More than 4,096 values are refused, with what to do; 4,096 would be tried."""
    x = np.zeros((10, 1, 64, 65), dtype=np.uint8)
    with pytest.raises(DataError) as caught:
        prepared(x)
    assert caught.value.key == "dataset.scale"
    said = "at most 4096 values per example; these have 4160: make images smaller"
    for part in (said, "dataset.size=[H,W]", "dataset.scale=standard"):
        assert part in str(caught.value)


def test_equal_examples_are_not_whitened() -> None:
    """There is no variance to bring to 1."""
    with pytest.raises(DataError, match="all training examples are the same"):
        prepared(np.full((20, 1, 4, 4), 7, dtype=np.uint8))


# -- units -----------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["unit", "standard", "zca", "none"])
@pytest.mark.parametrize("epsilon", [1e-9, 0.1, 100.0])
@pytest.mark.parametrize("x", [correlated(), vectors()], ids=["images", "vectors"])
def test_scaling_is_undone(scale: str, epsilon: float, x: np.ndarray) -> None:
    """Scaled and back again is where it was, and scaled is what a split gathers."""
    data = prepared(x, scale=scale, zca_epsilon=epsilon)
    spec, test = data.spec, data.test
    rows = as_stored(test).reshape(len(test), *spec.shape)
    scaled = spec.scaled(rows)
    unit = np.reshape(spec.scale, (-1,) + (1,) * (len(spec.shape) - 1))
    assert np.abs((spec.unscaled(scaled) - rows) / unit).max() < 1e-6
    flat = scaled.reshape(len(test), -1)
    np.testing.assert_allclose(gathered(test), flat, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scale", ["unit", "standard", "zca"])
def test_data_in_a_file_are_scaled_as_in_memory(mapped: Mapped, scale: str) -> None:
    """Mean, deviation, whitening and every example are the same."""
    there, here = prepared(mapped, scale=scale), prepared(mapped[:], scale=scale)
    np.testing.assert_allclose(there.spec.shift, here.spec.shift, rtol=1e-12)
    np.testing.assert_allclose(there.spec.scale, here.spec.scale, rtol=1e-12)
    for name in ("train", "validation", "test"):
        ours, theirs = gathered(getattr(here, name)), gathered(getattr(there, name))
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)
    assert isinstance(there.train.stored, Mapped)


def test_standard_of_a_file_is_that_of_its_training_part(mapped: Mapped) -> None:
    """Mean and deviation are those of the training examples alone."""
    data = prepared(mapped, scale="standard")
    train = as_stored(data.train)
    assert len(train) < len(mapped)
    assert data.spec.shift == pytest.approx([train.mean()], rel=1e-12)
    assert data.spec.scale == pytest.approx([train.std()], rel=1e-12)


@pytest.mark.parametrize("scale", ["unit", "standard", "zca"])
def test_what_is_stored_is_rounded_and_in_range(scale: str) -> None:
    """Bytes come back as the nearest bytes, never around the corner of 0 and 255."""
    data = prepared(correlated(), bounds=(0, 255), scale=scale)
    spec: Spec = data.spec
    wanted = np.array([-40.0, 0.4, 0.6, 99.4, 254.7, 300.0])
    x = np.resize(wanted, (2, *spec.shape))
    found = spec.as_stored(spec.unscaled(spec.scaled(x)))
    assert found.dtype == np.uint8
    rounded = np.resize([0, 0, 1, 99, 255, 255], (2, *spec.shape))
    np.testing.assert_array_equal(found, rounded)


def test_what_was_no_integer_is_neither_rounded_nor_cut() -> None:
    """Vectors come back in their own precision, also beyond the range seen."""
    data = prepared(vectors().astype(np.float32), scale="standard")
    x = np.full((1, 6), 12.34)
    found = data.spec.as_stored(data.spec.unscaled(data.spec.scaled(x)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, x, rtol=1e-4)
