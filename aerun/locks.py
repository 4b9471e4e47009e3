"""Files that processes hold against each other, and whether they can be written."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from aerun.errors import DirectoryGone, RunDirectoryError, StorageError

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Within, a file is written whose folder is there.

    Raises:
        RunDirectoryError: That is not allowed.
        StorageError: The disk is full, or the folder is gone.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        problem, number = f"{path} cannot be written ({error.strerror})", error.errno
        if number == errno.ELOOP:
            raise leads_away(path) from None
        if number in _FULL:
            text = f"{problem}; make room on its disk"
            raise StorageError(text, number) from error
        if number in _GONE:
            text = f"{problem}; was its directory removed or moved?"
            raise DirectoryGone(text, number) from error
        if number in _REFUSED:
            text = f"{problem}; make the run directory writable, or work on a copy"
            raise RunDirectoryError(text) from None
        raise


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
