"""Decoded images in files of their own, each built once, whoever asks first."""

import errno
import fcntl
import hashlib
import io
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from aerun.data.mapped import Mapped
from aerun.errors import DataError

log = logging.getLogger("aerun")

_BYTE = np.dtype(np.uint8)
_OTHER = "%s is not what was noted of it (size, checksum), and is made again."
_EARLIER = (
    "%s was made by an earlier version, which noted no checksum of it, and is made "
    "again."
)


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
                if path.is_file() and path.with_suffix(".json").exists():
                    log.warning(_OTHER, path)
                elif path.is_file():
                    log.info(_EARLIER, path)
                _build(path, size, make)
    return Mapped(path, shape=shape, dtype=_BYTE)


def _is_whole(path: Path, size: int) -> bool:
    """Whether an array is there as it was written.

    It is read through only where the file is another one, or was changed, since it was
    last found whole.
    """
    if not path.is_file():
        return False
    known = _known(path)
    if path.stat().st_size == size and known is not None:
        if known["stamp"] == _stamp(path):
            return True
        if known["sha256"] == _sha256(path):
            _note(path, known["sha256"], _stamp(path))
            return True
    return False


def _stamp(path: Path) -> list[int]:
    """Tells a file that was exchanged or changed."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _known(path: Path) -> dict[str, Any] | None:
    """What was noted of an array; None where nothing was, or cannot be read."""
    try:
        known = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return {"stamp": list(known["stamp"]), "sha256": str(known["sha256"])}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _note(path: Path, sha256: str, stamp: list[int]) -> None:
    """Write down what an array is like, so that another one in its place is found."""
    beside = path.with_suffix(f".{os.getpid()}.part")
    try:
        with writing(path.parent):
            beside.write_text(json.dumps({"sha256": sha256, "stamp": stamp}))
            os.replace(beside, path.with_suffix(".json"))
    finally:
        beside.unlink(missing_ok=True)


def _build(path: Path, size: int, make: Callable[[], Iterable[np.ndarray]]) -> None:
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise DataError(
            f"the decoded images need {size / 1e9:.2f} GB in {path.parent}, where "
            f"{free / 1e9:.2f} GB are free; set $AERUN_CACHE to a folder with more "
            "room, or make them smaller with dataset.size=[H,W]"
        )
    beside, digest = path.with_suffix(".part"), hashlib.sha256()
    try:
        with writing(path.parent):
            file = open(beside, "wb", buffering=0)  # noqa: SIM115 - closed below
        with file:
            for examples in make():
                assert examples.dtype == _BYTE, "the cache holds bytes"
                examples = np.ascontiguousarray(examples)
                digest.update(examples.data)
                with writing(path.parent):
                    _write_all(file, examples)
            with writing(path.parent):
                os.fsync(file.fileno())
        assert beside.stat().st_size == size, "as many examples as were announced"
        _note(path, digest.hexdigest(), _stamp(beside))
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
