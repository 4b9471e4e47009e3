"""CIFAR-10 in torchvision's file layout, its pickles read as arrays only."""

import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aerun.data.obtain import Published, download, obtain, unusable
from aerun.data.pickled import load_arrays
from aerun.data.splits import Arrays, Source

_FOLDER = "cifar-10-batches-py"
_URLS = ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",)
_ARCHIVE = "md5:c58f30108f718f92721af3b95e74349a"
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def cifar10(*, root: str) -> Source:
    """50,000 and 10,000 colour photographs of 32x32 pixels, ten classes.

    Args:
        root: Folder that holds, or will hold, ``cifar-10-batches-py/``.

    Returns:
        The official training and test sets, images [N, 3, 32, 32].

    Raises:
        DataError: A file is damaged, or absent and cannot be downloaded.

    References:
        Krizhevsky, "Learning multiple layers of features from tiny images" (2009).
    """
    folder = obtain(root, FILES)
    return Source(
        train=_read(folder, _TRAIN),
        test=_read(folder, ("test_batch",)),
        bounds=(0, 255),
        classes=_CLASSES,
    )


def _read(folder: Path, names: tuple[str, ...]) -> Arrays:
    """Images [N, 3, 32, 32] and labels [N] of some batches in order."""
    batches = [_batch(folder / name) for name in names]
    images = np.concatenate([images for images, _ in batches])
    return images, np.concatenate([labels for _, labels in batches])


def _batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images [n, 3, 32, 32] and labels [n] of one verified file."""
    batch = load_arrays(path)
    pixels = batch.get("data") if isinstance(batch, dict) else None
    labels = batch.get("labels") if isinstance(batch, dict) else None
    if (
        not isinstance(pixels, np.ndarray)
        or not isinstance(labels, list)
        or pixels.dtype != np.uint8
        or pixels.shape != (len(labels), 3 * 32 * 32)
        or not all(isinstance(i, int) and 0 <= i < 10 for i in labels)
    ):
        wanted = "data, bytes [n, 3072], and n labels from 0 to 9"
        raise unusable(path, f"is no batch of CIFAR-10, which holds {wanted}")
    # A row is all of red, then green, then blue.
    return pixels.reshape(-1, 3, 32, 32), np.asarray(labels, dtype=np.int64)


def _fetch(absent: Mapping[str, str], scratch: Path) -> None:
    """Download the archive and take the batches out of it, nothing else."""
    archive = scratch / "cifar-10-python.tar.gz"
    download(_URLS, archive, _ARCHIVE)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for name in absent:
                # The name on the disk is ours; what the archive says about paths,
                # links, owners and modes is never followed.
                member = tar.getmember(f"{_FOLDER}/{name}")
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise OSError(f"{member.name} in {archive.name} is no plain file")
                with content, open(scratch / name, "wb") as file:
                    shutil.copyfileobj(content, file)
    except (tarfile.TarError, KeyError, EOFError, zlib.error) as error:
        raise OSError(f"{archive.name} cannot be unpacked: {error}") from None


FILES = Published(
    folder=_FOLDER,
    digests={
        "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
        "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
        "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "md5:40351d587109b95175f43aff81a1287e",
    },
    fetch=_fetch,
)
