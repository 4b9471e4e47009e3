"""Where lines go: to the terminal, and all of them to the run's aerun.log."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TextIO

from aerun.locks import writable

_RED, _YELLOW = 31, 33


class _Console(logging.Handler):
    """Prints a line above a running progress bar, warnings to standard error."""

    last_error: BaseException | None = None
    """The one whose traceback was printed last."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print, unless the bar says the same."""
        if getattr(record, "quiet_on_terminal", False) and is_watched():
            return
        # tqdm takes 20 ms to import and is needed only once something is trained.
        from tqdm import tqdm

        text = self.format(record)
        stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
        if record.levelno == logging.DEBUG and record.exc_info:
            # The message itself is printed by the command, when it ends.
            self.last_error = record.exc_info[1]
            text, stream = visible(str(record.exc_text)), sys.stderr
        elif record.levelno >= logging.WARNING:
            code = _RED if record.levelno >= logging.ERROR else _YELLOW
            text = _coloured(text, code, stream)
        try:
            tqdm.write(_writable(text, stream), file=stream)
        except BrokenPipeError:
            # Whoever read along has left; a run goes on, and its log file has it all.
            logging.getLogger("aerun").removeHandler(self)


class _Gatherer(_Console):
    """Keeps lines instead, for another process to print."""

    def __init__(self, level: int) -> None:
        """Begin with none."""
        super().__init__(level)
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, but for those that belong beside a bar."""
        if getattr(record, "quiet_on_terminal", False):
            return
        text = self.format(record)
        if record.levelno == logging.DEBUG and record.exc_info:
            text = visible(str(record.exc_text))
        own = _own_lines.get()
        (self.lines if own is None else own).append((record.levelno, text))


@contextmanager
def gathered(level: int) -> Iterator[list[tuple[int, str]]]:
    """Within, nothing is printed and there are no bars; the lines, with their levels.

    Args:
        level: From which on they are kept.
    """
    logger = logging.getLogger("aerun")
    before, gatherer = _console(), _Gatherer(level)
    gatherer.setFormatter(_Lines("%(message)s"))
    if before is not None:
        logger.removeHandler(before)
    logger.addHandler(gatherer)
    try:
        yield gatherer.lines
    finally:
        logger.removeHandler(gatherer)
        if before is not None:
            logger.addHandler(before)


_own_lines: ContextVar[list[tuple[int, str]] | None] = ContextVar(
    "own_lines", default=None
)


@contextmanager
def kept_apart() -> Iterator[list[tuple[int, str]]]:
    """Within, and in this context, lines that are gathered go to a list of their own.

    A context is a coroutine's: so those of jobs that take turns can be told apart.
    """
    lines: list[tuple[int, str]] = []
    before = _own_lines.set(lines)
    try:
        yield lines
    finally:
        _own_lines.reset(before)


def _console() -> _Console | None:
    handlers = logging.getLogger("aerun").handlers
    return next((h for h in handlers if isinstance(h, _Console)), None)


def set_up_console(level: int | None = None) -> None:
    """Print the package's lines from a level on; None: as before, at first INFO."""
    logger = logging.getLogger("aerun")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    # It warns where its cache cannot be written, and then takes a temporary folder.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    console = _console()
    if console is None:
        console = _Console(logging.INFO)
        console.setFormatter(_Lines("%(message)s"))
        logger.addHandler(console)
    if level is not None:
        console.setLevel(level)


def printed_level() -> int:
    """The level from which on lines are printed."""
    console = _console()
    return logging.INFO if console is None else console.level


def is_watched() -> bool:
    """Whether a progress bar has a terminal to be on, and is wanted."""
    if isinstance(_console(), _Gatherer):
        return False
    return sys.stderr.isatty() and printed_level() <= logging.INFO


def was_traced(error: BaseException) -> bool:
    """Whether the traceback of an error has been printed."""
    console = _console()
    return console is not None and console.last_error is error


def print_error(text: str) -> None:
    """Print what the command failed with."""
    sys.stderr.write(_coloured(f"aerun: {visible(text)}", _RED, sys.stderr) + "\n")


_STEERING = (*range(32), *range(127, 160), *range(0x2028, 0x202F),
             *range(0x2066, 0x206A))  # fmt: skip
"""Letters that end a line, move the cursor or turn the direction of what follows."""
_ESCAPED = {n: chr(n).encode("unicode_escape").decode() for n in _STEERING}
_CONTROL = {n: e for n, e in _ESCAPED.items() if chr(n) not in "\t\n"} | {13: "\\x0d"}


def visible(text: str) -> str:
    """A text in which nothing steers a terminal, as names of files and classes may."""
    return text.translate(_CONTROL)


def in_one_line(text: str) -> str:
    """The same, and nothing in it ends its line."""
    return text.translate(_ESCAPED)


class _Lines(logging.Formatter):
    """Writes what is said so that it cannot do anything but be read."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines."""
        return visible(super().format(record))


def _writable(text: str, stream: TextIO) -> str:
    """A text with escapes for what a stream cannot write, as in names of files."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _coloured(text: str, code: int, stream: TextIO) -> str:
    """A text in colour on a terminal that has and wants colours (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if plain or not stream.isatty():
        return text
    return f"\033[{code}m{text}\033[0m"


class _LogFile(logging.FileHandler):
    """A file whose disk is full, or whose directory is gone, loses lines and no more.

    Whoever writes what matters meets the same disk, and says so.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name
        """Let a line go that cannot be written."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Let go of the file, and of what cannot be written."""
        with suppress(OSError):
            super().close()


_own_file: ContextVar[logging.Handler | None] = ContextVar("own_file", default=None)


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Within, every line also goes to a file, with its time.

    But for those of other coroutines, which have files of their own.
    """
    logger = logging.getLogger("aerun")
    with writable(path):
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(lambda record: _own_file.get() in (None, handler))
    logger.addHandler(handler)
    before = _own_file.set(handler)
    try:
        yield
    finally:
        _own_file.reset(before)
        logger.removeHandler(handler)
        handler.close()
