"""From stored to scaled values and back: ranges, mean and variance, whitening."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aerun.data.mapped import Stored, block_slices, blocks
from aerun.errors import DataError

Scale = Literal["unit", "standard", "zca", "none"]

Bounds = tuple[np.ndarray, np.ndarray]
"""Smallest and largest value: [1], or [D] of vectors."""

_MOST_WHITENED = 4096  # values per example; the matrix has the square of that
_STEEPEST = 1e18  # whose products float32 holds


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Whitening:
    """A symmetric linear map after which values are uncorrelated (ZCA)."""

    mean: np.ndarray
    """Of the training part, [D], in units of its standard deviation."""
    matrix: np.ndarray
    """[D, D]: whitened = (x - mean) @ matrix."""
    inverse: np.ndarray
    """[D, D]: undoes ``matrix``."""


def per_column(values: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    """One value, or one per column, as an array that meets examples of ``shape``."""
    return np.reshape(values, (-1,) + (1,) * (len(shape) - 1))


def value_range(parts: Sequence[Stored]) -> Bounds:
    """Smallest and largest value over all parts: one of images, one per column."""
    axes = _axes(parts[0].ndim)
    pairs = [
        (block.min(axis=axes), block.max(axis=axes))
        for part in parts
        for block in blocks(part)
    ]
    low = np.min([pair[0] for pair in pairs], axis=0)
    high = np.max([pair[1] for pair in pairs], axis=0)
    return np.atleast_1d(low.astype(np.float64)), np.atleast_1d(high.astype(np.float64))


def mean_and_deviation(
    x: Stored, index: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of some examples: [1], or [D] of vectors.

    What does not vary has its value as mean, to the last bit, and no deviation.
    """
    axes = _axes(x.ndim)
    number = len(x) if index is None else len(index)
    each = number if x.ndim == 2 else number * int(np.prod(x.shape[1:]))

    def total(function: object) -> np.ndarray:
        sums = [function(b).sum(axis=axes) for b in _chosen(x, index)]  # type: ignore[operator]
        return np.atleast_1d(np.sum(sums, axis=0)) / each

    bounds = [(b.min(axis=axes), b.max(axis=axes)) for b in _chosen(x, index)]
    low = np.min([pair[0] for pair in bounds], axis=0).astype(np.float64)
    high = np.max([pair[1] for pair in bounds], axis=0).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # check_scaling says it
        mean = total(lambda block: block.astype(np.float64))
    centre = per_column(mean.tolist(), x.shape[1:])
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = np.sqrt(total(lambda block: np.square(block - centre)))
    # A mean is rounded, and what that leaves would be divided by.
    return np.where(low < high, mean, low), np.where(low < high, deviation, 0.0)


def check_scaling(
    bounds: Bounds, shift: np.ndarray, scale: np.ndarray, dtype: np.dtype
) -> None:
    """See whether values survive being scaled, and squared in their own units.

    Args:
        bounds: Smallest and largest value.
        shift: Is taken away, [1] or [D].
        scale: Divides then, [1] or [D].
        dtype: As which they are stored.

    Raises:
        DataError: They are too large or too close together.
    """
    working: Any = np.float64 if dtype == np.float64 else np.float32
    with np.errstate(all="ignore"):
        low, high = (np.asarray(b, dtype=np.float64).astype(working) for b in bounds)
        factor = (1 / scale).astype(working)
        made = [(end - shift.astype(working)) * factor for end in (low, high)]
        squares = np.square(high - low, dtype=np.float64)
    if np.isfinite([*squares, *np.concatenate(made), *factor]).all() and factor.all():
        return
    least, most = float(np.min(bounds[0])), float(np.max(bounds[1]))
    raise DataError(
        f"has values between {least:.4g} and {most:.4g}, as {dtype}, that are too "
        "large or too close together to be scaled; multiply them by a power of ten "
        "first, or leave such columns out"
    )


def fit_whitening(
    x: Stored,
    index: np.ndarray | None,
    *,
    shift: np.ndarray,
    scale: np.ndarray,
    epsilon: float,
) -> Whitening:
    """Fit ZCA whitening to some examples.

    Args:
        x: Stored examples, [N, *shape].
        index: Of those to fit to; None: all.
        shift: Taken away first, [1] or [D].
        scale: Divides then, [1] or [D].
        epsilon: Added to the variance along each principal axis; variances are 1 on
            average, so that 0.1 damps axes with less than a tenth of it.

    Raises:
        DataError: Examples are too large, or all the same.

    References:
        Bell & Sejnowski, "The independent components of natural scenes are edge
        filters" (1997); Coates, Lee & Ng, "An analysis of single-layer networks in
        unsupervised feature learning" (2011), section 3.1.2, whence epsilon.
    """
    size = int(np.prod(x.shape[1:]))
    if size > _MOST_WHITENED:
        raise DataError(
            f"whitening is for at most {_MOST_WHITENED} values per example; these have "
            f"{size}: make images smaller with dataset.size=[H,W], or choose "
            "dataset.scale=standard",
            key="dataset.scale",
        )

    def rows() -> Iterator[np.ndarray]:
        for block in _chosen(x, index):
            standard = (block - per_column(shift.tolist(), x.shape[1:])) / per_column(
                scale.tolist(), x.shape[1:]
            )
            yield standard.reshape(len(block), size)

    number = len(x) if index is None else len(index)
    mean = np.sum([block.sum(axis=0) for block in rows()], axis=0) / number
    covariance = np.zeros((size, size))
    for block in rows():
        centred = block - mean
        covariance += centred.T @ centred
    variances, axes = np.linalg.eigh(covariance / number)
    if variances[-1] <= 0:
        raise DataError(
            "all training examples are the same; there is nothing to whiten"
        )
    deviations = np.sqrt(np.maximum(variances, 0) + epsilon)
    if deviations.min() < 1 / _STEEPEST:
        raise DataError(
            "is too small for axes along which the examples do not vary; try 0.1",
            key="dataset.zca_epsilon",
        )
    return Whitening(
        mean=mean,
        matrix=(axes / deviations) @ axes.T,
        inverse=(axes * deviations) @ axes.T,
    )


def _axes(ndim: int) -> int | tuple[int, ...]:
    """Columns of a table have units of their own, pixels share theirs."""
    return tuple(range(ndim)) if ndim > 2 else 0


def _chosen(x: Stored, index: np.ndarray | None) -> Iterator[np.ndarray]:
    """Blocks of the examples at ``index``, small enough to be kept in double."""
    number = len(x) if index is None else len(index)
    for part in block_slices(number, x.shape[1:], 8):
        yield x[part] if index is None else x[index[part]]
