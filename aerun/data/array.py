"""Arrays of the user's own: .npy and .npz files."""

import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib.format import (
    MAGIC_PREFIX,
    read_array_header_1_0,
    read_array_header_2_0,
    read_magic,
)

from aerun.data.mapped import blocks
from aerun.data.splits import Arrays, Source, non_finite
from aerun.data.writing import array_like
from aerun.errors import DataError

_EXAMPLES = ("x", "images", "data", "arr_0", "x_train")
_LABELS = ("y", "labels", "y_train")
_TEST = ("x_test", "y_test")
_LARGE = 2**30  # bytes that an array may always unpack to
_DENSEST = 500  # times larger than packed, beyond which there is nothing in it


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """Examples of one part, and what a message about them names."""

    path: str
    key: str
    """The option that named it."""
    name: str
    """Of the array of examples."""
    x: np.ndarray
    """Checked; images are [N, C, H, W]."""
    y: np.ndarray | None
    """Labels as they came."""
    layout: tuple[int, ...]
    """Shape of an example as it came."""


def array(*, path: str, test_path: str | None) -> Source:
    """Images or vectors from a .npy or .npz file.

    Args:
        path: A .npy file of examples, or a .npz file with ``x`` (also ``images``,
            ``data`` or ``x_train``), and optionally ``y`` (``labels``, ``y_train``),
            ``x_test`` and ``y_test``. Examples are [N, D] vectors, [N, H, W] grey
            images, or [N, H, W, C] / [N, C, H, W] images with C = 1 or 3.
        test_path: A file of test examples, of the same kinds; None: ``x_test`` of the
            first file, or a share is held out.

    Returns:
        The arrays; integer images of 8 bits are bounded by 0 and 255.

    Raises:
        DataError: A file is absent, unreadable, or holds no such array.
    """
    arrays = _read(path, "dataset.path")
    train, test = _part(arrays, path, "dataset.path", _EXAMPLES, _LABELS), None
    if test_path is not None:
        held, key = _read(test_path, "dataset.test_path"), "dataset.test_path"
        examples, labels = (*_EXAMPLES, _TEST[0]), (*_LABELS, _TEST[1])
        test = _part(held, test_path, key, examples, labels)
    elif "x_test" in arrays:
        test = _part(arrays, path, "dataset.path", _TEST[:1], _TEST[1:])
    parts = [train] if test is None else [train, test]
    if test is not None:
        _check_alike(train, test)
    # Both parts number their labels alike, also where one lacks a class.
    every = [part.y.ravel() for part in parts if part.y is not None]
    known = np.unique(np.concatenate(every)) if every else None
    return Source(
        train=_numbered(train, known),
        test=None if test is None else _numbered(test, known),
        bounds=(0, 255) if train.x.dtype == np.uint8 else None,
        classes=None if known is None else tuple(str(label) for label in known),
        write=array_like(train.layout),
        path=train.path,
    )


def _read(given: str, key: str) -> dict[str, np.ndarray]:
    """The arrays that mean something, without executing pickles; .npy files mapped."""
    path = Path(os.path.expanduser(given))
    if not os.path.exists(path):
        raise DataError(
            f"{path} does not exist; give the path of a .npy or .npz file", key=key
        )
    try:
        with open(path, "rb") as file:
            is_one = file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX
            file.seek(0)
            if is_one:
                _check_header(file, path.stat().st_size, path.name)
                mapped = np.load(path, mmap_mode="r", allow_pickle=False)
                return {"x": np.asarray(mapped)}
            with np.load(file, allow_pickle=False) as loaded:
                known = {*_EXAMPLES, *_LABELS, *_TEST}
                named = [name for name in loaded.files if name in known]
                for name in named:
                    _check_member(loaded.zip, name)
                if named:
                    return {name: np.asarray(loaded[name]) for name in named}
                inside = ", ".join(sorted(loaded.files)) or "nothing"
    except Exception as error:  # NumPy and zipfile meet damage with a dozen kinds
        raise DataError(f"{path} {_why_unreadable(error)}", key=key) from None
    raise _nameless(given, inside, key)


def _check_member(archive: zipfile.ZipFile, name: str) -> None:
    """Find an array as large as it says, before there is memory for it.

    Raises:
        ValueError: It says more than it holds, or is packed as no data ever are.
    """
    inside = archive.NameToInfo.get(f"{name}.npy") or archive.getinfo(name)
    size, packed = inside.file_size, max(1, inside.compress_size)
    if size > max(_LARGE, _DENSEST * packed):
        raise ValueError(f"'{name}' would unpack {packed:,} bytes to {size:,}")
    with archive.open(inside) as member:
        _check_header(member, size, f"'{name}'")


def _check_header(file: IO[bytes], size: int, what: str) -> None:
    """Find an array that follows its header as large as that says.

    Raises:
        ValueError: It is not.
    """
    version = read_magic(file)
    read = read_array_header_1_0 if version == (1, 0) else read_array_header_2_0
    shape, _, dtype = read(file)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"{what} announces {list(shape)}, but has {size:,} bytes")


def _why_unreadable(error: Exception) -> str:
    """What is wrong with a file; NumPy's own advice would be to run what is in it."""
    text = str(error)
    if "Object arrays" in text or "Python objects" in text:
        return "holds Python objects; store arrays of numbers, all rows of one length"
    if "pickle" in text:
        return "is no .npy or .npz file of numbers"
    return f"is no readable .npy or .npz file of numbers ({text})"


def _nameless(path: str, inside: str, key: str) -> DataError:
    return DataError(
        f"{path} holds {inside}; name the array of examples 'x' (and labels 'y')",
        key=key,
    )


def _part(
    arrays: Mapping[str, np.ndarray],
    path: str,
    key: str,
    examples: Sequence[str],
    labels: Sequence[str],
) -> _Part:
    """Choose the arrays of a part by their names and check them."""
    name = next((name for name in examples if name in arrays), None)
    if name is None:
        raise _nameless(path, ", ".join(sorted(arrays)), key)
    x, y = arrays[name], next((arrays[n] for n in labels if n in arrays), None)
    if y is not None and y.shape != x.shape[:1]:
        raise DataError(
            f"{path} has {len(x) if x.ndim else 0} examples but labels of shape "
            f"{list(y.shape)}; give one label per example",
            key=key,
        )
    if y is not None:
        y = _labels(y, path, key)
    checked = _examples(x, path, key)
    return _Part(path=path, key=key, name=name, x=checked, y=y, layout=x.shape[1:])


def _check_alike(train: _Part, test: _Part) -> None:
    """Test examples must be of the shape and the units of those to train on."""
    ours, theirs = list(train.x.shape[1:]), list(test.x.shape[1:])
    told = f"{test.path}: {test.name} has examples of"
    if ours != theirs:
        raise DataError(
            f"{told} {theirs}, {train.name} of {ours}; make them the same",
            key=test.key,
        )
    if (train.x.dtype == np.uint8) != (test.x.dtype == np.uint8):
        raise DataError(
            f"{told} type {test.x.dtype}, {train.name} of {train.x.dtype}, which may "
            "be other units; store both in the same type",
            key=test.key,
        )


def _examples(x: np.ndarray, path: str, key: str) -> np.ndarray:
    """Check an array of examples and bring images to [N, C, H, W]."""
    if x.dtype == bool:
        x = x.astype(np.float32)
    if x.dtype.kind not in "iuf":
        raise DataError(f"{path} holds {x.dtype}; numbers are needed", key=key)
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise DataError(
            f"{path} has shape {list(x.shape)}; examples are [N, D] vectors, [N, H, W] "
            "or [N, H, W, C] images",
            key=key,
        )
    if x.dtype != np.uint8:
        # Kept as precise as they came: scaling may take a large mean away. PyTorch
        # cannot index unsigned types wider than 8 bits.
        small = x.dtype.itemsize <= (4 if x.dtype.kind == "f" else 2)
        x = x.astype(np.float32 if small else np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            if not all(np.isfinite(b.astype(np.float32)).all() for b in blocks(x)):
                problem = non_finite(x.astype(np.float32))
                raise DataError(f"{path} has {problem}", key=key)
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[-1] in (1, 3):
        x = np.moveaxis(x, -1, 1)
    elif x.ndim == 4 and x.shape[1] not in (1, 3):
        raise DataError(
            f"{path} has shape {list(x.shape)}; images have 1 or 3 channels, last or "
            "second",
            key=key,
        )
    return x


def _labels(y: np.ndarray, path: str, key: str) -> np.ndarray:
    """Check labels [N]; bytes become texts."""
    if y.dtype.kind not in "biufUS":
        raise DataError(
            f"{path} has labels of type {y.dtype}; numbers or texts are needed", key=key
        )
    if y.dtype.kind == "f" and np.isnan(y).any():
        first = int(np.argmax(np.isnan(y)))
        raise DataError(
            f"{path} has {int(np.isnan(y).sum())} labels that are NaN, the first at "
            f"[{first}]; fill them in or take these examples out",
            key=key,
        )
    if y.dtype.kind == "S":
        return np.char.decode(y, "utf-8", "backslashreplace")
    return y


def _numbered(part: _Part, known: np.ndarray | None) -> Arrays:
    """Examples with labels as numbers 0, 1, ... in the order of the known ones."""
    if part.y is None or known is None:
        return part.x, None
    return part.x, np.searchsorted(known, part.y).astype(np.int64)
