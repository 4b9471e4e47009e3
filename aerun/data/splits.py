"""What a source delivers and what training sees."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from aerun.data.mapped import Mapped, Stored
from aerun.data.scaling import Whitening, per_column
from aerun.features import IMAGES, UNIT_DATA, UNIT_INPUT, UNIT_TARGET, Feature

Arrays = tuple[Stored, np.ndarray | None]
"""Examples [N, *shape] and labels [N] (int64), or None where there are none."""

LARGEST_VALUE = float(np.finfo(np.float32).max)
"""Of an element of an example: what float32 can hold."""


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
    content: str | None = None
    """A hash of all examples, where the source knows one; None: they are hashed."""
    notes: tuple[str, ...] = ()
    """Sentences about the data that the user should read before training."""
    names: tuple[str, ...] | None = None
    """Of the examples, those to train on first, where they have any."""
    path: str | None = None
    """The user's file or folder of the examples to train on, for messages."""
    write: Callable[[Path, Iterable[np.ndarray]], None] | None = None
    """Writes blocks of examples [n, *shape], in the order of ``names`` and in the units
    of the data, into a folder, in the form in which the source was given; None: as one
    array."""


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
    stored_low: float
    """Smallest possible value as stored, or the smallest found; drawn black."""
    stored_high: float
    """Largest possible value as stored, or the largest found; drawn white."""
    dtype: str
    """NumPy's name of the type as stored."""
    whitening: Whitening | None = None
    """Follows the scaling, where the data are whitened."""

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Examples [N, *shape] in the units of the data, scaled."""
        x = (x - per_column(self.shift, self.shape)) / per_column(
            self.scale, self.shape
        )
        if self.whitening is None:
            return x
        white = (x.reshape(len(x), -1) - self.whitening.mean) @ self.whitening.matrix
        return white.reshape(x.shape)

    def unscaled(self, x: np.ndarray) -> np.ndarray:
        """Scaled examples [N, *shape], back in the units of the data."""
        if self.whitening is not None:
            flat = x.reshape(len(x), -1) @ self.whitening.inverse + self.whitening.mean
            x = flat.reshape(x.shape)
        return x * per_column(self.scale, self.shape) + per_column(
            self.shift, self.shape
        )

    def as_stored(self, x: np.ndarray) -> np.ndarray:
        """Examples in the units of the data as they are stored: in range, rounded."""
        dtype = np.dtype(self.dtype)
        if dtype.kind == "f":
            return x.astype(dtype)
        return np.rint(np.clip(x, self.stored_low, self.stored_high)).astype(dtype)

    @property
    def drawn_range(self) -> tuple[float, float]:
        """Black and white, in the units of the data."""
        low, high = self.stored_low, self.stored_high
        return low, high if high > low else low + 1.0

    @property
    def is_image(self) -> bool:
        """Whether examples can be shown as pictures."""
        return len(self.shape) == 3

    @property
    def provides(self) -> frozenset[Feature]:
        """Features that parts may need of the data."""
        within = self.low >= 0 and self.high <= 1
        unit = {UNIT_TARGET, UNIT_DATA, UNIT_INPUT} if within else set()
        return frozenset(unit | ({IMAGES} if self.is_image else set()))

    def record(self) -> dict[str, Any]:
        """Everything but the whitening, which a run keeps in a file of its own."""
        names = [field.name for field in fields(self) if field.name != "whitening"]
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_record(cls, known: Mapping[str, Any], whitening: Whitening | None) -> Any:
        """The spec of which ``record`` told."""
        return cls(**{**known, "shape": tuple(known["shape"]), "whitening": whitening})


def non_finite(x: np.ndarray) -> str:
    """How many values are NaN or, as float32, infinite; "" for none."""
    if x.dtype.kind in "ui":
        return ""
    bad = ~np.isfinite(x)
    if x.dtype.itemsize > 4:
        bad |= np.abs(x) > LARGEST_VALUE
    if not bad.any():
        return ""
    number, first = int(bad.sum()), [int(i) for i in np.argwhere(bad)[0]]
    return f"{number} values that are NaN or infinite, the first at {first}; drop them"


class Examples(Protocol):
    """What training and evaluation ask of a split, or of codes made from one."""

    labels: Tensor | None
    device: torch.device

    def __len__(self) -> int:
        """Number of examples."""

    def gather(self, indices: Tensor | slice) -> Tensor:
        """Examples [B, *shape] at ``indices`` [B]."""

    @property
    def is_streamed(self) -> bool:
        """Whether a batch is read from a file, or sent to the device."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""


class Split:
    """Examples of one part (train, validation, test), kept as stored."""

    def __init__(
        self,
        stored: Tensor | Mapped,
        labels: Tensor | None,
        *,
        spec: Spec,
        index: np.ndarray | None = None,
        device: torch.device = torch.device("cpu"),  # noqa: B008 - a constant
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Hold stored examples and how to scale them when gathered.

        Args:
            stored: [N, *shape]; what is mapped stays in its file on every device.
            labels: Of the part's examples, or None.
            spec: How to scale.
            index: Which of the stored examples make up the part; None: all.
            device: Where batches are made.
            dtype: Of batches.
        """
        self.stored, self.labels, self.spec, self.index = stored, labels, spec, index
        self.device, self.dtype = device, dtype
        double = stored.dtype in (torch.float64, np.dtype(np.float64))
        # Double stays double until it is scaled, so that a large mean costs nothing.
        self._working = torch.float64 if double else dtype
        # An Apple GPU has no double precision: such batches are scaled on the CPU.
        self._scaled_on = (
            torch.device("cpu") if device.type == "mps" and double else device
        )
        self._centred = any(value != 0 for value in spec.shift)
        self._shift = self._constant(per_column(spec.shift, spec.shape))
        factor = 1 / np.asarray(per_column(spec.scale, spec.shape), dtype=np.float64)
        self._factor = self._constant(factor)
        if spec.whitening is not None:
            self._mean = self._constant(spec.whitening.mean)
            self._matrix = self._constant(spec.whitening.matrix)

    def _constant(self, values: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.asarray(values, dtype=np.float64))
        return tensor.to(self._working).to(self._scaled_on)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return self.spec.shape

    @property
    def is_streamed(self) -> bool:
        """Whether they are in a file, or too many for the memory of the device."""
        if isinstance(self.stored, Tensor):
            return self.stored.device.type != self.device.type
        return True

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.stored) if self.index is None else len(self.index)

    def gather(self, indices: Tensor | slice) -> Tensor:
        """Scaled examples [B, *shape] at ``indices`` [B], on the split's device."""
        x = self._rows(indices)
        if self._centred:
            x = torch.sub(x, self._shift).mul_(self._factor)
        elif not x.is_floating_point():  # half the time of a product of two types
            x = x.to(self._working).mul_(self._factor)
        else:
            x = torch.mul(x, self._factor)
        if self.spec.whitening is not None:
            x = ((x.flatten(1) - self._mean) @ self._matrix).view_as(x)
        return x.to(self.dtype).to(self.device)

    def _rows(self, indices: Tensor | slice) -> Tensor:
        """Examples as stored, where they are to be scaled."""
        if isinstance(self.stored, Tensor):
            if self.index is not None:
                indices = torch.from_numpy(self.index[_on_host(indices)])
            if isinstance(indices, slice) or not self.stored.is_contiguous():
                return self._sent(self.stored[indices])
            indices = indices.to(self.stored.device)
            # Ten times as fast as self.stored[indices], in the same strides: by those
            # of grey images convolutions choose how they compute.
            shape, strides = self.stored.shape[1:], self.stored.stride()
            rows = self.stored.new_empty_strided((len(indices), *shape), strides)
            return self._sent(torch.index_select(self.stored, 0, indices, out=rows))
        places = _on_host(indices)
        mapped = self.stored[places if self.index is None else self.index[places]]
        return self._sent(torch.from_numpy(mapped))

    def _sent(self, rows: Tensor) -> Tensor:
        """Rows where they are to be scaled; pinned, a GPU fetches them by itself."""
        if self._scaled_on.type == "cuda" and rows.device.type == "cpu":
            return rows.pin_memory().to(self._scaled_on, non_blocking=True)
        return rows.to(self._scaled_on)

    def to(self, device: torch.device, dtype: torch.dtype) -> "Split":
        """The same examples in batches on a device, scaled into ``dtype``."""
        stored = self.stored
        if isinstance(stored, Tensor) and _is_held(stored, device):
            stored = stored.to(device)
        return Split(
            stored,
            self.labels,
            spec=self.spec,
            index=self.index,
            device=device,
            dtype=dtype,
        )

    def scaled_by(self, spec: Spec) -> "Split":
        """The same stored examples, scaled otherwise."""
        return Split(
            self.stored,
            self.labels,
            spec=spec,
            index=self.index,
            device=self.device,
            dtype=self.dtype,
        )

    def first(self, number: int) -> "Split":
        """The first examples only."""
        return self.at(slice(number))

    def at(self, places: slice | np.ndarray) -> "Split":
        """Some examples, by their places in this part, [M]."""
        stored, index = self.stored, self.index
        if index is not None:
            index = index[places]
        elif isinstance(stored, Tensor):
            stored = stored[places]
        else:
            index = np.arange(len(stored))[places]
        return Split(
            stored,
            None if self.labels is None else self.labels[places],
            spec=self.spec,
            index=index,
            device=self.device,
            dtype=self.dtype,
        )


def _is_held(stored: Tensor, device: torch.device) -> bool:
    """Whether examples move to a device once; else each batch does."""
    if device.type == "mps":
        return stored.dtype != torch.float64
    if device.type == "cuda":  # what is left is for the model and its steps
        return stored.nbytes <= torch.cuda.mem_get_info(device)[0] // 2
    return True


def _on_host(indices: Tensor | slice) -> np.ndarray | slice:
    return indices if isinstance(indices, slice) else indices.cpu().numpy()
