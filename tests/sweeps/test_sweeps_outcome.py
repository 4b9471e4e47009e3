"""A sweep that is run: what is told and what is left at its end."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from sweeping import Trainings, sweep

from aerun.cli import main

pytest_plugins = ["sweeping"]

FEW = ["experiment=smoke", "trainer.threads=1",
       "trainer.preview_every=0"]  # fmt: skip


def test_a_sweep_ends_with_its_ranking_and_a_page(
    alone: Path, unpictured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best is that of the runs' own files; reconstructions and links are there."""
    sweep = ["-m", "model=tied,vae", "trainer.lr=1e-3,1e20", "hydra.sweep.dir=s"]
    assert main([*sweep, *FEW]) == 1
    told = capsys.readouterr()
    assert "4 jobs: 2 completed, 2 failed; best val/mse: model=" in told.out
    assert "Job 1 failed" in told.err
    with open(alone / "s/summary.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    states = ["completed", "failed", "completed", "failed"]
    assert [row["state"] for row in rows] == states
    figures = {}
    for number in (0, 2):
        summary = json.loads((alone / f"s/{number}/summary.json").read_text())
        with open(alone / f"s/{number}/metrics.csv", encoding="utf-8") as file:
            by_epoch = {row["epoch"]: row for row in csv.DictReader(file)}
        best = by_epoch[str(summary["best_epoch"])]
        assert rows[number]["val/mse"] == best["val/mse"]
        assert float(rows[number]["test/mse"]) == summary["metrics"]["test/mse"]
        figures[rows[number]["model"]] = float(best["val/mse"])
    order = sorted(figures, key=lambda name: figures[name])
    text = (alone / "s/summary.md").read_text()
    assert re.findall(r"^\| [12] \| (\w+)", text, flags=re.MULTILINE) == order
    assert str(alone) not in text
    assert text.count("became") == 2
    page = (alone / "s/report.html").read_text()
    assert page.count("data:image/png") == 3
    assert "Sweep of 4 jobs: 2 runs in 2 groups" in page


@pytest.mark.parametrize("sweeper", ["aerun", "optuna"])
def test_a_directory_that_vanishes_is_told_once(
    alone: Path, trainings: Trainings, capsys: pytest.CaptureFixture[str], sweeper: str
) -> None:
    """Removed in the middle of a job: no other is begun, nothing is made again."""
    trainings.during = lambda config, directory: shutil.rmtree(alone / "s")
    sweep("seed=0,1,2", f"hydra/sweeper={sweeper}", code=1)
    told = capsys.readouterr().err
    assert told.count("was its directory removed or moved?") == 1
    assert f"{alone / 's/manifest.json'} cannot be read (it is gone)" in told
    assert "Traceback" not in told
    assert len(trainings.done) == 1
    assert not (alone / "s").exists()
