"""What surrounds a run: its lock, its log, and the link to the latest."""

import logging
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aerun.again import resume_command
from aerun.errors import Interrupted, Terminated
from aerun.locks import check_links
from aerun.logs import log_file
from aerun.rundir import RunDirectory

log = logging.getLogger("aerun")


@contextmanager
def recorded(
    directory: Path, config: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Within, the run is locked and the latest, and its log has every line.

    Args:
        directory: The run's.
        config: Of which all code is trusted, as was checked: after an interruption the
            user is told to trust it again. Never what the directory itself says.
    """
    check_links(directory)
    with RunDirectory(directory).lock(), log_file(directory / "aerun.log"):
        point_latest_to(directory)
        try:
            yield
        except (KeyboardInterrupt, Terminated) as stop:
            again = resume_command(directory, config=config)
            text = f"Interrupted. Continue with: {again}"
            log.debug(text)
            terminated = isinstance(stop, Terminated)
            signum = signal.SIGTERM if terminated else signal.SIGINT
            raise Interrupted(signum, text) from None
        except Interrupted as stop:
            log.debug("%s", stop)
            raise
        except Exception as error:
            log.debug("%s", error, exc_info=True)
            raise


def point_latest_to(directory: Path) -> None:
    """Make ``outputs/latest`` a link to a run, where runs are kept in ``outputs``."""
    outputs = Path("outputs").absolute()
    if outputs not in directory.absolute().parents:
        return
    beside = outputs / f".latest.{os.getpid()}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(os.path.relpath(directory.absolute(), outputs))
    os.replace(beside, outputs / "latest")
