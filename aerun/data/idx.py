"""IDX, the file format of MNIST and its relatives: a header and bytes."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from aerun.data.obtain import unusable
from aerun.data.splits import Arrays, Source

_BYTES = 8  # the format's code for unsigned bytes
_SIDE = 28  # pixels


def read_source(folder: Path, classes: tuple[str, ...], suffix: str = "") -> Source:
    """Both parts of a relative of MNIST; arguments as for ``read_part``.

    Raises:
        DataError: They are no such files.
    """
    return Source(
        train=read_part(folder, "train", suffix),
        test=read_part(folder, "t10k", suffix),
        bounds=(0, 255),
        classes=classes,
    )


def read_part(folder: Path, part: str, suffix: str = "") -> Arrays:
    """The images and labels of one part of a relative of MNIST.

    Args:
        folder: Of verified files.
        part: "train" or "t10k", with which their names begin.
        suffix: ".gz" where they are packed.

    Returns:
        Images [N, 1, 28, 28], bytes, and labels [N], 0 to 9.

    Raises:
        DataError: They are no such files.
    """
    images = read_idx(folder / f"{part}-images-idx3-ubyte{suffix}", num_dimensions=3)
    path = folder / f"{part}-labels-idx1-ubyte{suffix}"
    labels = read_idx(path, num_dimensions=1)
    if images.shape != (len(labels), _SIDE, _SIDE):
        raise unusable(
            path,
            f"has {len(labels)} labels for images of {list(images.shape)}, "
            f"not [{len(labels)}, {_SIDE}, {_SIDE}]",
        )
    if labels.max(initial=0) > 9:
        raise unusable(path, f"has a label {labels.max()}; they are 0 to 9")
    return images[:, None], labels.astype(np.int64)


def read_idx(path: Path, *, num_dimensions: int) -> np.ndarray:
    """Parse a file of unsigned bytes.

    Args:
        path: Packed if its name ends in .gz.
        num_dimensions: That the array must have.

    Returns:
        A writable array of bytes.

    Raises:
        DataError: It cannot be unpacked, or is no IDX file of this kind.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise unusable(path, f"cannot be read ({error})") from None
    # Magic number: two zeros, the type, how many dimensions; then the size of each in
    # four bytes, the highest first.
    if content[:3] != bytes([0, 0, _BYTES]):
        begin = content[:4].hex(" ") or "nothing"
        raise unusable(path, f"is no IDX file of bytes: it begins with {begin}")
    start = 4 + 4 * num_dimensions
    if content[3] != num_dimensions or len(content) < start:
        raise unusable(path, f"has no header of {num_dimensions} dimensions")
    shape = [int(n) for n in np.frombuffer(content, ">u4", num_dimensions, offset=4)]
    size = len(content) - start
    if math.prod(shape) != size:
        announced = f"{' x '.join(map(str, shape))} bytes"
        raise unusable(path, f"announces {announced}, but {size} follow")
    # A copy, because PyTorch takes only memory that may be written to.
    return np.frombuffer(bytearray(content[start:]), np.uint8).reshape(shape)
