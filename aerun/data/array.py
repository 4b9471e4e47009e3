"""Arrays of the user's own: .npy and .npz files."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from aerun.data.splits import Arrays, Source, non_finite
from aerun.data.writing import array_like
from aerun.errors import DataError

_KEY = "dataset.path"
_EXAMPLES = ("x", "images", "data", "arr_0", "x_train")
_LABELS = ("y", "labels", "y_train")


def array(*, path: str) -> Source:
    """Images or vectors from a .npy or .npz file.

    Args:
        path: A .npy file of examples, or a .npz file with ``x`` (also ``images``,
            ``data`` or ``x_train``), and optionally ``y`` (``labels``, ``y_train``),
            ``x_test`` and ``y_test``. Examples are [N, D] vectors, [N, H, W] grey
            images, or [N, H, W, C] / [N, C, H, W] images with C = 1 or 3.

    Returns:
        The arrays; integer images of 8 bits are bounded by 0 and 255.

    Raises:
        DataError: The file is absent, unreadable, or holds no such array.
    """
    arrays = _read(Path(path).expanduser())
    if isinstance(arrays, np.ndarray):
        arrays = {"x": arrays}
    name = next((name for name in _EXAMPLES if name in arrays), None)
    if name is None:
        raise DataError(
            f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}; "
            "name the array of examples 'x' (and labels 'y')",
            key=_KEY,
        )
    x = _examples(arrays[name], path)
    y = next((arrays[name] for name in _LABELS if name in arrays), None)
    y_test = arrays.get("y_test")
    # Both parts number their labels alike, also where one lacks a class.
    labels = [part.ravel() for part in (y, y_test) if part is not None]
    known = np.unique(np.concatenate(labels)) if labels else None
    test = None
    if "x_test" in arrays:
        x_test = _examples(arrays["x_test"], path)
        if x_test.shape[1:] != x.shape[1:]:
            raise DataError(
                f"{path}: x_test has examples of {list(x_test.shape[1:])}, "
                f"{name} of {list(x.shape[1:])}; make them the same",
                key=_KEY,
            )
        test = _pair(x_test, y_test, known, path)
    return Source(
        train=_pair(x, y, known, path),
        test=test,
        bounds=(0, 255) if x.dtype == np.uint8 else None,
        classes=None if known is None else tuple(str(label) for label in known),
        write=array_like(arrays[name].shape[1:]),
    )


def _read(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """Read without executing pickles."""
    if not path.exists():
        raise DataError(
            f"{path} does not exist; give the path of a .npy or .npz file", key=_KEY
        )
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                return {name: np.asarray(loaded[name]) for name in loaded.files}
    except (
        ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        raise DataError(
            f"{path} is no readable .npy or .npz file of numbers ({error})", key=_KEY
        ) from None


def _examples(x: np.ndarray, path: str) -> np.ndarray:
    """Check an array of examples and bring images to [N, C, H, W]."""
    if x.dtype == bool:
        x = x.astype(np.float32)
    if not np.issubdtype(x.dtype, np.number) or np.iscomplexobj(x):
        raise DataError(f"{path} holds {x.dtype}; numbers are needed", key=_KEY)
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise DataError(
            f"{path} has shape {list(x.shape)}; examples are [N, D] vectors, [N, H, W] "
            "or [N, H, W, C] images",
            key=_KEY,
        )
    if x.dtype != np.uint8:
        # Kept as precise as they came: scaling may take a large mean away. PyTorch
        # cannot index unsigned types wider than 8 bits.
        small = x.dtype.itemsize <= (4 if x.dtype.kind == "f" else 2)
        x = x.astype(np.float32 if small else np.float64)
        with np.errstate(over="ignore"):
            problem = non_finite(x.astype(np.float32))
        if problem:
            raise DataError(f"{path} has {problem}", key=_KEY)
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[-1] in (1, 3):
        x = np.moveaxis(x, -1, 1)
    elif x.ndim == 4 and x.shape[1] not in (1, 3):
        raise DataError(
            f"{path} has shape {list(x.shape)}; images have 1 or 3 channels, last or "
            "second",
            key=_KEY,
        )
    return x


def _pair(
    x: np.ndarray, y: np.ndarray | None, known: np.ndarray | None, path: str
) -> Arrays:
    """Examples with labels as numbers 0, 1, ... in the order of the known ones."""
    if y is None or known is None:
        return x, None
    if y.shape != (len(x),):
        raise DataError(
            f"{path} has {len(x)} examples but labels of shape {list(y.shape)}; "
            "give one label per example",
            key=_KEY,
        )
    return x, np.searchsorted(known, y).astype(np.int64)
