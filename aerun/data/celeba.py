"""CelebA: aligned faces of celebrities, decoded once into a file of bytes."""

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from aerun.data.cache import cached
from aerun.data.mapped import Mapped
from aerun.data.obtain import Published, obtain, unusable
from aerun.data.splits import Source
from aerun.errors import DataError
from aerun.options import Count
from aerun.progress import progress_bar

_ZIP, _PARTITION = "img_align_celeba.zip", "list_eval_partition.txt"
_DRIVE = {
    _ZIP: "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
    _PARTITION: "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
}
"""Identifiers on Google Drive, where the authors keep the files."""
_WIDTH, _HEIGHT = 178, 218


def celeba(*, root: str, size: Count | list[Count], crop: Count) -> Source:
    """182,637 and 19,962 colour photographs of aligned faces, without labels.

    Args:
        root: Folder that holds, or will hold, ``celeba/img_align_celeba.zip`` and
            ``celeba/list_eval_partition.txt``.
        size: Height and width of the images, or one number for both, in pixels.
        crop: Side of the square that is cut out of the middle first, in pixels.

    Returns:
        The official training and validation parts together, and the test part, images
        [N, 3, *size] in files that are made once.

    Raises:
        DataError: A file is damaged, or absent and cannot be downloaded; an option is
            out of range; there is no room for the decoded images.

    References:
        Liu et al., "Deep learning face attributes in the wild" (2015).
    """
    pixels = [size, size] if isinstance(size, int) else size
    if len(pixels) != 2:
        problem = "give height and width, dataset.size=[H,W], or one number for both"
        raise DataError(problem, key="dataset.size")
    if crop > _WIDTH:
        raise DataError(
            f"the images are {_WIDTH} pixels wide; give {_WIDTH} or less",
            key="dataset.crop",
        )
    folder = obtain(root, FILES)
    train, test = _parts(folder / _PARTITION)
    # What the decoded bytes follow from; the last is how they are made, below.
    recipe = [*FILES.digests.values(), *pixels, crop, "crop, lanczos, 1"]
    content = hashlib.sha256(repr(recipe).encode()).hexdigest()

    def decoded(part: str, names: Sequence[str]) -> Mapped:
        return cached(
            f"celeba-{part}-{content[:16]}-pil{PIL.__version__}",
            (len(names), 3, pixels[0], pixels[1]),
            lambda: _decode(folder / _ZIP, names, pixels, crop),
        )

    return Source(
        train=(decoded("train", train), None),
        test=(decoded("test", test), None),
        bounds=(0, 255),
        content=content,
    )


def _parts(path: Path) -> tuple[list[str], list[str]]:
    """Names of the images to train on, and of those to test on, in order."""
    parts: tuple[list[str], list[str]] = ([], [])
    for number, line in enumerate(path.read_text("ascii", "replace").splitlines(), 1):
        match = re.fullmatch(r"(\d{6}\.jpg) ([012])\s*", line)
        if match is None:
            raise unusable(path, f"has a line {number} unlike '000001.jpg 0'")
        parts[match[2] == "2"].append(match[1])
    return parts


def _decode(
    path: Path, names: Sequence[str], size: Sequence[int], crop: int
) -> Iterator[np.ndarray]:
    """Images [3, *size] in the order of their names, straight from the archive."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[np.ndarray]] = deque()
    try:
        with (
            zipfile.ZipFile(path) as archive,
            ThreadPoolExecutor(workers) as pool,
            progress_bar(len(names), unit="image", description="Decoding") as bar,
        ):
            for name in names:
                content = archive.read(f"img_align_celeba/{name}")
                waiting.append(pool.submit(_image, content, size, crop))
                # Few at a time: reading is faster than decoding.
                if len(waiting) > 4 * workers:
                    yield waiting.popleft().result()
                    bar.update()
            while waiting:
                yield waiting.popleft().result()
                bar.update()
    except (OSError, KeyError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise unusable(path, f"cannot be decoded ({error})") from None


def _image(content: bytes, size: Sequence[int], crop: int) -> np.ndarray:
    """The middle of a photograph, [3, *size]."""
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
        if image.size != (_WIDTH, _HEIGHT):
            raise ValueError(f"an image of {image.size} pixels")
        left, top = (_WIDTH - crop) // 2, (_HEIGHT - crop) // 2
        square = image.convert("RGB").crop((left, top, left + crop, top + crop))
    small = square.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(small).transpose(2, 0, 1)


def _fetch(absent: Mapping[str, str], scratch: Path) -> None:
    from torchvision.datasets.utils import download_file_from_google_drive

    for name, digest in absent.items():
        md5 = digest.removeprefix("md5:")
        try:
            download_file_from_google_drive(_DRIVE[name], scratch, name, md5)
        except Exception as error:  # of a package with errors of its own
            place = f"https://drive.google.com/uc?id={_DRIVE[name]}"
            raise OSError(f"{name} from {place}: {error}") from None


FILES = Published(
    folder="celeba",
    digests={
        _ZIP: "md5:00d2c5bc6d35e252742224ab0c1e8fcb",
        _PARTITION: "md5:d32c9cbf5e040fd4025c592c306e6668",
    },
    fetch=_fetch,
)
