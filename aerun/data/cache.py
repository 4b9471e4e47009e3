"""Decoded images in files of their own, each built once, whoever asks first."""

import errno
import fcntl
import io
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aerun.data.mapped import Mapped
from aerun.errors import DataError

log = logging.getLogger("aerun")

_BYTE = np.dtype(np.uint8)


def cache_folder() -> Path:
    """``$AERUN_CACHE``, else ``aerun`` in the user's cache folder; made when absent.

    Raises:
        DataError: It cannot be written.
    """
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = os.environ.get("AERUN_CACHE") or f"{home}/aerun"
    folder = Path(os.path.expanduser(named)).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise DataError(
            f"decoded images are kept in {folder}, which cannot be written; set "
            "$AERUN_CACHE to a folder that can"
        )
    return folder


def cached(
    key: str,
    shape: tuple[int, ...],
    make: Callable[[], Iterable[np.ndarray]],
) -> Mapped:
    """An array of bytes under a key; the first who asks makes it, others wait.

    Args:
        key: A name for these very bytes: a hash of all that they are made from.
        shape: [N, C, H, W].
        make: Called when there is none yet; yields its examples in order, uint8, each
            [C, H, W], or several at a time, [n, C, H, W].

    Returns:
        The array, mapped.

    Raises:
        DataError: There is no room on the disk, or the folder cannot be written.
    """
    path = cache_folder() / f"{key}.u8"
    size = int(np.prod(shape))
    if not _is_whole(path, size):
        with locked(path.with_suffix(".lock"), f"{path.name} in {path.parent}"):
            if not _is_whole(path, size):
                _build(path, size, make)
    return Mapped(path, shape=shape, dtype=_BYTE)


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _build(path: Path, size: int, make: Callable[[], Iterable[np.ndarray]]) -> None:
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise DataError(
            f"the decoded images need {size / 1e9:.2f} GB in {path.parent}, where "
            f"{free / 1e9:.2f} GB are free; set $AERUN_CACHE to a folder with more "
            "room, or make them smaller with dataset.size=[H,W]"
        )
    beside = path.with_suffix(".part")
    try:
        with writing(path.parent):
            file = open(beside, "wb", buffering=0)  # noqa: SIM115 - closed below
        with file:
            for examples in make():
                assert examples.dtype == _BYTE, "the cache holds bytes"
                with writing(path.parent):
                    _write_all(file, np.ascontiguousarray(examples))
            with writing(path.parent):
                os.fsync(file.fileno())
        assert beside.stat().st_size == size, "as many examples as were announced"
        with writing(path.parent):
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _write_all(file: io.FileIO, examples: np.ndarray) -> None:
    """A single write may stop at 2 GiB, or where the disk is full."""
    rest = examples.data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Within, a disk that takes no more is an error that says what to do.

    Raises:
        DataError: There is no room, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = "there is no room left for decoded images in"
            remedy = "with more room, or make them smaller with dataset.size=[H,W]"
        else:
            problem = f"decoded images cannot be written ({error.strerror}) in"
            remedy = "that can be written"
        raise DataError(
            f"{problem} {folder}; set $AERUN_CACHE to a folder {remedy}"
        ) from None


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock that the kernel frees on death; say so when waiting for it."""
    with writing(path.parent):
        handle = open(path, "w")  # noqa: SIM115 - closed below
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Waiting for another process that is making %s.", what)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
