"""A task on a run that is stopped by a signal: its exit code, and what it leaves."""

import csv
import signal
from pathlib import Path

import pytest
from commanding import Warm

import aerun

pytestmark = [pytest.mark.slow, pytest.mark.shared]

LONG = ["task.labels=20", "task.seeds=50", "task.stop_below=0"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that never trained."""
    run = tmp_path_factory.mktemp("stopped") / "run"
    few = ["trainer.epochs=0", "trainer.threads=1", "trainer.preview_every=0"]
    aerun.run([*few, f"hydra.run.dir={run}"])
    return run


def _stopped(
    warm: Warm, run: Path, signum: int, name: str, *asked: str
) -> tuple[int, str]:
    """The exit code and what is said, of a task stopped once a path is there."""
    command = ("task=classify", f"run={run}", *LONG, *asked)
    task = warm.start(*command, cwd=run, apart=True)
    task.until(run / name, seconds=60)
    task.send(signum)
    return task.wait(60), task.told


@pytest.mark.parametrize(
    ("signum", "code", "word"),
    [
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGINT, 130, "interrupted"),
    ],
)
def test_a_stopped_task_leaves_no_empty_folder(warm, run, signum, code, word):
    """One line, and the run as it was."""
    before = sorted(path.name for path in run.iterdir())
    found, said = _stopped(warm, run, signum, "classify", "task.steps=1000000")
    assert found == code, said
    assert said.splitlines()[-1] == f"aerun: {word}"
    assert "Traceback" not in said
    assert sorted(path.name for path in run.iterdir()) == before


def test_a_stopped_classification_keeps_its_rows(warm, run):
    """Those of all rounds that were carried out, and says that more were to come."""
    name = "classify/classification.csv"
    found, said = _stopped(warm, run, signal.SIGTERM, name, "task.steps=400")
    assert found == 143, said
    assert "classification.csv is partial: it has" in said
    assert [path.name for path in (run / "classify").iterdir()] == [Path(name).name]
    with open(run / name, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 2
    assert len(rows) % 2 == 0
    assert [row["contestant"] for row in rows[:2]] == ["pretrained", "scratch"]
