"""MNIST in torchvision's file layout, verified by hash, downloaded when absent."""

import gzip
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path

from aerun.data.idx import read_source
from aerun.data.obtain import Published, download, obtain
from aerun.data.splits import Source

_ADDRESSES = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
_PACKED = {
    "train-images-idx3-ubyte": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
"""Of the files as they are downloaded, by their names once unpacked."""


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
    digits = tuple(str(digit) for digit in range(10))
    return read_source(obtain(root, FILES), digits)


def _fetch(absent: Mapping[str, str], scratch: Path) -> None:
    """Download and unpack."""
    for name in absent:
        packed = scratch / f"{name}.gz"
        download([f"{a}{name}.gz" for a in _ADDRESSES], packed, _PACKED[name])
        try:
            with gzip.open(packed) as source, open(scratch / name, "wb") as target:
                shutil.copyfileobj(source, target)
        except (EOFError, zlib.error) as error:
            raise OSError(f"{packed.name} cannot be unpacked: {error}") from None


FILES = Published(
    folder="MNIST/raw",
    digests={
        "train-images-idx3-ubyte": "md5:6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "md5:a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "md5:2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "md5:27ae3e4e09519cfbb04c329615203637",
    },
    fetch=_fetch,
)
