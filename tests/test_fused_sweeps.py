"""Sweeps whose jobs are trained as one model: figures, failures, deaths, continuing."""

import json
import time
from pathlib import Path

import pytest
from commanding import Warm
from launching import is_alive, states, stop, swept

pytestmark = [pytest.mark.slow, pytest.mark.shared]
pytest.importorskip("greenlet", reason="needs pip install 'aerun[fused]'")

SMALL = ("trainer.epochs=2", "trainer.preview_every=0", "dataset.limit=100",
         "model.hidden=[16]", "trainer.precision=float64")  # fmt: skip
FUSED = ("hydra/launcher=fused", "hydra.launcher.n_jobs=1")
MINE = '''
"""A tracker whose job dies or waits."""
import os, signal, time, pathlib

class Moody:
    def __init__(self, *, mood: str):
        self.mood = mood

    def __call__(self, event):
        if type(event).__name__ != "EpochRecorded":
            return
        if self.mood == "dead":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mood == "slow" and not pathlib.Path("hurry").exists():
            pathlib.Path(f"{os.getpid()}.slow").touch()
            time.sleep(0.2)
'''


def _own_tracker(folder: Path) -> list[str]:
    """Leave a tracker of the user's own in a folder; what chooses it there."""
    (folder / "own/tracker").mkdir(parents=True)
    option = "_target_: mine.Moody\nmood: calm\n"
    (folder / "own/tracker/moody.yaml").write_text(option)
    (folder / "mine.py").write_text(MINE)
    return ["--config-dir", "own", "tracker=moody"]


def _equal_but_for_rounding(one: Path, other: Path) -> None:
    """Every number of every metrics.csv, and every final figure, of completed jobs."""
    names = [path.parent.name for path in one.glob("*/metrics.csv")]
    assert names
    for name in names:
        table, same = ((f / name / "metrics.csv").read_text() for f in (one, other))
        assert table.split()[0] == same.split()[0]
        numbers, expected = _numbers(table), _numbers(same)
        assert numbers == pytest.approx(expected, rel=1e-9, abs=1e-12)
        figures, theirs = (
            json.loads((f / name / "summary.json").read_text())["metrics"]
            for f in (one, other)
        )
        assert figures == pytest.approx(theirs, rel=1e-8)


def _numbers(table: str) -> list[float]:
    return [float(text) for row in table.split()[1:] for text in row.split(",")]


def test_a_fused_sweep_gives_the_figures_of_a_serial_one(
    warm: Warm, tmp_path: Path
) -> None:
    """Two kinds of model in groups, one job that no other is like; one that fails."""
    eight = ("-m", "model=simple,vae", "seed=0,1", "trainer.lr=0.01,1e200", *SMALL)
    codes = [
        swept(warm, tmp_path, *eight, "hydra.sweep.dir=serial")[0],
        (fused := swept(warm, tmp_path, *eight, *FUSED, "hydra.sweep.dir=fused"))[0],
    ]
    assert codes == [1, 1], fused
    assert "8 jobs are trained as 2 models." in fused[1]
    assert "Traceback" not in fused[2]
    assert states(tmp_path / "fused") == states(tmp_path / "serial")
    assert states(tmp_path / "fused") == ["completed", "failed"] * 4
    _equal_but_for_rounding(tmp_path / "fused", tmp_path / "serial")
    log = (tmp_path / "fused/1/aerun.log").read_text()
    assert "lower trainer.lr" in log
    assert "Job 0 " not in log, "every log is of one job"
    code, out, err = swept(
        warm, tmp_path, "task=resume", "run=fused", "trainer.lr=0.01,0.001"
    )
    assert code == 0, err
    assert "4 jobs are trained as 2 models." in out


def test_a_job_that_takes_the_process_along_stops_no_other(
    warm: Warm, tmp_path: Path
) -> None:
    """The others of its group go on alone."""
    mine = _own_tracker(tmp_path)
    moods = "tracker.mood=calm,dead,quiet"
    code, out, err = swept(
        warm, tmp_path, "-m", *mine, moods, *SMALL, *FUSED, "hydra.sweep.dir=sweep"
    )
    assert code == 1, err
    assert "3 jobs are trained as 1 model." in out
    assert states(tmp_path / "sweep") == ["completed", "failed", "completed"]
    assert "A process that trained 3 jobs died; those not completed go on" in err
    assert "Job 1 failed (tracker.mood=dead): its process died" in err


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", ["Ctrl-C", "kill -9"])
def test_a_stopped_fused_sweep_goes_on(warm: Warm, tmp_path: Path, how: str) -> None:
    """Every job of the group saves its state; the whole is as if uninterrupted."""
    mine = _own_tracker(tmp_path)
    long = ("trainer.epochs=60", "trainer.checkpoint_every=1h", "seed=0,1,2")
    asked = ("-m", *mine, *SMALL[1:], *long, "tracker.mood=slow", *FUSED)
    run = warm.start(*asked, "hydra.sweep.dir=sweep", cwd=tmp_path, apart=True)
    until = time.monotonic() + 120
    while not (found := list(tmp_path.glob("*.slow"))):
        assert time.monotonic() < until
        assert run.poll() is None, run.told
        time.sleep(0.05)
    stop(run, how)
    while is_alive(found[0].stem):
        assert time.monotonic() < until + 60
        time.sleep(0.1)
    sweep = tmp_path / "sweep"
    saved = [json.loads((sweep / f"{n}/summary.json").read_text()) for n in range(3)]
    assert [summary["status"] for summary in saved] == ["interrupted"] * 3
    assert all(summary["steps"] > 0 for summary in saved)
    assert all(summary["epochs"] < 60 for summary in saved)
    (tmp_path / "hurry").touch()
    code, out, err = swept(warm, tmp_path, *mine[:2], "task=resume", "run=sweep")
    assert code == 0, err
    assert "3 jobs are trained as 1 model." in out
    assert states(sweep) == ["completed"] * 3
    code, _, err = swept(warm, tmp_path, *asked, "hydra.sweep.dir=whole")
    assert code == 0, err
    _equal_but_for_rounding(sweep, tmp_path / "whole")
