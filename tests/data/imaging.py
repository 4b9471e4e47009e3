"""Folders of small images, and the source that reads them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aerun.data import Source, image_folder


def noise(seed: int, height: int, width: int, channels: int = 1) -> np.ndarray:
    """Random pixels, [H, W] or [H, W, 3]."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Save pixels as the image file of a path, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def fill(
    folder: Path,
    number: int,
    *,
    size: tuple[int, int] = (6, 5),
    channels: int = 1,
    first: int = 0,
    suffix: str = "png",
) -> list[np.ndarray]:
    """Fill a folder with images 00.png, 01.png, ... and return their pixels."""
    made = []
    for i in range(first, first + number):
        made.append(noise(i, *size, channels))
        write(folder / f"{i:02d}.{suffix}", made[-1])
    return made


def read(path: Path, **changes: Any) -> Source:
    """The source of a folder, by the options in conf/."""
    options = {"test_path": None, "size": None, "colour": "auto", "unusable": "refuse"}
    return image_folder(path=str(path), **{**options, **changes})


def pixels(source: Source) -> np.ndarray:
    """All training examples of a source, [N, C, H, W]."""
    return source.train[0][:]


def encoded(array: np.ndarray, form: str, **options: Any) -> bytes:
    """Pixels as the bytes of an image file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form, **options)
    return buffer.getvalue()


def kept(cache: Path) -> list[Path]:
    """The files of decoded images in a cache."""
    return sorted(cache.glob("*.u8"))
