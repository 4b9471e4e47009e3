"""Files that processes hold against each other, and whether they can be written."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def awaited_lock(path: Path) -> Iterator[None]:
    """Hold a lock file once no other process does; the kernel frees it on death."""
    with writable(path):
        handle = open(path, "w")  # noqa: SIM115 - closed below
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
