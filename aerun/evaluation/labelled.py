"""Labelled examples for a classifier: which ones, and their classes as places."""

import numpy as np
import torch
from torch import Tensor

from aerun.data.splits import Examples
from aerun.errors import DataError


def known_classes(split: Examples) -> list[int]:
    """The labels that occur, ascending.

    Raises:
        DataError: There are no labels, or all are the same.
    """
    if split.labels is None:
        raise DataError(
            "has no labels to learn from; choose a data set with classes, or give them "
            "(dataset.label of a table, y of an array, folders of images)"
        )
    found: list[int] = split.labels.unique().tolist()
    if len(found) < 2:
        raise DataError(
            f"all labels of the training part are {found[0]}; a classifier needs at "
            "least two classes"
        )
    return found


def places(labels: Tensor, known: list[int]) -> Tensor:
    """Each label's place among the known ones, [N]; -1 where it is none of them."""
    found, classes = labels.cpu(), torch.tensor(known)
    at = torch.searchsorted(classes, found).clamp(max=len(known) - 1)
    return at.masked_fill(classes[at] != found, -1)


def most_balanced(targets: np.ndarray) -> int:
    """How many examples can be drawn, of each class as many.

    Args:
        targets: The class of each example, [N], 0 to C - 1.
    """
    counts = np.bincount(targets)
    return int(counts.min()) * len(counts)


def balanced(targets: np.ndarray, number: int, *, seed: int) -> np.ndarray:
    """Draw examples, of each class as many, give or take one.

    They come in rounds of one example of each class, so that whatever is taken from
    their beginning is balanced too.

    Args:
        targets: The class of each example, [N], 0 to C - 1.
        number: How many to draw.
        seed: Of the draw.

    Returns:
        Places of examples, [number].

    Raises:
        DataError: A class has too few.
    """
    generator = np.random.default_rng(seed)
    counts = np.bincount(targets)
    rounds = -(-number // len(counts))
    if counts.min() < rounds:
        scarce = int(counts.argmin())
        raise DataError(
            f"{number} labelled examples of {len(counts)} classes need up to {rounds} "
            f"of each, and class number {scarce} has {counts[scarce]} in the training "
            f"part; at most {most_balanced(targets)} can be balanced, or all be taken",
            key="task.labels",
        )
    drawn = np.stack(
        [
            generator.permutation(np.flatnonzero(targets == place))[:rounds]
            for place in range(len(counts))
        ],
        axis=1,
    )
    return generator.permuted(drawn, axis=1).reshape(-1)[:number]


def shuffled(number: int, *, seed: int) -> np.ndarray:
    """All places from 0 to ``number`` - 1 in a random order, [number]."""
    return np.random.default_rng(seed).permutation(number)
