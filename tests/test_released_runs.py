"""Runs of earlier releases still serve; those of later ones are refused by name."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import aerun
from aerun.cli import main
from aerun.config.mistakes import BadRequest
from aerun.errors import RunDirectoryError

pytestmark = pytest.mark.usefixtures("unpictured")

RELEASED = Path(__file__).with_name("released")
RELEASES = sorted(path.name for path in RELEASED.iterdir())


@pytest.fixture(params=RELEASES)
def run(request: pytest.FixtureRequest, alone: Path) -> Path:
    """A copy of a run that a release wrote."""
    return Path(shutil.copytree(RELEASED / request.param, alone / "run"))


def _change(run: Path, key: str, value: Any) -> None:
    """Put a value at a dotted key of its config."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    *groups, name = key.split(".")
    node = config
    for group in groups:
        node = node[group]
    node[name] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config))


def test_the_first_release_is_kept():
    """With the files of which the others have to make something."""
    assert RELEASES[0] == "0.1.0"
    for name in ("config.yaml", "summary.json", "checkpoints/last.state"):
        assert (RELEASED / "0.1.0" / name).is_file()


def test_its_model_gives_what_it_gave(run: Path):
    """The figure of its summary, from the weights that Python loads."""
    from aerun.build import load_data

    model = aerun.load(run)
    data = load_data(model.config)
    x = data.spec.unscaled(data.test.gather(slice(None)).double().numpy())
    off = np.square(model.reconstruct(x) - x).mean() / 16**2
    summary = json.loads((run / "summary.json").read_text())
    assert off == pytest.approx(summary["metrics"]["test/mse"], rel=1e-5)


@pytest.mark.parametrize(
    ("task", "made"),
    [
        ("encode", "encode/codes.npz"),
        ("reconstruct", "reconstruct/errors.csv"),
        ("sample", "sample/samples.npy"),
        ("evaluate", "evaluate/evaluation.json"),
    ],
)
def test_tasks_work_on_it(run: Path, task: str, made: str, judge_of_digits: Path):
    """They write what they write of a new run."""
    shutil.copytree(judge_of_digits, os.environ["AERUN_CACHE"])
    few = ["task.centres=50", "task.samples=5"] if task == "evaluate" else []
    assert main(["-q", f"task={task}", "run=run", *few]) == 0
    assert (run / made).is_file()


def test_it_is_continued(run: Path):
    """With the next epoch, after the rows that it has."""
    before = (run / "metrics.csv").read_text()
    assert main(["-q", "task=resume", "run=run", "trainer.epochs=3"]) == 0
    after = (run / "metrics.csv").read_text()
    assert after.startswith(before)
    assert [row["epoch"] for row in csv.DictReader(after.splitlines())] == [
        "1", "2", "3"]  # fmt: skip


@pytest.mark.parametrize("task", ["resume", "encode", "evaluate"])
@pytest.mark.parametrize(
    "key", ["model.sparkle", "trainer.optimizer.warp", "dataset.flavour", "flux"]
)
def test_an_unknown_key_is_named(run: Path, capsys, task: str, key: str):
    """Nothing is trained or written; the message has the key that is in the way."""
    _change(run, key, 3)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main([f"task={task}", "run=run"]) == 2
    said = capsys.readouterr().err
    assert f"{key}=3" in said
    assert "Traceback" not in said
    assert before == {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    with pytest.raises((BadRequest, RunDirectoryError), match=key):
        aerun.load(run)


def test_a_tracker_that_is_gone_stops_nothing(run: Path, capsys):
    """Tasks and Python do without it; a run that goes on says so."""
    _change(run, "tracker", {"_target_": "gone.Tracker", "place": 3})
    assert aerun.load(run).encode(np.zeros((2, 8, 8))).shape == (2, 2)
    assert main(["-q", "task=encode", "run=run"]) == 0
    assert main(["-q", "task=resume", "run=run", "trainer.epochs=3"]) == 0
    assert "The run goes on without its tracker" in capsys.readouterr().err
    assert len((run / "metrics.csv").read_text().splitlines()) == 1 + 3


def test_a_compiled_run_needs_no_compiler_afterwards(run: Path, capsys, monkeypatch):
    """Tasks and Python never compile; a run that goes on says that it does not."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    _change(run, "trainer.compile", True)
    assert aerun.load(run).encode(np.zeros((2, 8, 8))).shape == (2, 2)
    assert main(["-q", "task=encode", "run=run"]) == 0
    assert main(["-q", "task=resume", "run=run", "trainer.epochs=3"]) == 0
    assert "The run goes on without its compiler" in capsys.readouterr().err


def test_another_format_is_refused(run: Path, capsys):
    """With both numbers; nothing is guessed."""
    _change(run, "format", 2)
    assert main(["task=encode", "run=run"]) == 2
    said = capsys.readouterr().err
    assert "format: 2" in said
    assert "knows format 1" in said
    with pytest.raises(RunDirectoryError, match="format: 2"):
        aerun.load(run)
