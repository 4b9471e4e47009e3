"""Image files: found in a folder, looked at once, decoded to bytes."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

T = TypeVar("T")
R = TypeVar("R")

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm",
    ".pbm",
)  # fmt: skip

_GREY_MODES = {"1", "L", "LA", "La"}
_COLOUR_MODES = {"RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr"}
_ORIENTATION = 0x0112  # EXIF tag
_AT_ONCE = 64  # images that threads work on together


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFile:
    """What is known of a file without decoding it."""

    stamp: list[int]
    """Size in bytes, times of change of content and of entry, number on its disk."""
    sha256: str
    """Of its bytes."""
    height: int
    """In pixels, as it is to be looked at."""
    width: int
    is_grey: bool
    problem: str | None
    """Why it cannot be used and what to do; None when it can."""


class ImageProblem(ValueError):
    """An image that cannot be used; says why and what to do."""


def find(folder: Path) -> tuple[dict[str, list[int]], list[str]]:
    """All files below a folder but hidden ones, links followed.

    Returns:
        Images by relative path, in order, with their stamps (see ``ImageFile``); and
        the relative paths of other files.
    """
    images: dict[str, list[int]] = {}
    others: list[str] = []
    seen: set[tuple[int, int]] = set()

    def enter(path: str, prefix: str) -> None:
        status = os.stat(path)
        if (status.st_dev, status.st_ino) in seen:
            return  # a link back to where we came from
        seen.add((status.st_dev, status.st_ino))
        for entry in os.scandir(path):
            if entry.name.startswith("."):
                continue
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                enter(entry.path, f"{name}/")
            elif not entry.name.lower().endswith(SUFFIXES):
                others.append(name)
            elif entry.is_file():
                s = entry.stat()
                images[name] = [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino]

    enter(str(folder), "")
    return dict(sorted(images.items())), sorted(others)


def look_at(path: Path, stamp: list[int]) -> ImageFile:
    """Hash a file and read its header."""
    height, width, is_grey, problem, digest = 0, 0, True, None, ""
    try:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        with _opened(content) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION, 1) >= 5:  # lies on its side
                width, height = height, width
            is_grey = _is_grey(image)
    except (ImageProblem, OSError) as error:
        problem = str(error)
    return ImageFile(
        stamp=stamp,
        sha256=digest,
        height=height,
        width=width,
        is_grey=is_grey,
        problem=problem,
    )


def decode(path: Path, *, size: tuple[int, int] | None, is_grey: bool) -> np.ndarray:
    """The pixels of an image, the way up that it was taken, on white where transparent.

    Args:
        path: Of an image.
        size: Height and width to stretch it to; None: its own.
        is_grey: Whether to give one channel or three.

    Returns:
        Pixels, [C, H, W], uint8.

    Raises:
        ImageProblem: It cannot be used.
    """
    try:
        with _opened(path.read_bytes()) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                white = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(white, upright)
            converted = upright.convert("L" if is_grey else "RGB")
            if size is not None and converted.size != (size[1], size[0]):
                converted = converted.resize(
                    (size[1], size[0]), Image.Resampling.LANCZOS
                )
            pixels = np.asarray(converted)
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, ImageProblem):
            raise
        raise ImageProblem(f"is no readable image ({_reason(error)})") from None
    return pixels[None] if is_grey else np.moveaxis(pixels, -1, 0)


def in_threads(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Apply a function to all items in order; few results wait in memory."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(items), _AT_ONCE):
            yield from threads.map(function, items[start : start + _AT_ONCE])


def _opened(content: bytes) -> Image.Image:
    """An image that holds 8 bits per channel and one frame; its pixels still closed.

    Raises:
        ImageProblem: It is something else.
    """
    if not content:
        raise ImageProblem("is empty (0 bytes)")
    try:
        image = Image.open(io.BytesIO(content))
        frames = getattr(image, "n_frames", 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageProblem(f"is no readable image ({_reason(error)})") from None
    # Phones keep a second view of a photo in MPO files; the first is the photo.
    if frames > 1 and image.format != "MPO":
        raise ImageProblem(
            f"is animated or has several pages ({frames}); save the one that you want "
            "as an image of its own"
        )
    if bits := _too_many_bits(image):
        raise ImageProblem(
            f"has {bits} bits per pixel, of which 8 would be kept; convert it to 8 "
            "bits, or keep them all in a .npy file with dataset=array"
        )
    if image.mode not in _GREY_MODES | _COLOUR_MODES:
        raise ImageProblem(f"is in {image.mode}, not in RGB; convert it to RGB")
    return image


def _too_many_bits(image: Image.Image) -> int:
    """Bits per channel where they are more than 8; PIL itself cuts colour to 8."""
    packed = " ".join(str(tile[3]) for tile in getattr(image, "tile", []))
    if "16" in image.mode or ";16" in packed:
        return 16
    return 32 if image.mode in ("I", "F") else 0


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        palette = np.reshape(image.getpalette("RGB") or [0, 1, 2], (-1, 3))
        return bool((palette == palette[:, :1]).all())
    return image.mode in _GREY_MODES


def _reason(error: Exception) -> str:
    """PIL names a buffer of its own in some messages; that tells nobody anything."""
    text = str(error).partition("<_io")[0].strip().rstrip(":")
    return text or type(error).__name__
