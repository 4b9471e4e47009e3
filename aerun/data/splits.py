"""What a source delivers and what training sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aerun.features import UNIT_DATA, UNIT_TARGET, Feature

Arrays = tuple[np.ndarray, np.ndarray | None]
"""Examples [N, *shape] and labels [N] (int64), or None where there are none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Arrays as stored, before splitting and scaling."""

    train: Arrays
    """Examples to train on; [N, C, H, W] images or [N, D] vectors."""
    test: Arrays | None = None
    """An original test set stays one; None: a share of ``train`` is held out."""
    bounds: tuple[float, float] | None = None
    """Smallest and largest possible value, e.g. (0, 255); None: as found."""
    classes: tuple[str, ...] | None = None
    """Names of the labels 0, 1, ..."""
    feature_names: tuple[str, ...] | None = None
    """Names of the columns of vectors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What the rest of the program may know of a data set."""

    shape: tuple[int, ...]
    """Of one example: [C, H, W] or [D]."""
    low: float
    """Smallest scaled value, over all parts."""
    high: float
    """Largest scaled value, over all parts."""
    shift: list[float]
    """scaled = (stored - shift) / scale; one value, or one per column."""
    scale: list[float]
    classes: tuple[str, ...] | None
    feature_names: tuple[str, ...] | None
    fingerprint: str
    """SHA-256 of all examples and the split, first 16 hexadecimal digits."""

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Examples [N, *shape] in the units of the data, scaled."""
        return (x - per_column(self.shift, self.shape)) / per_column(
            self.scale, self.shape
        )

    def unscaled(self, x: np.ndarray) -> np.ndarray:
        """Scaled examples [N, *shape], back in the units of the data."""
        return x * per_column(self.scale, self.shape) + per_column(
            self.shift, self.shape
        )

    @property
    def is_image(self) -> bool:
        """Whether examples can be shown as pictures."""
        return len(self.shape) == 3

    @property
    def provides(self) -> frozenset[Feature]:
        """Features that parts may need of the data."""
        within = self.low >= 0 and self.high <= 1
        return frozenset({UNIT_TARGET, UNIT_DATA}) if within else frozenset()


def per_column(values: Sequence[float], shape: Sequence[int]) -> np.ndarray:
    """One value, or one per column, as an array that meets examples of ``shape``."""
    return np.reshape(values, (-1,) + (1,) * (len(shape) - 1))


def non_finite(x: np.ndarray) -> str:
    """How many values are NaN or infinite, and where the first is; "" for none."""
    bad = ~np.isfinite(x)
    if not bad.any():
        return ""
    first = [int(i) for i in np.argwhere(bad)[0]]
    number = int(bad.sum())
    return f"{number} values that are NaN or infinite, the first at {first}; drop them"


class Split:
    """Examples of one part (train, validation, test), kept as stored."""

    def __init__(
        self,
        stored: Tensor,
        labels: Tensor | None,
        *,
        shift: Tensor,
        scale: Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Hold stored examples [N, *shape] and how to scale them when gathered."""
        self.stored, self.labels = stored, labels
        self.shift, self.scale, self.dtype = shift, scale, dtype
        # Double stays double until it is scaled, so that a large mean costs nothing.
        self._working = torch.float64 if stored.dtype == torch.float64 else dtype
        self._shift = shift.to(self._working).to(stored.device)
        self._factor = (1 / scale.double()).to(self._working).to(stored.device)
        self._centred = bool((shift != 0).any())

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.stored)

    def gather(self, indices: Tensor | slice) -> Tensor:
        """Scaled examples [B, *shape] at ``indices`` [B], on the split's device."""
        x = self.stored[indices].to(self._working)
        if self._centred:
            x = x - self._shift
        return (x * self._factor).to(self.dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> "Split":
        """The same examples on a device, scaled into ``dtype``."""
        if device.type == "mps" and self.stored.dtype == torch.float64:
            # That device has no double precision: scale here, once.
            zero, one = torch.zeros_like(self.shift), torch.ones_like(self.scale)
            scaled = self.gather(slice(None)).to(device)
            return Split(scaled, self.labels, shift=zero, scale=one, dtype=dtype)
        return Split(
            self.stored.to(device),
            self.labels,
            shift=self.shift,
            scale=self.scale,
            dtype=dtype,
        )

    def first(self, number: int) -> "Split":
        """The first examples only."""
        labels = None if self.labels is None else self.labels[:number]
        return Split(
            self.stored[:number],
            labels,
            shift=self.shift,
            scale=self.scale,
            dtype=self.dtype,
        )
