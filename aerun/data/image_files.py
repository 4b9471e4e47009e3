"""Image files: found in a folder, looked at once, decoded to bytes."""

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from PIL import Image

T = TypeVar("T")
R = TypeVar("R")

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm",
    ".pbm",
)  # fmt: skip

_GREY_MODES = {"1", "L", "LA", "La"}
_COLOUR_MODES = {"RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr"}
_ORIENTATION = 0x0112  # EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image of an orientation upright."""
_ON_ITS_SIDE = 5  # the first orientation that swaps height and width
_AT_ONCE = 64  # images that threads work on together
_LARGEST = 2**30  # bytes of a file
_MANY = 2**26  # pixels from which images are decoded one after the other
_alone = Lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFile:
    """What is known of a file without decoding it."""

    stamp: list[int]
    """Size in bytes, times of change of content and of entry, number on its disk."""
    sha256: str
    """Of its bytes; "" of a file that cannot be read."""
    height: int
    """In pixels, as it is to be looked at."""
    width: int
    is_grey: bool
    problem: str | None
    """Why it cannot be used and what to do; None when it can."""


class ImageProblem(ValueError):
    """An image that cannot be used; says why and what to do."""


def find(folder: Path) -> tuple[dict[str, list[int]], list[str], dict[str, str]]:
    """All files below a folder but hidden ones, links followed, each folder once.

    Returns:
        Images by relative path, in order, with their stamps (see ``ImageFile``); the
        relative paths of other files; and linked folders that were not entered, with
        the first path, in the order of names, under which they were.
    """
    images: dict[str, list[int]] = {}
    others: list[str] = []
    twice: dict[str, str] = {}
    entered: dict[tuple[int, int], str] = {}

    def enter(path: str, prefix: str) -> None:
        status = os.stat(path)
        here = (status.st_dev, status.st_ino)
        name = prefix.removesuffix("/")
        if here in entered:
            twice[name] = entered[here]
            return
        entered[here] = name or "the folder itself"
        with os.scandir(path) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                enter(entry.path, f"{name}/")
            elif not entry.name.lower().endswith(SUFFIXES):
                others.append(name)
            elif entry.is_file():
                images[name] = _stamp(entry.stat())
            elif not os.path.exists(entry.path):  # a link that leads nowhere
                images[name] = [0, 0, 0, 0]

    enter(str(folder), "")
    return dict(sorted(images.items())), sorted(others), twice


def stamp_of(path: Path) -> list[int] | None:
    """What tells a change of a file (see ``ImageFile``); None where there is none."""
    try:
        return _stamp(os.stat(path))
    except OSError:
        return None


def _stamp(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def look_at(path: Path, stamp: list[int]) -> ImageFile:
    """Hash a file and read its header."""
    height, width, is_grey, problem, digest = 0, 0, True, None, ""
    try:
        content = _content(path)
        digest = hashlib.sha256(content).hexdigest()
        with _readable(), _opened(content) as image:
            width, height = image.size
            if _orientation(image) >= _ON_ITS_SIDE:
                width, height = height, width
            is_grey = _is_grey(image)
    except ImageProblem as error:
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
    content = _content(path)
    with _readable(), _opened(content) as image, _in_turn(image):
        turn = _TURNS.get(_orientation(image))
        upright: Image.Image = image if turn is None else image.transpose(turn)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            white = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(white, upright)
        converted = upright.convert("L" if is_grey else "RGB")
        if size is not None and converted.size != (size[1], size[0]):
            converted = converted.resize((size[1], size[0]), Image.Resampling.LANCZOS)
        pixels = np.asarray(converted)
    return pixels[None] if is_grey else np.moveaxis(pixels, -1, 0)


def in_threads(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Apply a function to all items in order; few results wait in memory."""
    with ThreadPoolExecutor(os.cpu_count()) as threads, warnings.catch_warnings():
        # Of odd metadata and large photos; what cannot be used is told otherwise.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for start in range(0, len(items), _AT_ONCE):
            yield from threads.map(function, items[start : start + _AT_ONCE])


def _in_turn(image: Image.Image) -> AbstractContextManager[Any]:
    """Held by one of those images of which few fill the memory."""
    return _alone if image.width * image.height > _MANY else nullcontext()


def _content(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ImageProblem: It cannot be read.
    """
    try:
        if (size := path.stat().st_size) > _LARGEST:
            raise ImageProblem(
                f"has {size / 1e9:.2f} GB, which is no image; take it out"
            )
        return path.read_bytes()
    except OSError as error:
        raise ImageProblem(f"cannot be read ({error.strerror})") from None


@contextmanager
def _readable() -> Iterator[None]:
    """Within, whatever PIL stumbles over is a damaged image.

    It meets damage with errors of a dozen kinds, ``struct.error`` and ``TypeError``
    among them, also while only the size or the number of frames is asked for.

    Raises:
        ImageProblem: The image is damaged.
    """
    try:
        yield
    except (ImageProblem, MemoryError):
        raise
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # PIL only warns of up to twice that
        raise ImageProblem(
            f"has more than {most:,} pixels, which are not decoded; make it smaller"
        ) from None
    except Exception as error:
        raise ImageProblem(f"is no readable image ({_reason(error)})") from None


def _opened(content: bytes) -> Image.Image:
    """An image that holds 8 bits per channel and one frame; its pixels still closed.

    Raises:
        ImageProblem: It is something else.
    """
    if not content:
        raise ImageProblem("is empty (0 bytes)")
    image = Image.open(io.BytesIO(content))
    frames = getattr(image, "n_frames", 1)
    # Phones keep a second view of a photo in MPO files; the first is the photo.
    if frames > 1 and image.format != "MPO":
        raise ImageProblem(
            f"is animated or has several pages ({frames}); save the one that you want "
            "as an image of its own"
        )
    if bits := _too_many_bits(image):
        raise ImageProblem(
            f"has {bits} bits per channel, of which 8 would be kept; convert it to 8 "
            "bits, or keep them all in a .npy file with dataset=array"
        )
    if image.mode not in _GREY_MODES | _COLOUR_MODES:
        raise ImageProblem(f"is in {image.mode}, not in RGB; convert it to RGB")
    return image


def _too_many_bits(image: Image.Image) -> int:
    """Bits per channel where they are more than 8; PIL itself cuts colour to 8."""
    tiles = getattr(image, "tile", [])
    packed = " ".join(str(tile[3]) for tile in tiles)
    # A .bmp of 16 bits has them for all three channels together.
    if "16" in image.mode or (";16" in packed and image.format != "BMP"):
        return 16
    if image.format == "PPM" and any(_largest(tile[3]) > 255 for tile in tiles):
        return 16
    return 32 if image.mode in ("I", "F") else 0


def _largest(arguments: object) -> int:
    """The largest number among what PIL's decoder of .ppm files is given."""
    found = arguments if isinstance(arguments, tuple) else ()
    return max((value for value in found if isinstance(value, int)), default=0)


def _orientation(image: Image.Image) -> int:
    """As a camera noted it, 1 to 8; 1 is upright. PIL itself turns a .tif."""
    if image.format == "TIFF":
        return 1
    if image.format == "PNG":
        image.load()  # the note may come last; damaged pixels are found here, not below
    try:
        found = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # see _readable; the pixels may be fine all the same
        return 1
    return found if found in _TURNS else 1


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        palette = np.reshape(image.getpalette("RGB") or [0, 1, 2], (-1, 3))
        return bool((palette == palette[:, :1]).all())
    return image.mode in _GREY_MODES


def _reason(error: Exception) -> str:
    """PIL names a buffer of its own in some messages; that tells nobody anything."""
    text = str(error).partition("<_io")[0].strip().rstrip(":")
    return text or type(error).__name__
