"""The Olivetti faces, from the file in which they were first published for MATLAB."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aerun.data.matlab import read_mat
from aerun.data.obtain import Published, download, obtain
from aerun.data.splits import Source

_NAME = "olivettifaces.mat"
_URLS = ("https://ndownloader.figshare.com/files/5976027",)
_PEOPLE, _EACH, _SIDE = 40, 10, 64


def olivetti(*, root: str) -> Source:
    """400 grey images of 64x64 pixels: the faces of 40 people, ten times each.

    Args:
        root: Folder that holds, or will hold, ``olivetti/olivettifaces.mat``.

    Returns:
        The images [400, 1, 64, 64] with the person as label; there is no test set.

    Raises:
        DataError: The file is damaged, or absent and cannot be downloaded.

    References:
        Samaria & Harter, "Parameterisation of a stochastic model for human face
        identification" (1994).
    """
    path = obtain(root, FILES) / _NAME
    number = _PEOPLE * _EACH
    faces = read_mat(path, {"faces": (_SIDE * _SIDE, number)})["faces"]
    # A column is an image, read column by column as MATLAB does.
    images = faces.T.reshape(number, 1, _SIDE, _SIDE).swapaxes(2, 3)
    return Source(
        train=(np.ascontiguousarray(images), np.arange(number) // _EACH),
        bounds=(0, 255),
        classes=tuple(f"person {person + 1}" for person in range(_PEOPLE)),
    )


def _fetch(absent: Mapping[str, str], scratch: Path) -> None:
    for name, digest in absent.items():
        download(_URLS, scratch / name, digest)


FILES = Published(
    folder="olivetti",
    digests={
        _NAME: "sha256:b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794"
    },
    fetch=_fetch,
)
