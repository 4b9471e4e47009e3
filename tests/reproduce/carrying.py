"""Carries rows out, seed by seed; what is finished is not done again."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets import Row

Run = Callable[..., str]
"""Carries out a command line; what it prints."""


class Failed(Exception):
    """A command ended badly; says which, and what it said."""


def command(*arguments: str) -> str:
    """Run ``aerun`` in a process of its own; what it prints on its standard output.

    Raises:
        Failed: Its exit code is not 0.
    """
    done = subprocess.run(
        [sys.executable, "-m", "aerun", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"aerun {' '.join(arguments)}\n{done.stderr.strip()}")
    return done.stdout.strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where runs are made and figures are kept."""

    runs: Path
    kept: Path
    settings: tuple[str, ...] = ("trainer.threads=1",)
    run: Run = command
    patience: float = 5.0
    """Seconds between looks at a run that another process makes."""

    def record(self, row: Row) -> Path:
        """The file of a row's figures."""
        return self.kept / f"{row.key}.json"

    def found(self, row: Row) -> dict[str, Any]:
        """What is kept of a row; nothing that was asked for otherwise."""
        path = self.record(row)
        if not path.exists():
            return {}
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content


def seeds_left(row: Row, place: Place, number: int) -> list[int]:
    """Seeds of a row, among so many, whose figures are not there or of old options."""
    kept = place.found(row)
    done = kept.get("seeds", {}) if kept.get("asked") == row.fingerprint() else {}
    return [seed for seed in range(min(number, row.seeds)) if str(seed) not in done]


def carry_out(row: Row, seed: int, place: Place) -> dict[str, Any]:
    """Train and evaluate a row with one seed, going on where that was stopped.

    Returns:
        Its ``values`` by name, and the ``minutes`` that it took.

    Raises:
        Failed: A command did.
    """
    folder = place.runs / row.key / str(seed)
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
        values |= {f"{start}{name}": value for name, value in found.items()}
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
    asked, before = row.fingerprint(), place.found(row)
    seeds = before.get("seeds", {}) if before.get("asked") == asked else {}
    said = _compared(seeds.get(str(seed)), result)
    seeds = dict(sorted({**seeds, str(seed): result}.items()))
    summary = _read(place.runs / row.key / str(seed) / "run/summary.json")
    content = {"asked": asked, "versions": summary["versions"], "seeds": seeds}
    path = place.record(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    new.replace(path)
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
    while not (summary.exists() and _read(summary)["status"] == "completed"):
        begun = directory.exists() and any(directory.iterdir())
        asked = ["task=resume", f"run={directory}"] if begun else [*request, *own]
        try:
            place.run("-q", *asked, *([] if begun else place.settings))
        except Failed as error:
            if "in another process" not in str(error):
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
        kept.write_text(json.dumps(content), encoding="utf-8")
    content = _read(kept)
    return content["figures"], content["seconds"]


def _figures(folder: Path) -> Iterator[tuple[str, float]]:
    for name in ("evaluation.json", "classification.json"):
        if (folder / name).exists():
            for figure, about in _read(folder / name)["figures"].items():
                if isinstance(about.get("value"), int | float):
                    yield figure, about["value"]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content
