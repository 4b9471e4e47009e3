"""Sums a sweep up: a row per job as it goes, and at the end a table and a page."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aerun.columns import aligned, no_markup
from aerun.config.trust import NOTHING_ELSE, Trust
from aerun.locks import awaited_lock
from aerun.rundir import RunDirectory
from aerun.sweeps.manifest import Job, Manifest, swept, why
from aerun.tables import as_csv

if TYPE_CHECKING:
    from aerun.sweeps.ranking import Standing

log = logging.getLogger("aerun")

ROWS = "summary.csv"
TABLE = "summary.md"
_SHOWN = 20  # lines of the table on a terminal
_SPLITS = ("val", "test", "train")


# -- a row per job ---------------------------------------------------------------------


def write_rows(folder: Path) -> None:
    """Write ``summary.csv``: one row per job, whatever became of it, by number.

    Columns are ``job``, ``state``, every key whose values differ, figures, ``reason``,
    ``directory`` and, the only ones that another launcher changes, ``seconds``.

    Args:
        folder: The sweep's. Several processes may write at once: whoever writes last
            has read last, so that no state replaces a newer one.
    """
    with awaited_lock(folder / f".{ROWS}.lock"):
        RunDirectory(folder).write(ROWS, rows_of(Manifest(folder).jobs(), folder))


def rows_of(jobs: Sequence[Job], folder: Path) -> bytes:
    """``summary.csv``; the same columns in each row, whoever finished first."""
    keys = tuple(swept(jobs))
    names = tuple(sorted({name for job in jobs for name in job.figures}, key=_order))
    head = ["job", "state", *keys, *names, "reason", "directory", "seconds"]
    by_number = sorted(jobs, key=lambda job: job.number)
    lines = [_line(job, keys, names, folder) for job in by_number]
    return as_csv([], list(dict.fromkeys(head))) + b"".join(lines)


@lru_cache(maxsize=4096)  # of all jobs, whenever one of them changes
def _line(
    job: Job, keys: tuple[str, ...], names: tuple[str, ...], folder: Path
) -> bytes:
    row: dict[str, Any] = {
        "job": job.number,
        "state": job.state,
        **{key: job.values.get(key, "") for key in keys},
        **{name: job.figures.get(name) for name in names},
        "reason": why(job, folder),
        "directory": job.directory,
        "seconds": job.seconds,
    }
    return as_csv([row], list(row), head=False)


def _order(name: str) -> tuple[int, bool, str]:
    """Figures of splits first, those of the whole run last."""
    split = name.partition("/")[0]
    place = _SPLITS.index(split) if split in _SPLITS else len(_SPLITS)
    return place, "/" not in name, name


# -- the end ---------------------------------------------------------------------------


def finish(
    folder: Path,
    *,
    metric: str,
    maximize: bool = False,
    trust: Trust = NOTHING_ELSE,
) -> None:
    """Rank the jobs of a sweep, on the console and in ``summary.md``; draw them.

    Also of a sweep that was interrupted, or whose jobs failed: with what is there.
    What failed is listed in the file; on the console, that ends the command. A picture
    that cannot be made is told, and is no error.

    Args:
        folder: The sweep's, with a manifest.
        metric: The figure by which jobs are ranked.
        maximize: Whether more of it is better.
        trust: Whose code its runs may name.
    """
    from aerun.sweeps.drawing import Drawing
    from aerun.sweeps.ranking import ranked
    from aerun.sweeps.words import page_of
    from aerun.tasks.report import REPORT

    write_rows(folder)
    jobs = Manifest(folder).jobs()
    standings = ranked(jobs, metric, maximize=maximize)
    _tell(folder, jobs, standings, metric=metric, maximize=maximize)

    def write(pictures: Sequence[str]) -> None:
        lines = page_of(
            folder,
            jobs,
            standings,
            metric=metric,
            maximize=maximize,
            pictures=pictures,
        )
        text = "\n".join(lines)
        RunDirectory(folder).write(
            TABLE, no_markup(text).encode(errors="backslashreplace")
        )

    write(())  # whatever becomes of the pictures
    drawing = Drawing(
        folder, jobs, standings, metric=metric, maximize=maximize, trust=trust
    )
    has_page = drawing.draw()
    write(list(drawing.pictures))
    log.info("Look at %s", folder / (REPORT if has_page else TABLE))


def _tell(
    folder: Path,
    jobs: Sequence[Job],
    standings: Sequence["Standing"],
    *,
    metric: str,
    maximize: bool,
) -> None:
    """The table on the console; of a long one its best lines."""
    from aerun.sweeps.words import headline, legend, not_ranked, table_of

    log.info("%s", headline(jobs, standings, metric))
    if problem := not_ranked(jobs, metric):
        log.warning("%s", problem)
    if standings:
        head, rows = table_of(standings[:_SHOWN], metric, short=True)
        for line in aligned([head, *rows]):
            log.info("%s", line)
        if (more := len(standings) - _SHOWN) > 0:
            log.info("and %d more in %s", more, TABLE)
        log.info("%s", legend(standings, metric, maximize))
