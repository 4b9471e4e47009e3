"""Helpers and fixtures for tests of sweeps: trainings that only say they happened."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aerun.cli import main
from aerun.errors import RunFailed
from aerun.rundir import RunDirectory
from aerun.sweeps.manifest import Manifest
from aerun.tasks import train


@dataclass(eq=False)  # hashable, as functions are
class Trainings:
    """What was trained, by seed and learning rate."""

    done: list[tuple[int, float]] = field(default_factory=list)
    during: Callable[[dict[str, Any], Path], None] = lambda config, directory: None
    """Happens within each training."""

    def __call__(
        self, config: dict[str, Any], directory: Path, adviser: Any = None
    ) -> dict[str, Any]:
        """Train: a rate above 1 fails; the figure is the seed plus the rate."""
        seed, rate = config["seed"], config["trainer"]["lr"]
        self.done.append((seed, rate))
        self.during(config, directory)
        if rate > 1:
            raise RunFailed(f"the loss became NaN in {directory}")
        summary = {"status": "completed", "metrics": {"test/mse": seed + rate}}
        summary |= {"best_epoch": 2, "final_weights": "best", "seconds": 0.5}
        run = RunDirectory(directory)
        rows = [{"epoch": i, "val/mse": seed + rate + 2 - i} for i in (1, 2, 3)]
        run.write_table("metrics.csv", rows)
        run.write_json("summary.json", summary)
        return summary


@pytest.fixture
def trainings(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """Replace the training of runs, in an empty folder."""
    made = Trainings()
    monkeypatch.setattr(train, "train", made)
    return made


def sweep(*arguments: str, code: int = 0) -> None:
    """Sweep into ``s``, with a certain exit code."""
    assert main(["-m", "hydra.sweep.dir=s", *arguments]) == code


def again(*arguments: str, code: int = 0) -> None:
    """Continue the sweep in ``s``."""
    assert main(["task=resume", "run=s", *arguments]) == code


def states(folder: Path | str = "s") -> list[str]:
    """Of all jobs, by number."""
    return [job.state for job in Manifest(folder).jobs()]


def places(folder: Path | str = "s") -> list[str]:
    """The directories of all jobs, by number."""
    return [job.directory for job in Manifest(folder).jobs()]


def summary_of(directory: Path) -> dict[str, Any]:
    """What a run's ``summary.json`` holds."""
    found: dict[str, Any] = json.loads((directory / "summary.json").read_text())
    return found
