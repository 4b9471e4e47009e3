"""Street View House Numbers: digits cut out of photographs, in colour."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from aerun.data.matlab import read_mat
from aerun.data.obtain import Published, from_mirrors, obtain, unusable
from aerun.data.splits import Arrays, Source

FILES = Published(
    folder="SVHN",
    digests={
        "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
    },
    fetch=from_mirrors("http://ufldl.stanford.edu/housenumbers/"),
)


def svhn(*, root: str) -> Source:
    """73,257 and 26,032 colour photographs of 32x32 house numbers, by middle digit.

    Args:
        root: Folder that holds the files, or will hold them in ``SVHN/``.

    Returns:
        The official training and test sets, images [N, 3, 32, 32].

    Raises:
        DataError: A file is damaged, or absent and cannot be downloaded.

    References:
        Netzer et al., "Reading digits in natural images with unsupervised feature
        learning" (2011).
    """
    folder = obtain(root, _where(root))
    return Source(
        train=_read(folder / "train_32x32.mat"),
        test=_read(folder / "test_32x32.mat"),
        bounds=(0, 255),
        classes=tuple(str(digit) for digit in range(10)),
    )


def _where(root: str) -> Published:
    """Torchvision puts the files into the root itself; they may stay there."""
    for folder in (FILES.folder, "."):
        place = Path(os.path.expanduser(root)) / folder
        if all((place / name).is_file() for name in FILES.digests):
            return replace(FILES, folder=folder)
    return FILES


def _read(path: Path) -> Arrays:
    """Images [N, 3, 32, 32] and labels [N] of a verified file."""
    found = read_mat(path, {"X": (32, 32, 3, -1), "y": (-1, 1)})
    images, labels = found["X"], found["y"][:, 0]
    known = np.isin(labels, np.arange(1, 11)).all()
    if len(labels) != images.shape[-1] or not known:
        number = images.shape[-1]
        raise unusable(path, f"has no label from 1 to 10 for each of {number} images")
    # The file counts from 1, and calls the digit 0 ten.
    digits = (labels % 10).astype(np.int64)
    return np.ascontiguousarray(images.transpose(3, 2, 0, 1)), digits
