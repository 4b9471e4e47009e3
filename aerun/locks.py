"""Files that processes hold against each other, and whether they can be begun."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise RunDirectoryError(
            f"{path} cannot be written ({error.strerror}); make the run directory "
            "writable, or work on a copy"
        ) from None


@contextmanager
def awaited_lock(path: Path) -> Iterator[None]:
    """Hold a lock file once no other process does; the kernel frees it on death."""
    with writable(path):
        handle = open(path, "w")  # noqa: SIM115 - closed below
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
