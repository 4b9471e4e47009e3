"""Sweeps on real engines: the same figures, failures, interruptions, continuing."""

import json
import time
from pathlib import Path

import pytest
from commanding import Run, Warm
from launching import (
    PARALLEL,
    SMALL,
    TWO,
    case,
    is_alive,
    own_part,
    results,
    rows,
    states,
    stop,
    swept,
)

pytestmark = [pytest.mark.slow, pytest.mark.shared]

EIGHT = ("-m", "model=simple,vae", "seed=0,1", "trainer.lr=0.01,0.001", *SMALL)


@pytest.fixture(scope="module")
def serial(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of eight jobs one after another, in the command's own process."""
    folder = tmp_path_factory.mktemp("serial")
    code, _, err = swept(warm, folder, *EIGHT, "hydra.sweep.dir=sweep")
    assert code == 0, err
    return folder / "sweep"


@pytest.mark.parametrize("launcher", PARALLEL)
def test_every_launcher_gives_the_same_figures(
    warm: Warm, serial: Path, tmp_path: Path, launcher: str
) -> None:
    """Eight jobs, each the same bits, and summary.csv but for its times; quiet."""
    chosen = (f"hydra/launcher={launcher}", "hydra.sweep.dir=sweep")
    code, out, err = swept(warm, tmp_path, "-q", *EIGHT, *chosen)
    assert code == 0, err
    assert out == f"{tmp_path / 'sweep'}\n"
    assert len(results(serial)) == 8
    assert results(tmp_path / "sweep") == results(serial)
    assert rows(tmp_path / "sweep") == rows(serial)
    assert states(tmp_path / "sweep") == ["completed"] * 8


@pytest.mark.parametrize("launcher", PARALLEL)
def test_failing_and_dying_jobs_stop_no_other(
    warm: Warm, tmp_path: Path, launcher: str
) -> None:
    """Both are told with their reasons, exit 1; continued, only they run again."""
    mine = own_part(tmp_path)
    chosen = (f"hydra/launcher={launcher}", "hydra.sweep.dir=sweep")
    moods = "regularizer.moody.mood=good,sad,dead,calm"
    code, out, err = swept(warm, tmp_path, "-m", *mine, moods, *SMALL, *chosen)
    sweep = tmp_path / "sweep"
    assert code == 1, err
    assert states(sweep) == ["completed", "failed", "failed", "completed"]
    assert "[0] Job 0 (of 4): regularizer.moody.mood=good" in out
    assert "Job 1 failed (regularizer.moody.mood=sad): ValueError: no reason" in err
    assert "Job 2 failed (regularizer.moody.mood=dead): its process died" in err
    assert "Traceback" not in err
    before = {p: p.stat().st_mtime_ns for p in sweep.glob("[03]/**/*") if p.is_file()}
    better = "regularizer.moody.mood=good,merry,calm"
    code, out, err = swept(
        warm, tmp_path, *mine[:2], "task=resume", "run=sweep", better
    )
    assert code == 0, err
    assert states(sweep)[4:] == ["completed"]
    assert before == {path: path.stat().st_mtime_ns for path in before}


def _slow_ones(folder: Path, run: Run) -> list[str]:
    """The processes of two jobs, once both train."""
    until = time.monotonic() + 120
    while len(found := list(folder.glob("*.slow"))) < 2:
        assert time.monotonic() < until
        assert run.poll() is None, run.told
        time.sleep(0.05)
    return [path.stem for path in found]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("launcher", "how"),
    [
        case("joblib", "Ctrl-C"),
        case("joblib", "kill -9"),
        case("submitit_local", "Ctrl-C"),
        case("submitit_local", "kill -9"),
        case("ray", "Ctrl-C"),
    ],
)
def test_a_stopped_sweep_leaves_no_process_and_goes_on(
    warm: Warm, tmp_path: Path, launcher: str, how: str
) -> None:
    """Workers save what they are at and end, even where the command died."""
    mine = own_part(tmp_path)
    chosen = (f"hydra/launcher={launcher}", TWO[launcher], "hydra.sweep.dir=sweep")
    long = ("trainer.epochs=200", "trainer.checkpoint_every=1h", "dataset.limit=100",
            "trainer.preview_every=0", "regularizer.moody.mood=slow",
            "seed=0,1,2")  # fmt: skip
    run = warm.start("-m", *mine, *long, *chosen, cwd=tmp_path, apart=True)
    workers = _slow_ones(tmp_path, run)
    stop(run, how)
    until = time.monotonic() + 60
    while any(map(is_alive, workers)):
        assert time.monotonic() < until
        time.sleep(0.1)
    sweep = tmp_path / "sweep"
    saved = [json.loads((sweep / f"{n}/summary.json").read_text()) for n in (0, 1)]
    assert [summary["status"] for summary in saved] == ["interrupted"] * 2
    assert not (sweep / "2").exists()
    (tmp_path / "hurry").touch()
    # What Ray is given could run code, and is typed again.
    again = [*mine[:2], *([TWO[launcher]] if launcher == "ray" else [])]
    code, out, err = swept(warm, tmp_path, *again, "task=resume", "run=sweep")
    assert code == 0, err
    assert "0 of 3 jobs are completed, 2 to go on, 1 not begun" in out
    assert states(sweep) == ["completed"] * 3
    ends = [json.loads((sweep / f"{n}/summary.json").read_text()) for n in range(3)]
    assert [summary["epochs"] for summary in ends] == [200] * 3
