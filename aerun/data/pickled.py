"""Pickles of arrays, read without running anything that they name."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from aerun.data.obtain import unusable
from aerun.errors import DataError


def load_arrays(path: Path) -> Any:
    """Read a pickle of plain values and NumPy arrays of numbers.

    A pickle is a program that may import and call anything. Here it can reach only what
    arrays are rebuilt with; whatever else it names is refused before it is called.

    Args:
        path: Of a pickle of protocol 4 or older; what Python 2 wrote as byte strings
            is read as text.

    Raises:
        DataError: It names anything else, or is damaged.
    """
    try:
        return _ArrayUnpickler(path).load()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle is a broken program: any error
        reason = f"{type(error).__name__}: {error}"
        raise unusable(path, f"is no readable pickle ({reason})") from None


def _dtype(name: str, align: int = False, copy: int = False) -> "np.dtype[Any]":
    """A type of numbers; flags that are numbers in old files would bring a warning."""
    dtype = np.dtype(name, align=bool(align), copy=bool(copy))
    if dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"an array of {dtype}; only numbers are read")
    return dtype


# Taken from an array, because NumPy 2 moved the function, and warns at its old place.
_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Finds nothing but the parts of arrays; persistent ids are refused by default."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.BytesIO(path.read_bytes()), encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle names, if it belongs to arrays."""
        if (module, name) not in _ALLOWED:
            problem = f"would run {module}.{name}, but may hold nothing but arrays"
            raise unusable(self._path, problem)
        return _ALLOWED[module, name]
