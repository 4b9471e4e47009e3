"""A task on a run that is stopped by a signal: its exit code, and what it leaves."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


def _stopped(run: Path, signum: int, name: str, *asked: str) -> tuple[int, str]:
    """The exit code and what is said, of a task stopped once a path is there."""
    command = [sys.executable, "-m", "aerun", "task=classify", f"run={run}", *LONG]
    process = subprocess.Popen(
        [*command, *asked], cwd=run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not (run / name).exists() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signum)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize(
    ("signum", "code", "word"),
    [
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGINT, 130, "interrupted"),
    ],
)
def test_a_stopped_task_leaves_no_empty_folder(run, signum, code, word):
    """One line, and the run as it was."""
    before = sorted(path.name for path in run.iterdir())
    found, said = _stopped(run, signum, "classify", "task.steps=1000000")
    assert found == code, said
    assert said.splitlines()[-1] == f"aerun: {word}"
    assert "Traceback" not in said
    assert sorted(path.name for path in run.iterdir()) == before


def test_a_stopped_classification_keeps_its_rows(tmp_path, run):
    """Those of all rounds that were carried out, and says that more were to come."""
    name = "classify/classification.csv"
    found, said = _stopped(run, signal.SIGTERM, name, "task.steps=400")
    assert found == 143, said
    assert "classification.csv is partial: it has" in said
    assert [path.name for path in (run / "classify").iterdir()] == [Path(name).name]
    with open(run / name, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 2
    assert len(rows) % 2 == 0
    assert [row["contestant"] for row in rows[:2]] == ["pretrained", "scratch"]
