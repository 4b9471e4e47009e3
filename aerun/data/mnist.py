"""MNIST in torchvision's file layout, verified by hash, downloaded when absent."""

import hashlib
import shutil
import tempfile
from pathlib import Path

import numpy as np

from aerun.data.splits import Arrays, Source
from aerun.errors import DataError

# MD5 of the official files after unpacking.
_FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def mnist(*, root: str) -> Source:
    """60,000 and 10,000 grey images of 28x28 handwritten digits.

    Args:
        root: Folder that holds, or will hold, ``MNIST/raw/``.

    Returns:
        The official training and test sets.

    Raises:
        DataError: A file is damaged, or absent and cannot be downloaded.

    References:
        LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    """
    folder = Path(root).expanduser() / "MNIST" / "raw"
    absent = [name for name in _FILES if not (folder / name).is_file()]
    if absent:
        _download(folder, absent)
    return Source(
        train=_read(folder, "train"),
        test=_read(folder, "t10k"),
        bounds=(0, 255),
        classes=tuple(str(digit) for digit in range(10)),
    )


def _read(folder: Path, part: str) -> Arrays:
    """Images [N, 1, 28, 28] and labels [N] of verified IDX files."""
    images = _verified(folder / f"{part}-images-idx3-ubyte")
    labels = _verified(folder / f"{part}-labels-idx1-ubyte")
    # IDX: a header of 4 bytes per dimension after the magic number, then the bytes.
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return pixels, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def _verified(path: Path) -> bytearray:
    content = bytearray(path.read_bytes())
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != _FILES[path.name]:
        raise DataError(
            f"{path} is damaged: its MD5 is not {_FILES[path.name]}; delete it and "
            "run again to download it",
            key="dataset.root",
        )
    return content


def _download(folder: Path, absent: list[str]) -> None:
    """Let torchvision download elsewhere, and move the files here when complete."""
    from torchvision.datasets import MNIST

    try:
        with tempfile.TemporaryDirectory() as scratch:
            MNIST(scratch, download=True)
            folder.mkdir(parents=True, exist_ok=True)
            for name in _FILES:
                shutil.move(Path(scratch, "MNIST", "raw", name), folder / name)
    except (RuntimeError, OSError) as error:
        reason = ([type(error).__name__, *str(error).strip().splitlines()])[-1]
        raise DataError(
            f"{folder} lacks {', '.join(absent)} and downloading failed ({reason}); "
            "put the files there, set dataset.root or $AERUN_DATA to the folder that "
            "holds MNIST/raw, or use dataset=digits, which needs no network",
            key="dataset.root",
        ) from None
