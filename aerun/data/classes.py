"""Which examples belong to classes that are left out."""

from typing import Any

import numpy as np

from aerun.data.sources import some
from aerun.data.splits import Arrays, Source
from aerun.errors import DataError


def excluded_classes(source: Source, wanted: list[int | str]) -> list[int]:
    """Numbers of the classes that were typed, by name where they have names."""
    key = "dataset.exclude_classes"
    labels = [part[1] for part in (source.train, source.test) if part is not None]
    if any(part is None for part in labels):
        raise DataError("there are no labels to exclude by; leave it out", key=key)
    number: dict[str, Any]
    if source.classes is not None:
        number = {name: i for i, name in enumerate(source.classes)}
        if not any(name.isdigit() for name in number):  # then a number is a place
            number |= {str(i): i for i in range(len(source.classes))}
    else:
        known = np.unique(np.concatenate([part for part in labels if part is not None]))
        number = {str(label): label for label in known.tolist()}
    for name in map(str, wanted):
        if name not in number:
            raise DataError(
                f"there is no class '{name}'; the classes are "
                f"{some(list(source.classes or number), name, shown=12)}",
                key=key,
            )
    return [number[str(name)] for name in wanted]


def without_classes(
    arrays: Arrays, index: np.ndarray, excluded: list[int]
) -> np.ndarray:
    """The places of examples, less those of excluded classes."""
    labels = arrays[1]
    assert labels is not None, "the check refuses to exclude without labels"
    return index[~np.isin(labels[index], excluded)]
