"""A map of codes for a page: test examples as points, and what lies between them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aerun.reporting.canvas import fitted_limits, shorten
from aerun.reporting.groups import Group, evenly_spaced, group_by_class
from aerun.reporting.latent import MAXIMUM_SQUASH
from aerun.reporting.plane import CodePlane, plane_of
from aerun.reporting.sheets import FEATURES, Blocks, image_sheet, vector_sheet

_POINTS = 2000  # examples with an image to hover over, at most
_PIXELS = 4_000_000  # of these images together, about at most
_VALUES = 150_000  # of vectors instead
_CELLS = ((64 * 64, 21), (128 * 128, 15), (None, 11))  # elements of an image: a side
_EXAMPLE_BYTES = 2_000_000
_DECODED_BYTES = 800_000
_BLOCK = 64  # examples at a time, at most
_BLOCK_VALUES = 2_000_000  # of them together
_SPREAD = 0.32  # of the points of a class around its line, of a code of one number
_TEXT = 40  # characters of a class name

Decode = Callable[[np.ndarray], np.ndarray]
"""Codes [n, D] -> [n, *shape], in the units of the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How examples are shown."""

    shape: tuple[int, ...]
    """[C, H, W] or [D]."""
    low: float
    """Drawn black, where they are images."""
    high: float
    names: Sequence[str] | None
    """Of features, where they are vectors."""

    @property
    def is_image(self) -> bool:
        """Whether they are pictures."""
        return len(self.shape) == 3

    @property
    def block(self) -> int:
        """How many are worked on at a time: few large ones."""
        return max(1, min(_BLOCK, _BLOCK_VALUES // int(np.prod(self.shape))))

    def sheet(self, blocks: Blocks, most_bytes: int) -> dict[str, Any]:
        """Examples for the page."""
        if self.is_image:
            options: dict[str, Any] = {"low": self.low, "high": self.high}
            return image_sheet(blocks, most_bytes=most_bytes, **options)
        return vector_sheet(blocks, self.names)


def shown_places(number: int, look: Look) -> np.ndarray:
    """Which of so many examples are points of the map: spread over all of them."""
    size = int(np.prod(look.shape))
    if look.is_image:
        side = max(look.shape[1:])
        pixels = size // look.shape[0] // (-(-side // 64)) ** 2
        most = _PIXELS // max(1, pixels)
    else:
        most = _VALUES // min(size, FEATURES)
    return evenly_spaced(number, max(1, min(_POINTS, most)))


def code_map(
    codes: np.ndarray,
    labels: np.ndarray | None,
    *,
    places: np.ndarray,
    classes: Sequence[str] | None,
    look: Look,
    examples: Blocks,
    decode: Decode | None,
) -> dict[str, Any]:
    """What the page needs to show a map.

    Args:
        codes: Of examples, [N, D], finite; they settle the plane and its limits.
        labels: Class index of each, [N]; None where unknown.
        places: Which of them become points, [P].
        classes: Name of each class by index.
        look: Of examples.
        examples: Those at ``places``, in the units of the data.
        decode: What decodes codes; None where the model has no decoder.
    """
    plane = plane_of(codes)
    groups = group_by_class(labels, classes, count=len(codes))
    group = np.zeros(len(codes), dtype=int)
    for index, one in enumerate(groups):
        group[one.chosen] = index
    points = plane.project(codes)
    flat = points.shape[1] == 2
    frame = [fitted_limits(side) for side in points.T]
    if not flat:  # a line: classes stand above each other
        points = np.stack([points[:, 0], _lines(group)], axis=1)
        frame.append((-0.7, len(groups) - 0.3))
    ranges = [high - low for low, high in frame]
    names = [*plane.names, "" if groups[0].name == "" else "class"][:2]
    said = {
        "points": [_short(v) for v in points[places].ravel().tolist()],
        "group": group[places].tolist(),
        "groups": [_entry(one) for one in groups],
        "numbers": places.tolist(),
        "frame": [[_short(low), _short(high)] for low, high in frame],
        "names": names,
        "ticked": flat,
        "equal": flat and max(ranges) <= MAXIMUM_SQUASH * min(ranges),
        "first": 0,
        "size": codes.shape[1],
        "examples": look.sheet(examples, _EXAMPLE_BYTES),
    }
    if labels is not None and groups[0].name == "":  # too many classes to colour
        said["labels"] = [_named(i, classes) for i in labels[places].tolist()]
    if decode is not None:
        side = next(n for most, n in _CELLS if most is None or _area(look) <= most)
        grid = [side, side] if flat else [2 * side - 1, 1]
        blocks = _decoded(plane, said["frame"], grid, decode, look.block)
        said |= {"grid": grid, "decoded": look.sheet(blocks, _DECODED_BYTES)}
        if not look.is_image:  # bars of both mean the same
            ends = {k: said["examples"][k] for k in ("low", "high")}
            said["decoded"] |= ends
    return said


def _decoded(
    plane: CodePlane,
    frame: list[list[float]],
    grid: list[int],
    decode: Decode,
    block: int,
) -> Iterator[np.ndarray]:
    """What is decoded on a grid over the frame, its lowest row first."""
    sides = [
        np.linspace(low, high, n) for (low, high), n in zip(frame, grid, strict=True)
    ]
    x, y = np.meshgrid(*sides)
    points = np.stack([x.ravel(), y.ravel()], axis=1)[:, : len(plane.axes)]
    for start in range(0, len(points), block):
        yield decode(plane.codes(points[start : start + block]))


def _lines(group: np.ndarray) -> np.ndarray:
    """A height for each point, around that of its class; the same at every run."""
    spread = np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, len(group))
    return group + spread


def _area(look: Look) -> int:
    return int(np.prod(look.shape[1:])) if look.is_image else 0


def _entry(group: Group) -> dict[str, Any]:
    return {"name": shorten(group.name, _TEXT), "style": group.style}


def _named(label: int, classes: Sequence[str] | None) -> str:
    known = classes is not None and 0 <= label < len(classes)
    return shorten(str(classes[label] if classes and known else label), _TEXT)


def _short(value: float) -> float:
    return float(f"{value:.5g}")
