"""Runs that are hurt: started, watched, killed, looked at, continued, compared."""

import csv
import io
import json
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from commanding import Run, Warm
from counting import Counts
from PIL import Image

from aerun import reading
from aerun.claims import holds_run
from aerun.sweeps.manifest import Manifest

WEIGHTS = ("checkpoints/last.safetensors", "checkpoints/best.safetensors")


# -- what a run is made of -------------------------------------------------------------


def check_readable(directory: Path) -> int:
    """Read every file of a directory but those not in their places yet; how many."""
    number = 0
    for path in directory.rglob("*"):
        if path.name.endswith(".part") or path.name.startswith(".latest"):
            continue
        number += _checked(path)
    return number


def _checked(path: Path) -> bool:
    match path.suffix:
        case ".json":
            json.loads(path.read_text())
        case ".yaml":
            assert yaml.safe_load(path.read_text()) is not None, path
        case ".csv":
            text = path.read_text()
            assert text.endswith("\n"), path
            assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1, path
            if path.name == "metrics.csv":
                reading.table(path)
        case ".safetensors":
            reading.tensors(path, "tensors")
        case ".state":
            reading.state([path])
        case ".png":
            Image.open(path).load()
        case _:
            return False
    return True


def epochs_of(run: Path) -> int:
    """Epochs that a run recorded so far."""
    table = run / "metrics.csv"
    return table.read_bytes().count(b"\n") - 1 if table.exists() else 0


@dataclass(frozen=True)
class Kind:
    """Runs of one sort, and what is the same of two of them."""

    request: tuple[str, ...]
    place: str = "hydra.run.dir"
    files: tuple[str, ...] = ("metrics.csv", *WEIGHTS)
    jobs: tuple[str, ...] = ("",)
    """Directories of runs, relative."""
    whole: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)

    def command(self, directory: Path) -> list[str]:
        """What begins one."""
        return [*self.request, f"{self.place}={directory}"]

    def again(self, directory: Path) -> list[str]:
        """What goes on with one; from the beginning, where none was."""
        if holds_run(directory) or Manifest(directory).exists:
            return ["task=resume", f"run={directory}"]
        return self.command(directory)

    def check_equal(self, one: Path, other: Path) -> None:
        """Two runs ended with the same bits."""
        for job in self.jobs:
            a, b = one / job, other / job
            for name in self.files:
                assert (a / name).read_bytes() == (b / name).read_bytes(), a / name
            assert _ended_with(a) == _ended_with(b)
        if self.jobs != ("",):
            assert _untimed(one) == _untimed(other)
            table = "summary.md"
            assert (one / table).read_bytes() == (other / table).read_bytes()


def _ended_with(run: Path) -> dict[str, Any]:
    """What ``summary.json`` says but for times."""
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "completed"
    timed = ("seconds", "samples_per_second")
    return {key: value for key, value in summary.items() if key not in timed}


def _untimed(sweep: Path) -> list[dict[str, str]]:
    with open(sweep / "summary.csv", newline="") as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


@dataclass(frozen=True)
class Whole:
    """A run that nothing hurt, and when it did what, in seconds since its start."""

    kind: Kind
    directory: Path
    first: float
    """Training began to be recorded."""
    last: float
    """Training ended."""
    seconds: float
    """It ended."""


def whole_run(warm: Warm, kind: Kind, folder: Path) -> Whole:
    """Carry out a run of a kind that is not hurt."""
    directory = folder / "whole"
    began = time.time()
    warm.done(*kind.command(directory), cwd=folder)
    took = time.time() - began
    first, last = (directory / job / "checkpoints/last.state" for job in
                   (kind.jobs[0], kind.jobs[-1]))  # fmt: skip
    begun = min((directory / kind.jobs[0] / ".lock").stat().st_mtime, _time(first))
    return Whole(kind, directory, begun - began, _time(last) - began, took)


def _time(path: Path) -> float:
    return path.stat().st_mtime


def killed(
    warm: Warm, whole: Whole, directory: Path, chance: random.Random, counts: Counts,
    kills: int = 1,
) -> None:  # fmt: skip
    """Kill a run, and each that goes on with it, at random; each kill hits.

    Of the instants, some are any that a run has, more are of its training, after one
    more epoch was recorded. Whatever a kill leaves can be read. A run that had ended
    before is put back as it was, and killed earlier.
    """
    before = directory.with_name(f"{directory.name}_before")
    for number in range(kills):
        command = (
            whole.kind.again(directory) if number else whole.kind.command(directory)
        )
        if directory.exists():
            shutil.copytree(directory, before, symlinks=True)
        left = 1 - recorded(whole, directory) / recorded(whole, whole.directory)
        training = left > 0 and chance.random() < 0.7
        span = (whole.last - whole.first) * left if training else whole.seconds
        instant = chance.uniform(0, span)
        for misses in range(10):
            run = warm.start(*command, cwd=directory.parent)
            if training and misses < 2:
                _until_more_is_recorded(run, whole, directory)
            time.sleep(instant / 3**misses)
            run.send(signal.SIGKILL)
            code = run.wait()
            assert code in (-signal.SIGKILL, 0), run.said
            check_readable(directory)
            if hit(code == -signal.SIGKILL, directory, whole, counts):
                break
            shutil.rmtree(directory)
            if before.exists():
                shutil.copytree(before, directory, symlinks=True)
        shutil.rmtree(before, ignore_errors=True)


def recorded(whole: Whole, directory: Path) -> int:
    """Epochs that the runs of a directory recorded so far."""
    return sum(epochs_of(directory / job) for job in whole.kind.jobs)


def _until_more_is_recorded(run: Run, whole: Whole, directory: Path) -> None:
    known = recorded(whole, directory)
    while recorded(whole, directory) <= known and run.poll() is None:
        time.sleep(0.002)


def hit(ended_by_it: bool, directory: Path, whole: Whole, counts: Counts) -> bool:
    """Count a run that was hurt, if what it ended by is that; whether it is.

    A signal can be sent to a process that has just ended, so its exit code tells.
    """
    counts["hit"] = counts.get("hit", 0) + ended_by_it
    epochs, last = recorded(whole, directory), recorded(whole, whole.directory)
    training = ended_by_it and 0 < epochs < last
    counts["training"] = counts.get("training", 0) + training
    return ended_by_it


def hurt_in_training(
    warm: Warm, whole: Whole, directory: Path, counts: Counts, *,
    once: str, act: Callable[[Run], object], code: int, left: Path | None = None,
    midway: bool = False,
) -> Run:  # fmt: skip
    """A run that something is done to once a file is there, and that ends by it.

    Where it had ended before, on a busy machine, another one is begun.

    Args:
        warm: Starts it.
        whole: Of the same kind.
        directory: The run's.
        counts: What is counted.
        once: The file, relative.
        act: What is done.
        code: The exit code of a run that ends by it.
        left: Where the directory is then; None: in its place.
        midway: Whether epochs must be left to train.
    """
    left = left or directory
    for _ in range(5):
        run = warm.start(*whole.kind.command(directory), cwd=directory.parent)
        run.until(directory / once)
        act(run)
        counts.update(hit=0, training=0)
        if hit(run.wait() == code, left, whole, counts):
            if counts["training"] or not midway:
                return run
        else:
            assert run.code == 0, run.said
        shutil.rmtree(left)
    raise AssertionError(f"it always ends before: {run.said}")


def go_on(warm: Warm, kind: Kind, directory: Path, options: Sequence[str] = ()) -> str:
    """Continue a run to its end; what it says."""
    command = [*kind.again(directory), *options]
    return warm.done(*command, cwd=directory.parent)
