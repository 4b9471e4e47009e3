"""Examples in a file, read on demand: for data larger than memory."""

import contextlib
import ctypes
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aerun.errors import DataError

_BLOCK = 16 * 2**20  # bytes of examples that pass through memory at a time
_LARGE = 512 * 2**20  # bytes of a file from which on memory is saved
_LINE = 64  # bytes of a cache line
_KEPT = 4 * 2**20  # largest block that the C library may keep when it is freed
_M_MMAP_THRESHOLD = -3  # its number in malloc.h


class Mapped:
    """An array of examples [N, *shape] in a file; none of it stays in memory.

    Rows are read, not mapped into memory: the pages of a mapping count as memory of
    the process, and the system maps up to 2 MiB around a place that is looked at
    (measured: all of a file of 1.2 GB after a few thousand rows of 3 kB).
    """

    def __init__(
        self, path: Path, *, shape: tuple[int, ...], dtype: np.dtype, offset: int = 0
    ) -> None:
        """Open a file.

        Args:
            path: Of a file that does not change any more.
            shape: [N, *shape of one example].
            dtype: Of one element.
            offset: Bytes before the first element.
        """
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self._offset = offset
        self._row = int(np.prod(shape[1:])) * self.dtype.itemsize
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        if self._row * len(self) > _LARGE:
            _give_freed_memory_back()

    @property
    def ndim(self) -> int:
        """Number of dimensions, that of the examples included."""
        return len(self.shape)

    def __len__(self) -> int:
        """Number of examples."""
        return self.shape[0]

    def __getitem__(self, index: np.ndarray | slice) -> np.ndarray:
        """A copy of the examples at ``index``.

        Raises:
            DataError: The file lost them meanwhile.
        """
        if isinstance(index, slice) and index.step in (None, 1):
            start, stop, _ = index.indices(len(self))
            rows = self._empty(max(0, stop - start))
            self._fill(rows.reshape(-1).view(np.uint8).data, start)
            return rows
        places = self._places(index)
        rows = self._empty(places.size)
        buffer = rows.reshape(-1).view(np.uint8).data
        for i, place in enumerate(places.ravel().tolist()):
            self._fill(buffer[i * self._row : (i + 1) * self._row], place)
        return rows.reshape(*places.shape, *self.shape[1:])

    def _places(self, index: np.ndarray | slice) -> np.ndarray:
        """Numbers of examples, from 0 on, whatever NumPy takes as an index."""
        if isinstance(index, slice):
            return np.arange(*index.indices(len(self)))
        places = np.asarray(index)
        if places.dtype == bool:
            return np.arange(len(self))[places]
        if not places.size:
            return places.astype(np.int64)
        if places.min() < -len(self) or places.max() >= len(self):
            raise IndexError(f"there are {len(self)} examples")
        return np.where(places < 0, places + len(self), places)

    def _empty(self, number: int) -> np.ndarray:
        """Room for examples, where a cache line begins: else reading takes 5x longer.

        Measured on a Linux 6 guest, whose copies to other places are slow.
        """
        room = np.empty(number * self._row + _LINE, dtype=np.uint8)
        first = -room.ctypes.data % _LINE
        flat = room[first : first + number * self._row].view(self.dtype)
        return flat.reshape(number, *self.shape[1:])

    def _fill(self, buffer: memoryview, place: int) -> None:
        """Read examples from ``place`` on."""
        position = self._offset + place * self._row
        while buffer:
            number = os.preadv(self._file, [buffer], position)
            if number == 0:
                raise DataError(f"{self.path} became shorter; start again")
            buffer, position = buffer[number:], position + number


def _give_freed_memory_back() -> None:
    """Let the C library return freed blocks at once, where it can be told to.

    glibc keeps blocks up to 32 MiB for later, and small results that stay among them
    pin hundreds of megabytes (measured: 3.2 GB against 1.3 GB on large images).
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _KEPT)


Stored = np.ndarray | Mapped
"""Examples [N, *shape], in memory or in a file."""


def blocks(x: Stored) -> Iterator[np.ndarray]:
    """All examples in order, [n, *shape] at a time, few enough for memory."""
    for part in block_slices(len(x), x.shape[1:], x.dtype.itemsize):
        yield x[part]


def block_slices(
    number: int, shape: tuple[int, ...], itemsize: int, *, most: int | None = None
) -> Iterator[slice]:
    """Slices that cut ``number`` examples into blocks of about 16 MiB.

    Args:
        number: Of examples.
        shape: Of one example.
        itemsize: Bytes of one element.
        most: Examples in a block at most.
    """
    size = max(1, _BLOCK // max(1, int(np.prod(shape)) * itemsize))
    size = size if most is None else min(size, most)
    for start in range(0, number, size):
        yield slice(start, min(start + size, number))
