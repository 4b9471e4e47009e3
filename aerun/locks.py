"""Files that processes hold against each other, and whether they can be begun."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from aerun.errors import RunDirectoryError


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Within, a file is begun.

    Raises:
        RunDirectoryError: That is not allowed; a full disk is another matter.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise leads_away(path) from None
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise RunDirectoryError(
            f"{path} cannot be written ({error.strerror}); make the run directory "
            "writable, or work on a copy"
        ) from None


def lock_file(path: Path) -> IO[Any]:
    """Open a file to be locked, of which nothing is changed.

    Raises:
        RunDirectoryError: It cannot be written, or is a link.
    """
    with writable(path):
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        return open(os.open(path, flags, 0o666), "wb")


@contextmanager
def awaited_lock(path: Path) -> Iterator[None]:
    """Hold a lock file once no other process does; the kernel frees it on death."""
    with lock_file(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def check_links(directory: Path, *, below: bool = True) -> None:
    """Find nothing in a directory that would be written through to somewhere else.

    Runs may come from anybody: a link to a file of the user's would be written over.

    Args:
        directory: Of a run or a sweep.
        below: Whether the entries of its folders count too.

    Raises:
        RunDirectoryError: Something in it is a link that leads out of it, or a pipe.
    """
    top = directory.resolve()
    for entry in _entries(directory, below=below):
        away = entry.is_symlink() and top not in Path(entry.path).resolve().parents
        if away or not (entry.is_file() or entry.is_dir()):
            raise leads_away(Path(entry.path))


def _entries(directory: Path, *, below: bool) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(directory) as scan:
        for entry in scan:
            yield entry
            if below and entry.is_dir(follow_symlinks=False):
                with os.scandir(entry) as inner:
                    yield from inner


def leads_away(path: Path) -> RunDirectoryError:
    """The error about a link in a directory that is written to."""
    return RunDirectoryError(
        f"{path} is a link to another place, or no file; what is written there could "
        "replace files of yours: remove it, or put what it leads to in its place"
    )
