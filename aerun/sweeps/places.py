"""Directories of jobs in that of their sweep; two attempts never share one."""

from collections.abc import Sequence
from pathlib import Path

from aerun.errors import RunDirectoryError
from aerun.locks import check_links
from aerun.sweeps.manifest import Job


def check_place(folder: Path, directory: Path) -> None:
    """Find what a job writes in its directory to stay in that.

    Args:
        folder: The sweep's.
        directory: The job's; need not exist.

    Raises:
        RunDirectoryError: It leads out of the sweep, or something in it elsewhere.
    """
    if folder.resolve() not in directory.resolve().parents:
        raise RunDirectoryError(f"{directory} leads out of the sweep; remove that link")
    if directory.is_dir():
        check_links(directory)


def free_place(folder: Path, name: str, jobs: Sequence[Job]) -> str:
    """A name, or with a number behind it where it is some job's or exists already."""
    taken = {job.directory for job in jobs}
    place, number = name, 1
    while place in taken or (folder / place).exists():
        number += 1
        place = f"{name}_{number}"
    return place


def next_place(folder: Path, job: Job, jobs: Sequence[Job]) -> str:
    """The directory of a job's next attempt: ``3_2`` after ``3``, then ``3_3``."""
    stem, _, attempt = job.directory.rpartition("_")
    others = {other.directory for other in jobs}
    again = stem and attempt.isdigit() and (folder / stem).is_dir()
    first = stem if again and stem not in others else job.directory
    return free_place(folder, first, jobs)
