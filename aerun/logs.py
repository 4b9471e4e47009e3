"""Where lines go: to the terminal, and all of them to the run's aerun.log."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _Console(logging.Handler):
    """Prints a line above a running progress bar, warnings to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print, unless the bar says the same."""
        if getattr(record, "quiet_on_terminal", False) and sys.stderr.isatty():
            return
        # tqdm takes 20 ms to import and is needed only once something is trained.
        from tqdm import tqdm

        stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
        try:
            tqdm.write(self.format(record), file=stream)
        except BrokenPipeError:
            # Whoever read along has left; a run goes on, and its log file has it all.
            logging.getLogger("aerun").removeHandler(self)


def set_up_console(level: int = logging.INFO) -> None:
    """Print the package's lines; calling it again changes nothing."""
    logger = logging.getLogger("aerun")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    if not any(isinstance(handler, _Console) for handler in logger.handlers):
        console = _Console(level)
        console.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(console)


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Within, every line also goes to a file, with its time."""
    logger = logging.getLogger("aerun")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
