"""Examples by class: the colour and marker that each class has in every figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aerun.reporting.canvas import CLASS_COLOURS

MAXIMUM_CLASSES = 20
MARKERS = ("o", "^")  # ten colours each


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The points of one class and how they are drawn."""

    name: str
    """Class name; empty where there are no classes to tell apart."""
    colour: str
    """Hexadecimal colour."""
    marker: str
    """Matplotlib marker."""
    style: int
    """Number of the look: ten colours, first as circles, then as triangles."""
    chosen: np.ndarray
    """Which of the points belong to it, boolean, [N]."""


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """Choose up to ``most`` of ``count`` indices, spread over all of them."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def group_by_class(
    labels: np.ndarray | None, classes: Sequence[str] | None, *, count: int
) -> list[Group]:
    """Split points by class; one group where classes are unknown or too many."""
    present = [] if labels is None else np.unique(labels).tolist()
    if not 1 <= len(present) <= MAXIMUM_CLASSES:
        everything = np.ones(count, dtype=bool)
        return [_group("", 0, everything)]
    # A class keeps its colour from figure to figure where its index allows it.
    by_index = present[0] >= 0 and present[-1] < MAXIMUM_CLASSES
    names = [] if classes is None else classes
    groups = []
    for rank, label in enumerate(present):
        style = label if by_index else rank
        name = str(names[label] if 0 <= label < len(names) else label)
        groups.append(_group(name, style, labels == label))
    return groups


def _group(name: str, style: int, chosen: np.ndarray) -> Group:
    return Group(
        name=name,
        colour=CLASS_COLOURS[style % len(CLASS_COLOURS)],
        marker=MARKERS[style // len(CLASS_COLOURS)],
        style=style,
        chosen=chosen,
    )
