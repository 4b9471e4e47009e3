"""From a source's arrays to scaled training, validation and test parts."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch

from aerun.data.splits import Arrays, Source, Spec, Split, non_finite, per_column
from aerun.errors import DataError
from aerun.options import Count, Natural, Range

Scale = Literal["unit", "standard", "none"]
Held = Annotated[float, Range(0)]
"""How many examples are held out: a share below 1, or a number of examples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetOptions:
    """Options that every data set has; types only, the values live in conf/."""

    validation: Held
    """Held out of the training part, to choose the best epoch."""
    test: Held
    """Held out as test part where the source has no test set of its own."""
    split_seed: Natural
    """Draws the split; does not move with ``seed``."""
    limit: Count | None
    """At most so many training examples."""
    exclude_classes: list[Natural]
    """Labels whose examples are left out everywhere."""
    scale: Scale
    """unit: the possible or found range to [0, 1]; standard: the training part to mean
    0 and variance 1; none: as stored. Columns of vectors each by themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """A data set ready for training."""

    spec: Spec
    train: Split
    validation: Split
    test: Split

    def to(self, device: torch.device, dtype: torch.dtype) -> "Data":
        """The same data on a device, scaled into ``dtype``."""
        return Data(
            spec=self.spec,
            train=self.train.to(device, dtype),
            validation=self.validation.to(device, dtype),
            test=self.test.to(device, dtype),
        )


def prepare(source: Source, options: DatasetOptions) -> Data:
    """Split and scale.

    Args:
        source: Arrays as stored.
        options: How; mean and variance are those of the training part, a range that
            the source does not know is that of ``source.train``.

    Returns:
        Three parts and their spec.

    Raises:
        DataError: A part would be empty, a class is unknown, values are not finite.
    """
    for name, arrays in (("training", source.train), ("test", source.test)):
        if arrays is not None and (problem := non_finite(arrays[0])):
            raise DataError(f"the {name} examples have {problem}")
    parts = _split(source, options)
    stored = parts["train"][0]
    shift, scale = _fit_scale(stored, source, options.scale)
    everything = [x for x, _ in parts.values()]
    low, high = ((b - shift) / scale for b in _bounds(source, everything))
    spec = Spec(
        shape=stored.shape[1:],
        low=float(low.min()),
        high=float(high.max()),
        shift=shift.tolist(),
        scale=scale.tolist(),
        classes=source.classes,
        feature_names=source.feature_names,
        fingerprint=_fingerprint(parts),
    )
    splits = {
        name: Split(
            torch.from_numpy(x),
            None if y is None else torch.from_numpy(y),
            shift=torch.from_numpy(per_column(spec.shift, spec.shape)),
            scale=torch.from_numpy(per_column(spec.scale, spec.shape)),
        )
        for name, (x, y) in parts.items()
    }
    return Data(spec=spec, **splits)


def _split(source: Source, options: DatasetOptions) -> dict[str, Arrays]:
    """Hold out test and validation examples, then exclude and limit."""
    generator = np.random.default_rng(options.split_seed)
    train = _take(source.train, generator.permutation(len(source.train[0])))
    if source.test is None:
        number = _number(options.test, len(train[0]), "dataset.test")
        if options.test == 0:
            raise DataError(
                "the final figures are measured on these; try dataset.test=0.2",
                key="dataset.test",
            )
        test, train = _cut(train, number)
    else:
        test = source.test
    number = _number(options.validation, len(train[0]), "dataset.validation")
    validation, train = _cut(train, number)
    parts = {"train": train, "validation": validation, "test": test}
    if options.exclude_classes:
        _check_excluded(source, options.exclude_classes)
        parts = {n: _exclude(p, options.exclude_classes) for n, p in parts.items()}
    if options.limit is not None:
        parts["train"] = _take(parts["train"], slice(options.limit))
    for name, (x, _) in parts.items():
        if len(x) == 0:
            raise _empty(name, len(source.train[0]), options)
    return {name: (np.ascontiguousarray(x), y) for name, (x, y) in parts.items()}


def _take(arrays: Arrays, index: np.ndarray | slice) -> Arrays:
    x, y = arrays
    return x[index], None if y is None else y[index]


def _cut(arrays: Arrays, number: int) -> tuple[Arrays, Arrays]:
    return _take(arrays, slice(number)), _take(arrays, slice(number, None))


def _number(held: float, total: int, key: str) -> int:
    """A share below 1 or a number of examples, as a number of examples."""
    number = round(held * total) if held < 1 else int(held)
    if number >= total:
        raise DataError(
            f"{number} of {total} examples would be held out and none left to train "
            "on; give a share below 1 or a smaller number",
            key=key,
        )
    return number


def _empty(part: str, total: int, options: DatasetOptions) -> DataError:
    """Why a part has no example, and what to do."""
    if options.exclude_classes:
        problem = f"the {part} part is empty; exclude fewer classes"
        return DataError(problem, key="dataset.exclude_classes")
    if part == "validation" and options.validation == 0:
        problem = "the best epoch is chosen on these; try dataset.validation=0.1"
        return DataError(problem, key="dataset.validation")
    return DataError(
        f"the {part} part is empty: {total} examples are too few for three parts"
    )


def _check_excluded(source: Source, excluded: list[int]) -> None:
    key = "dataset.exclude_classes"
    labels = [part[1] for part in (source.train, source.test) if part is not None]
    if any(part is None for part in labels):
        raise DataError("there are no labels to exclude by; leave it out", key=key)
    known = np.unique(np.concatenate([part for part in labels if part is not None]))
    if unknown := sorted(set(excluded) - set(known.tolist())):
        raise DataError(
            f"no label {unknown[0]}; the labels are {known[0]} to {known[-1]}", key=key
        )


def _exclude(arrays: Arrays, excluded: list[int]) -> Arrays:
    labels = arrays[1]
    assert labels is not None, "the check refuses to exclude without labels"
    return _take(arrays, ~np.isin(labels, excluded))


def _axes(ndim: int) -> int | tuple[int, ...]:
    """Columns of a table have units of their own, pixels share theirs."""
    return tuple(range(ndim)) if ndim > 2 else 0


def _bounds(source: Source, arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value, possible or found: [1], or [D] of vectors."""
    if source.bounds is not None:
        low, high = source.bounds
        return np.asarray([low], dtype=np.float64), np.asarray([high], dtype=np.float64)
    axes = _axes(arrays[0].ndim)
    low = np.min([x.min(axis=axes) for x in arrays], axis=0)
    high = np.max([x.max(axis=axes) for x in arrays], axis=0)
    return np.atleast_1d(low.astype(np.float64)), np.atleast_1d(high.astype(np.float64))


def _fit_scale(
    stored: np.ndarray, source: Source, scale: Scale
) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale in stored units: one value for images, one per column."""
    axes = _axes(stored.ndim)
    if scale == "none":
        return np.zeros(1), np.ones(1)
    if scale == "standard":
        shift = np.atleast_1d(stored.mean(axis=axes, dtype=np.float64))
        width = np.atleast_1d(stored.std(axis=axes, dtype=np.float64))
    else:
        # Of the whole file, so that what is held out of it lies in [0, 1] too; never
        # of a test set of its own.
        shift, high = _bounds(source, [source.train[0]])
        width = high - shift
    return shift, np.where(width > 0, width, 1.0)


def _fingerprint(parts: dict[str, Arrays]) -> str:
    digest = hashlib.sha256()
    for name, (x, _) in parts.items():
        digest.update(f"{name} {x.shape} {x.dtype}".encode())
        digest.update(x.data)
    return digest.hexdigest()[:16]
