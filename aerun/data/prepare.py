"""From a source's arrays to scaled training, validation and test parts."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch

from aerun.data.binarize import Binarize, binarized
from aerun.data.classes import excluded_classes, without_classes
from aerun.data.mapped import Mapped, Stored, block_slices, blocks
from aerun.data.scaling import (
    Bounds,
    Scale,
    Whitening,
    check_scaling,
    fit_whitening,
    mean_and_deviation,
    value_range,
)
from aerun.data.sources import check_source
from aerun.data.splits import Arrays, Source, Spec, Split
from aerun.errors import DataError
from aerun.features import UNIT_INPUT, Feature, declares
from aerun.options import Count, Natural, Positive, Range

Held = Annotated[float, Range(0)]
"""How many examples are held out: a share below 1, or a number of examples."""

_FLAT = float(np.finfo(np.float32).tiny)  # the inverse of less is no float32 number


def _needs(options: Mapping[str, Any]) -> frozenset[Feature]:
    return frozenset({UNIT_INPUT} if options["binarize"] == "dynamic" else ())


@declares(needs=_needs)
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
    exclude_classes: list[int | str]
    """Labels whose examples are left out everywhere: names of classes, as in the data,
    or numbers where the classes have no names."""
    scale: Scale
    """unit: the possible or found range to [0, 1]; standard: the training part to mean
    0 and variance 1; zca: that, then whitened; none: as stored. Columns of vectors each
    by themselves."""
    zca_epsilon: Positive
    """Added to the variance of each principal axis before whitening, where the values
    have variance 1 on average."""
    binarize: Binarize
    """Whether values are probabilities of ones: dynamic draws them anew at every use,
    fixed once; figures such as mse compare with the grey values under dynamic."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    """A data set ready for training."""

    spec: Spec
    train: Split
    validation: Split
    test: Split
    notes: tuple[str, ...] = ()
    """What the user should know of the data before training."""

    def to(self, device: torch.device, dtype: torch.dtype) -> "Data":
        """The same data on a device, scaled into ``dtype``."""
        return Data(
            spec=self.spec,
            train=self.train.to(device, dtype),
            validation=self.validation.to(device, dtype),
            test=self.test.to(device, dtype),
            notes=self.notes,
        )


def prepare(source: Source, options: DatasetOptions) -> Data:
    """Split and scale.

    Args:
        source: Arrays as stored.
        options: How; mean, variance and whitening are those of the training part, a
            range that the source does not know is that of ``source.train``.

    Returns:
        Three parts and their spec.

    Raises:
        DataError: A part would be empty, a class is unknown, the source is no good one
            (see ``check_source``).
    """
    _check_enough(check_source(source))
    if options.binarize == "fixed":
        source = binarized(source, seed=options.split_seed)
    parts = _split(source, options)
    spec = _spec(source, parts, options)
    splits = {
        name: Split(
            part.stored
            if isinstance(part.stored, Mapped)
            else torch.from_numpy(part.stored),
            None if part.labels is None else torch.from_numpy(part.labels),
            spec=spec,
            index=part.index,
        )
        for name, part in parts.items()
    }
    if spec.whitening is not None:
        low, high = _whitened_range(splits.values())
        spec = replace(spec, low=low, high=high)
    return Data(spec=spec, notes=source.notes, **splits)


def _spec(
    source: Source, parts: Mapping[str, "_Part"], options: DatasetOptions
) -> Spec:
    train = parts["train"]
    found = _bounds(source, [part.stored for part in parts.values()])
    shift, scale, whitening = _fit_scale(train, source, options, found)
    low, high = ((bound - shift) / scale for bound in found)
    return Spec(
        shape=train.stored.shape[1:],
        low=float(low.min()),
        high=float(high.max()),
        shift=shift.tolist(),
        scale=scale.tolist(),
        classes=source.classes,
        feature_names=source.feature_names,
        fingerprint=_fingerprint(source, parts),
        stored_low=float(found[0].min()),
        stored_high=float(found[1].max()),
        dtype=train.stored.dtype.name,
        whitening=whitening,
    )


def _whitened_range(splits: Iterable[Split]) -> tuple[float, float]:
    """Only a pass over all examples can tell it."""
    found = [
        split.gather(part).aminmax()
        for split in splits
        for part in block_slices(len(split), split.spec.shape, 4)
    ]
    return min(float(low) for low, _ in found), max(float(h) for _, h in found)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """Examples of one part."""

    stored: Stored
    labels: np.ndarray | None
    chosen: np.ndarray
    """Places of the part's examples in the source."""

    @property
    def index(self) -> np.ndarray | None:
        """Which of the stored examples belong to the part; None: all."""
        return self.chosen if isinstance(self.stored, Mapped) else None


def _split(source: Source, options: DatasetOptions) -> dict[str, _Part]:
    """Hold out test and validation examples, then exclude and limit."""
    generator = np.random.default_rng(options.split_seed)
    train = generator.permutation(len(source.train[0]))
    whence = {"train": source.train, "validation": source.train}
    if source.test is None:
        number = _number(options.test, len(train), "dataset.test")
        if options.test == 0:
            raise DataError(
                "the final figures are measured on these; try dataset.test=0.2",
                key="dataset.test",
            )
        test, train = train[:number], train[number:]
        whence["test"] = source.train
    else:
        test, whence["test"] = np.arange(len(source.test[0])), source.test
    number = _held_for_validation(source, options, len(train))
    index = {"train": train[number:], "validation": train[:number], "test": test}
    if options.exclude_classes:
        excluded = excluded_classes(source, options.exclude_classes)
        index = {
            name: without_classes(whence[name], chosen, excluded)
            for name, chosen in index.items()
        }
    if options.limit is not None:
        index["train"] = index["train"][: options.limit]
    for name, chosen in index.items():
        if len(chosen) == 0:
            raise _empty(name, len(source.train[0]), options)
    return {name: _part(whence[name], chosen) for name, chosen in index.items()}


def _part(arrays: Arrays, index: np.ndarray) -> _Part:
    """What is in memory is copied in the part's order; what is mapped stays put."""
    x, y = arrays
    labels = None if y is None else y[index]
    stored = x if isinstance(x, Mapped) else np.ascontiguousarray(x[index])
    return _Part(stored=stored, labels=labels, chosen=index)


def _number(held: float, total: int, key: str) -> int:
    """A share below 1 or a number of examples, as a number of examples."""
    number = _rounded(held, total)
    if number >= total:
        raise DataError(
            f"{number} of {total} examples would be held out and none left to train "
            "on; give a share below 1 or a smaller number",
            key=key,
        )
    return number


def _rounded(held: float, total: int) -> int:
    number = round(held * total) if held < 1 else int(held)
    return max(number, 1) if held > 0 else 0  # of few examples at least one


def _held_for_validation(source: Source, options: DatasetOptions, rest: int) -> int:
    """How many of the examples that are not for testing are held out."""
    number, tested = _rounded(options.validation, rest), len(source.train[0]) - rest
    if number < rest or not tested:
        return _number(options.validation, rest, "dataset.validation")
    raise DataError(
        f"dataset.test holds out {tested} of {tested + rest} examples and "
        f"dataset.validation {number} of the other {rest}, so that none is left to "
        "train on; give shares below 1 or smaller numbers",
        key="dataset.test" if tested > number else "dataset.validation",
    )


def _check_enough(source: Source) -> None:
    """Refuse fewer examples than there are parts."""
    number, least = len(source.train[0]), 3 if source.test is None else 2
    if number < least:
        parts = "training and validation"
        if source.test is None:
            parts = "training, validation and test"
        raise DataError(
            f"{source.path or 'the data set'} holds {number} "
            f"example{'s' * (number > 1)}, which is too few: {parts} need one each, so "
            f"{least} are the least, and hundreds to learn anything",
            key="dataset" if source.path is None else "dataset.path",
        )


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


def _bounds(source: Source, parts: list[Stored]) -> Bounds:
    """Smallest and largest value, possible or found: [1], or [D] of vectors."""
    if source.bounds is None:
        return value_range(parts)
    low, high = source.bounds
    return np.asarray([low], dtype=np.float64), np.asarray([high], dtype=np.float64)


def _fit_scale(
    train: _Part, source: Source, options: DatasetOptions, found: Bounds
) -> tuple[np.ndarray, np.ndarray, Whitening | None]:
    """Shift and scale in stored units: one value for images, one per column."""
    if options.scale == "none":
        shift, scale = np.zeros(1), np.ones(1)
        check_scaling(found, shift, scale, train.stored.dtype)
        return shift, scale, None
    if options.scale == "unit":
        # Of the whole file, so that what is held out of it lies in [0, 1] too; never
        # of a test set of its own.
        shift, high = _bounds(source, [source.train[0]])
        with np.errstate(over="ignore"):
            width = high - shift
    else:
        shift, width = mean_and_deviation(train.stored, train.index)
    scale = np.where(width > _FLAT, width, 1.0)
    check_scaling(found, shift, scale, train.stored.dtype)
    if options.scale != "zca":
        return shift, scale, None
    whitening = fit_whitening(
        train.stored,
        train.index,
        shift=shift,
        scale=scale,
        epsilon=options.zca_epsilon,
    )
    return shift, scale, whitening


def _fingerprint(source: Source, parts: Mapping[str, _Part]) -> str:
    digest = hashlib.sha256()
    for name, part in parts.items():
        x = part.stored
        digest.update(f"{name} {x.shape} {x.dtype}".encode())
        if source.content is not None:
            digest.update(f"{source.content} {part.chosen.tolist()}".encode())
            continue
        for block in blocks(x):
            digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()[:16]
