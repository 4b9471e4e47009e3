"""Directories that no other run has: made once, not left empty, known when seen."""

from contextlib import suppress
from pathlib import Path

from aerun.again import resume_command
from aerun.errors import RunDirectoryError
from aerun.signals import held_signals


def claim(path: Path, *, exact: bool) -> Path:
    """Create a directory that no other run has.

    Args:
        path: The wanted place.
        exact: Whether the place was asked for by name; otherwise a number is appended
            when it is taken.

    Returns:
        The directory, new (or empty, where ``exact``).

    Raises:
        RunDirectoryError: ``exact`` and already in use.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _impossible(path, error) from None
    candidate, number = path, 1
    while True:
        try:
            candidate.mkdir()
            return candidate
        except FileExistsError:
            if exact:
                if candidate.is_dir() and _nothing_in(candidate):
                    return candidate
                other = f"{candidate} is not empty; choose another directory"
                if holds_run(candidate):
                    other += f", or continue its run with: {resume_command(candidate)}"
                raise RunDirectoryError(other) from None
            number += 1
            candidate = path.with_name(f"{path.name}_{number}")
        except OSError as error:
            raise _impossible(candidate, error) from None


def _nothing_in(path: Path) -> bool:
    """Whether a folder is empty, or holds what a start that was killed leaves."""
    names = {entry.name for entry in path.iterdir()}
    return names <= {".lock", ".hydra"} and not holds_run(path)


class claimed:  # noqa: N801 - as those of contextlib
    """A directory of its own, as ``claim`` makes it, which is not left empty.

    Not written as a generator: where a signal comes in ``__enter__`` of one, after it
    has made the directory, nothing would take it away.
    """

    def __init__(self, path: Path, *, exact: bool) -> None:
        """Make nothing yet.

        Args:
            path: The wanted place.
            exact: Whether the place was asked for by name.
        """
        self._path, self._exact = path.absolute(), exact
        self._there: Path | None = None
        self._made: Path | None = None

    def __enter__(self) -> Path:
        """Make it.

        Raises:
            RunDirectoryError: ``exact`` and already in use.
        """
        places = (self._path, *self._path.parents)
        self._there = next(place for place in places if place.exists())
        try:
            with held_signals():
                self._made = claim(self._path, exact=self._exact)
            return self._made
        except BaseException:
            self._remove()
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove it after an error, if it is empty."""
        if kind is not None:
            self._remove()

    def _remove(self) -> None:
        if self._made is None:
            return
        with held_signals(), suppress(OSError):  # what is not empty stays
            for inner in sorted(self._made.rglob("*"), reverse=True):
                if inner.is_dir():
                    with suppress(OSError):
                        inner.rmdir()
                elif inner.name.endswith(".part"):  # never to be whole
                    inner.unlink()
            for folder in (self._made, *self._made.parents):
                if folder == self._there:
                    break
                folder.rmdir()


def holds_run(path: Path) -> bool:
    """Whether a folder is that of a run, were it one that died early."""
    return any(
        (path / name).is_file() for name in ("config.yaml", ".hydra/config.yaml")
    )


def _impossible(path: Path, error: OSError) -> RunDirectoryError:
    if holds_run(path.parent):  # the folder of a task, which has no other place
        return RunDirectoryError(
            f"the run directory {path.parent} cannot be written to ({error.strerror})"
        )
    where = Path(error.filename or path)
    blame = "" if where == path else f"{where}: "
    return RunDirectoryError(
        f"{path} cannot be made ({blame}{error.strerror}); change that, or choose "
        "another place"
    )
