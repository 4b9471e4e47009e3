"""Arrays of bytes from MATLAB's .mat files."""

from pathlib import Path

import numpy as np

from aerun.data.obtain import unusable


def read_mat(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Some variables of a verified file.

    Args:
        path: Of a file of format 5 or older.
        shapes: Of the variables by name; -1 stands for any size.

    Returns:
        The variables as bytes.

    Raises:
        DataError: It is no such file, or lacks a variable of that shape, or one holds
            other numbers than bytes can.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=list(shapes))
    except Exception as error:  # SciPy lets through whatever a damaged file causes
        raise unusable(path, f"is no readable .mat file ({error})") from None
    return {name: _bytes(path, name, found.get(name), shapes[name]) for name in shapes}


def _bytes(
    path: Path, name: str, array: np.ndarray | None, shape: tuple[int, ...]
) -> np.ndarray:
    if array is None or array.dtype.kind not in "buif":
        raise unusable(path, f"has no array '{name}' of numbers")
    fits = array.ndim == len(shape) and all(
        wanted in (-1, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ["n" if size == -1 else size for size in shape]
        problem = f"has '{name}' of shape {list(array.shape)}, not {wanted}"
        raise unusable(path, problem.replace("'n'", "n"))
    if array.dtype == np.uint8:
        return array
    with np.errstate(invalid="ignore"):
        whole = array.astype(np.uint8)
    if not np.array_equal(whole, array):
        raise unusable(path, f"has '{name}' of other numbers than 0, 1, ..., 255")
    return whole
