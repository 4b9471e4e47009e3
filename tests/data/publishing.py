"""A pretended network, and small data sets published in the real formats."""

import gzip
import hashlib
import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from aerun.data import obtain


class Response(io.BytesIO):
    """What an address delivers, with its length."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.length = len(content)


class Broken(Response):
    """A delivery that is cut off by an error, half of it written."""

    def __init__(self, error: Exception) -> None:
        super().__init__(b"half")
        self.error = error

    def read(self, size: int | None = -1) -> bytes:
        if half := super().read(size):
            return half
        raise self.error


class Web:
    """Addresses and what they deliver; all others are out of reach."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Exception] = {}
        self.asked: list[str] = []
        self.down: Exception | None = None

    def urlopen(self, request: Any, **options: Any) -> Response:
        url = request.full_url
        self.asked.append(url)
        page = self.down or self.pages.get(url, URLError("no route to host"))
        return Broken(page) if isinstance(page, Exception) else Response(page)


def md5(content: bytes) -> str:
    """The digest of some content, as the tables write it."""
    return f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"


def lay(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def family(numbers: tuple[int, int], packed: bool) -> dict[str, bytes]:
    """The four files of a relative of MNIST; every pixel of image i is i."""
    files = {}
    for part, number in zip(("train", "t10k"), numbers, strict=True):
        images = np.broadcast_to(np.arange(number)[:, None, None], (number, 28, 28))
        files[f"{part}-images-idx3-ubyte"] = idx(images)
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(number) % 10)
    if not packed:
        return files
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}


def count_hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed from now on."""
    hashed: list[str] = []
    original = obtain._hash

    def counted(path: Path, digest: str) -> str:
        hashed.append(path.name)
        return original(path, digest)

    monkeypatch.setattr(obtain, "_hash", counted)
    return hashed
