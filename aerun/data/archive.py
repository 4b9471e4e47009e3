"""NumPy archives (.npz) that are written block by block."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import numpy as np


class ArchiveWriter:
    """Writes arrays into an .npz file that need not fit into memory.

    The file has its name when all is written, so that half of one is never taken for
    a whole.
    """

    def __init__(self, path: Path) -> None:
        """Begin a file; use as a context."""
        self.path, self._hidden = path, path.with_name(f".{path.name}.part")

    def __enter__(self) -> "ArchiveWriter":
        """Open it."""
        self._archive = zipfile.ZipFile(self._hidden, "w", zipfile.ZIP_STORED)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it its name, or leave nothing behind where something failed."""
        try:
            self._archive.close()
            if kind is None:
                self._hidden.replace(self.path)
        finally:
            self._hidden.unlink(missing_ok=True)

    def write(
        self,
        name: str,
        blocks: Iterable[np.ndarray],
        *,
        shape: tuple[int, ...],
        dtype: np.dtype,
    ) -> None:
        """Add an array.

        Args:
            name: By which ``np.load`` gives it.
            blocks: Its rows in order, [n, ...] at a time.
            shape: Of the whole, [N, ...].
            dtype: Of the whole; blocks are converted.

        Raises:
            ValueError: The blocks hold more or fewer rows.
        """
        form = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": shape,
        }
        rows = 0
        with self._archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_2_0(file, form)
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype=dtype).tobytes())
                rows += len(block)
        if rows != shape[0]:
            raise ValueError(f"{name}: {rows} rows in blocks of an array of {shape[0]}")

    def add(self, name: str, array: np.ndarray) -> None:
        """Add a whole array."""
        self.write(name, [array], shape=array.shape, dtype=array.dtype)
