"""Carries rows out, seed by seed; what is finished is not done again."""

import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets import Row

from aerun.claims import holds_run
from aerun.locks import awaited_lock
from aerun.rundir import RunDirectory

STALE = "stale: options changed since"
Run = Callable[..., str]
"""Carries out a command line; what it prints."""


class Failed(Exception):
    """A command ended badly; says which, and what it said."""


class Commands:
    """Runs ``aerun`` in processes of their own, and stops them when asked to."""

    def __init__(self) -> None:
        """Begin with none."""
        self._living: set[subprocess.Popen[str]] = set()

    def __call__(self, *arguments: str) -> str:
        """What a command prints on its standard output.

        Raises:
            Failed: Its exit code is not 0.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "aerun", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._living.add(process)
        try:
            out, errors = process.communicate()
        finally:
            self._living.discard(process)
        if process.returncode != 0:
            raise Failed(f"aerun {' '.join(arguments)}\n{errors.strip()}")
        return out.strip()

    def stop(self) -> None:
        """Have those that run save what they are at and end."""
        for process in list(self._living):
            process.send_signal(signal.SIGINT)
        while self._living:
            time.sleep(0.1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where runs are made and figures are kept."""

    runs: Path
    kept: Path
    run: Run
    settings: tuple[str, ...] = ("trainer.threads=1", "device=cpu")
    patience: float = 5.0
    """Seconds between looks at a run that another process makes."""

    @property
    def gallery(self) -> Path:
        """Where pictures are kept: beside the figures."""
        return self.kept.with_name("gallery")

    def record(self, row: Row) -> Path:
        """The file of a row's figures."""
        return self.kept / f"{row.key}.json"

    def found(self, row: Row) -> dict[str, Any]:
        """What is kept of a row; nothing that was asked for otherwise."""
        return _read(self.record(row)) if self.record(row).exists() else {}

    def folder(self, row: Row, seed: int, asked: str | None = None) -> Path:
        """Where its runs are made; other options are made elsewhere.

        Args:
            row: Whose.
            seed: Of its runs.
            asked: The row's fingerprint, where it is known.
        """
        return self.runs / row.key / (asked or row.fingerprint()) / str(seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a row stands; asked for once, as what is asked takes long to compose."""

    row: Row
    asked: str
    """Its fingerprint; empty where nothing of it is there, kept or begun."""
    seeds: dict[str, Any]
    """What is kept by seed: of these options, with all that figures need."""
    old: str
    """Why what is kept is none of it; empty where some is, or nothing."""


def standing(row: Row, place: Place) -> Standing:
    """Of one row."""
    kept = place.found(row)
    pictures = place.gallery.glob(f"{row.key}_*")
    there = bool(kept) or (place.runs / row.key).exists() or any(pictures)
    asked = row.fingerprint() if there else ""
    seeds = _complete(row, kept, asked)
    old = ""
    if kept and not seeds:
        old = STALE if kept["asked"] != asked else "stale: another figure is asked for"
    return Standing(row=row, asked=asked, seeds=seeds, old=old)


def complete(row: Row, place: Place) -> dict[str, Any]:
    """What is kept of a row by seed: of these options, with all that figures need."""
    kept = place.found(row)
    return _complete(row, kept, row.fingerprint()) if kept else {}


def finished(directory: Path) -> bool:
    """Whether a run is there and completed."""
    summary = directory / "summary.json"
    return summary.exists() and bool(_read(summary)["status"] == "completed")


def _complete(row: Row, kept: dict[str, Any], asked: str) -> dict[str, Any]:
    if not kept or kept["asked"] != asked:
        return {}
    return {
        seed: found
        for seed, found in kept["seeds"].items()
        if row.needed <= found["values"].keys()
    }


def seeds_left(row: Row, place: Place, number: int) -> list[int]:
    """Seeds of a row, among so many, whose figures are not there or of old options."""
    done = complete(row, place)
    return [seed for seed in range(min(number, row.seeds)) if str(seed) not in done]


def carry_out(row: Row, seed: int, place: Place) -> dict[str, Any]:
    """Train and evaluate a row with one seed, going on where that was stopped.

    Returns:
        Its ``values`` by name, and the ``minutes`` that it took.

    Raises:
        Failed: A command did.
    """
    folder = place.folder(row, seed)
    folder.mkdir(parents=True, exist_ok=True)
    with awaited_lock(folder / ".reproducing"):
        return _carried_out(row, seed, folder, place)


def _carried_out(row: Row, seed: int, folder: Path, place: Place) -> dict[str, Any]:
    values: dict[str, float] = {}
    minutes = 0.0
    for prefix, request in {"": row.request, **row.beside}.items():
        directory = folder / (prefix or "run")
        minutes += _trained(request, seed, directory, place)
        found = _read(directory / "summary.json")["metrics"]
        for task, asked in row.tasks.items():
            answer, seconds = _asked(directory, task, asked, place)
            minutes += seconds / 60
            found |= {f"{task}/{name}": value for name, value in answer.items()}
        start = f"{prefix}/" if prefix else ""
        values |= {
            f"{start}{name}": value
            for name, value in found.items()
            if isinstance(value, int | float)
        }
    if missing := sorted(row.needed - values.keys()):
        raise Failed(f"{row.key}: there is no {', '.join(missing)}")
    return {
        "values": {name: values[name] for name in sorted(row.needed)},
        "minutes": round(minutes, 2),
    }


def keep(row: Row, seed: int, result: dict[str, Any], place: Place) -> str:
    """Add one seed to a row's file; figures of other options do not stay in it.

    Returns:
        How it compares with what was kept of the same seed.
    """
    summary = _read(place.folder(row, seed) / "run/summary.json")
    place.runs.mkdir(parents=True, exist_ok=True)
    with awaited_lock(place.runs / ".keeping"):
        seeds = complete(row, place)
        said = _compared(seeds.get(str(seed)), result)
        seeds = dict(sorted({**seeds, str(seed): result}.items()))
        versions = summary["versions"]
        content = {"asked": row.fingerprint(), "versions": versions, "seeds": seeds}
        place.kept.mkdir(parents=True, exist_ok=True)
        RunDirectory(place.kept).write_json(place.record(row).name, content)
    return said


def _compared(kept: dict[str, Any] | None, result: dict[str, Any]) -> str:
    if kept is None:
        return "new"
    now, then = result["values"], kept["values"]
    other = [f"{name} {now[name]:.6g}, kept {then[name]:.6g}" for name in now
             if now[name] != then.get(name, math.nan)]  # fmt: skip
    return f"differs: {'; '.join(other)}" if other else "as kept"


def _trained(request: list[str], seed: int, directory: Path, place: Place) -> float:
    """Train, or go on; the minutes that training took in all."""
    summary = directory / "summary.json"
    own = [f"seed={seed}", f"hydra.run.dir={directory}"]
    while not finished(directory):
        begun = holds_run(directory)
        if not begun and directory.exists():  # killed before there was anything
            shutil.rmtree(directory)
        asked = ["task=resume", f"run={directory}"] if begun else [*request, *own]
        try:
            place.run("-q", *asked, *([] if begun else place.settings))
        except Failed as error:
            if "by another process" not in str(error):
                raise
            time.sleep(place.patience)  # of a reproduction that was killed
    return float(_read(summary)["seconds"]) / 60


def _asked(
    directory: Path, name: str, request: list[str], place: Place
) -> tuple[dict[str, float], float]:
    """The figures of a task on a run, and the seconds that it took; once for all."""
    kept = directory / f"{name}_figures.json"
    if not kept.exists():
        began = time.monotonic()
        folder = Path(place.run("-q", *request, f"run={directory}").splitlines()[-1])
        content = {
            "figures": dict(_figures(folder)),
            "seconds": time.monotonic() - began,
        }
        RunDirectory(directory).write_json(kept.name, content)
    content = _read(kept)
    return content["figures"], content["seconds"]


def _figures(folder: Path) -> Iterator[tuple[str, float]]:
    for name in ("evaluation.json", "classification.json"):
        if (folder / name).exists():
            for figure, about in _read(folder / name)["figures"].items():
                if isinstance(about.get("value"), int | float):
                    yield figure, about["value"]


def _read(path: Path) -> dict[str, Any]:
    return RunDirectory(path.parent).read_json(path.name)
