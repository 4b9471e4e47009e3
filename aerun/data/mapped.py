"""Examples in a file, read on demand: for data larger than memory."""

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_RESIDENT = 128 * 2**20  # bytes read before the pages of a mapping are given back
_BLOCK = 16 * 2**20  # bytes of examples that pass through memory at a time
_LARGE = 512 * 2**20  # bytes of a mapping from which on memory is saved
_KEPT = 4 * 2**20  # largest block that the C library may keep when it is freed
_M_MMAP_THRESHOLD = -3  # its number in malloc.h


class Mapped:
    """A memory-mapped array of examples [N, *shape] of which little stays in memory.

    Pages that were read count as memory of the process until they are given back, which
    happens every 128 MiB; the system keeps them in its own cache while it has room.
    """

    def __init__(
        self, path: Path, *, shape: tuple[int, ...], dtype: np.dtype, offset: int = 0
    ) -> None:
        """Map a file.

        Args:
            path: Of a file that does not change any more.
            shape: [N, *shape of one example].
            dtype: Of one element.
            offset: Bytes before the first element.
        """
        self.shape, self.dtype = shape, np.dtype(dtype)
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        flat = np.frombuffer(
            self._map, self.dtype, count=int(np.prod(shape)), offset=offset
        )
        self._array = flat.reshape(shape)
        self._read = 0
        if flat.nbytes > _LARGE:
            _give_freed_memory_back()

    @property
    def ndim(self) -> int:
        """Number of dimensions, that of the examples included."""
        return len(self.shape)

    def __len__(self) -> int:
        """Number of examples."""
        return self.shape[0]

    def __getitem__(self, index: np.ndarray | slice) -> np.ndarray:
        """A copy of the examples at ``index``."""
        rows = np.array(self._array[index])
        self._read += rows.nbytes
        if self._read > _RESIDENT:
            self._give_back()
        return rows

    def _give_back(self) -> None:
        self._read = 0
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


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
