"""Sums a sweep up."""

from pathlib import Path


def write_rows(folder: Path) -> None:
    """Write ``summary.csv``."""


def finish(folder: Path, *, metric: str, maximize: bool = False) -> None:
    """Rank the jobs."""
