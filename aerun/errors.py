"""Errors that a user may meet: told in one message, each with its exit code."""

import signal


class AerunError(Exception):
    """An error whose message is for the user; never shown with a traceback."""

    exit_code = 1


class BadUse(AerunError):
    """A request that cannot be carried out; nothing was started."""

    exit_code = 2


class DataError(BadUse):
    """Data that cannot be used; says where they lie, what is wrong, what to do."""

    def __init__(self, message: str, *, key: str = "dataset") -> None:
        """Hold a message and the option that it is about."""
        super().__init__(message)
        self.key = key


class PartError(AerunError):
    """A part, most likely a user's own, that cannot be read."""


class RunDirectoryError(BadUse):
    """A run directory that cannot be used; says which and what to do."""


class RunFailed(AerunError):
    """A run that could not go on; its directory says why."""


class NotTheSame(AerunError):
    """A run whose record is not what its own config gives."""


class StorageError(RunFailed, OSError):
    """A disk takes no more; what was written before is whole."""

    def __init__(self, message: str, number: int | None = None) -> None:
        """Hold a message and the number of the system's error."""
        super().__init__(message)
        self.errno = number


class DirectoryGone(StorageError):
    """A directory was removed or moved while it was written to."""


class SweepFailed(AerunError):
    """Some jobs of a sweep failed; the others are complete."""


class Interrupted(BaseException):
    """A run was stopped by a signal; like KeyboardInterrupt it ends a sweep too."""

    def __init__(self, signum: int, message: str) -> None:
        """Hold the signal and what to tell the user."""
        super().__init__(message)
        self.exit_code = 128 + signum


class Terminated(Interrupted):
    """SIGTERM outside a training, which would say how to go on."""

    def __init__(self) -> None:
        """Say no more than that."""
        super().__init__(signal.SIGTERM, "terminated")
