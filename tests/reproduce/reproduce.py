"""``make reproduce``: runs the systems of lecture and papers, writes what they reach.

Runs that were stopped go on where they were; those that are finished here are not made
again. As many at a time as there are cores, each with one thread.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from carrying import (
    Commands,
    Failed,
    Place,
    Standing,
    carry_out,
    keep,
    seeds_left,
    standing,
)
from gallery import Pictures, draw, gallery
from pages import results, with_section
from pictures import read_pictures
from targets import ROOT, Row, read

from aerun.progress import progress_bar
from aerun.rundir import RunDirectory
from aerun.settling import num_cores
from aerun.signals import handled


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 where a command failed."""
    rows = read()
    asked = _parser([row.key for row in rows]).parse_args(arguments)
    commands = Commands()
    docs = asked.docs.resolve()
    place = Place(runs=asked.runs.resolve(), kept=docs / "results", run=commands)
    wanted = [
        row
        for row in rows
        if (row.key in asked.only if asked.only else asked.tier in ("full", row.tier))
    ]
    number = 1 if asked.tier == "quick" else asked.seeds
    work = [
        (row, seed)
        for row in wanted
        for seed in (
            seeds_left(row, place, number)
            if asked.missing
            else range(min(number, row.seeds))
        )
    ]
    pictures = read_pictures(rows)
    with_section(_readme(place), [])  # a README without a place for it costs no run
    with handled(signal.default_int_handler, signal.SIGTERM):
        failed = 0 if asked.pages else _run(work, place, asked.jobs, commands)
        standings = [standing(row, place) for row in rows]
        for said in draw(standings, pictures, place):
            print(f"Not drawn: {said}", file=sys.stderr)
        for path, text in generated(standings, pictures, place).items():
            RunDirectory(path.parent).write(path.name, text.encode())
            print(f"Written: {path}")
    return min(failed, 1)


def generated(
    standings: Sequence[Standing], pictures: Pictures, place: Place
) -> dict[Path, str]:
    """The pages from figures and pictures that are kept, by their files.

    Args:
        standings: Of all rows.
        pictures: Of these.
        place: Whose pages lie beside the figures, and the README above them.
    """
    docs = place.kept.parent
    return {
        docs / "results.md": results(standings),
        docs / "gallery.md": gallery(standings, pictures, place),
        docs.parent / "README.md": with_section(_readme(place), standings),
    }


def _readme(place: Place) -> str:
    return (place.kept.parents[1] / "README.md").read_text(encoding="utf-8")


def _parser(keys: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--tier", choices=["quick", "full"], default="full", help="which rows")
    add("--only", nargs="+", default=[], choices=keys, metavar="NAME", help="of them")
    add("--seeds", type=int, default=100, help="at most, of each row")
    add("--missing", action="store_true", help="only rows whose figures are not kept")
    add("--jobs", type=int, default=num_cores(), help="rows at a time")
    add("--pages", action="store_true", help="run nothing, only write the pages")
    add("--runs", type=Path, default=ROOT / "outputs/reproduce")
    add("--docs", type=Path, default=ROOT / "docs", help="figures, pages, pictures")
    return parser


def _run(
    work: Sequence[tuple[Row, int]], place: Place, jobs: int, commands: Commands
) -> int:
    """Carry out rows and seeds, several at a time; how many failed."""
    rows = {row.key for row, _ in work}
    print(f"{len(work)} runs of {len(rows)} rows, in {place.runs}", flush=True)
    failed = 0
    with (
        progress_bar(len(work), unit="run", description="Reproducing") as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):
        going: dict[Any, tuple[Row, int]] = {
            pool.submit(carry_out, row, seed, place): (row, seed) for row, seed in work
        }
        try:
            for done in as_completed(going):
                row, seed = going[done]
                try:
                    said = keep(row, seed, done.result(), place)
                    print(f"{row.key}, seed {seed}: {said}", flush=True)
                except Exception as error:  # the others go on
                    failed += 1
                    kind = "" if isinstance(error, Failed) else type(error).__name__
                    said = f"{kind} {error}".strip()
                    print(f"{row.key}, seed {seed}: {said}", file=sys.stderr)
                bar.update()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("Stopping; the same command goes on.", file=sys.stderr)
            commands.stop()
            os._exit(130)
    return failed


if __name__ == "__main__":
    sys.exit(main())
