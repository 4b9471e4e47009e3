"""Memory that runs out: in one job of many, and in a run that is too large."""

import json
from pathlib import Path

import pytest
from commanding import Warm
from counting import Hurt
from hurting import check_readable
from kinds import COMMON

from aerun.sweeps.manifest import Manifest

pytestmark = pytest.mark.slow

# What the system is asked for is more than any address can name.
HUNGRY = '''
"""An optimizer that wants a lot, for one rate, unless there is room."""
from pathlib import Path

import torch
from aerun.training.optimizers import Adam


class Hungry(Adam):
    def update(self, parameters, gradients, state, lr):
        super().update(parameters, gradients, state, lr)
        if lr == 0.002 and state["steps"][0] == 20 and not Path("room").exists():
            torch.empty(2**50)
'''
OPTION = """
defaults: [adam, _self_]
_target_: mine.Hungry
"""
JOBS = [
    *COMMON, "model=simple", "model.hidden=[8]", "model.code=2", "trainer.epochs=10",
    "trainer.lr=0.001,0.002,0.003", "trainer/optimizer=hungry",
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with an optimizer of the user's own."""
    (tmp_path / "own/trainer/optimizer").mkdir(parents=True)
    (tmp_path / "own/trainer/optimizer/hungry.yaml").write_text(OPTION)
    (tmp_path / "mine.py").write_text(HUNGRY)
    return tmp_path


@pytest.mark.torture
@pytest.mark.parametrize("launcher", ["serial", "joblib", "fused"])
def test_a_job_without_memory_takes_no_other_along(
    warm: Warm, place: Path, hurt: Hurt, launcher: str
) -> None:
    """The others end; it is named with the reason, and goes on when there is room."""
    counts = hurt(f"out of memory, {launcher}")
    request = ["-m", "--config-dir", "own", *JOBS, f"hydra/launcher={launcher}"]
    said = warm.done(*request, "hydra.sweep.dir=s", cwd=place, code=1)
    assert "Job 1 failed (trainer.lr=0.002): out of memory" in said
    counts["hit"] = 1
    assert "Traceback" not in said
    check_readable(place / "s")
    states = [job.state for job in Manifest(place / "s").jobs()]
    assert states == ["completed", "failed", "completed"]
    (place / "room").touch()
    warm.done("--config-dir", "own", "task=resume", "run=s", cwd=place)
    assert {job.state for job in Manifest(place / "s").jobs()} == {"completed"}


@pytest.mark.shared
def test_a_run_without_memory_says_so(warm: Warm, place: Path, hurt: Hurt) -> None:
    """In one message; what was saved before goes on when there is room."""
    counts = hurt("out of memory, a run")
    jobs = [text for text in JOBS if not text.startswith("trainer.lr=")]
    request = ["--config-dir", "own", *jobs, "trainer.lr=0.002", "hydra.run.dir=r"]
    said = warm.done(*request, cwd=place, code=1)
    assert "out of memory" in said
    counts["hit"] = 1
    assert "Traceback" not in said
    summary = json.loads((place / "r/summary.json").read_text())
    assert summary["status"] == "failed"
    (place / "room").touch()
    warm.done("--config-dir", "own", "task=resume", "run=r", cwd=place)
    summary = json.loads((place / "r/summary.json").read_text())
    assert summary["status"] == "completed"


@pytest.mark.torture
def test_a_model_too_large_for_the_memory_says_so(
    warm: Warm, tmp_path: Path, hurt: Hurt
) -> None:
    """Before anything is trained."""
    counts = hurt("out of memory, a model")
    request = [*COMMON, "model=simple", "model.hidden=[20000000]", "hydra.run.dir=r"]
    run = warm.start(*request, cwd=tmp_path, memory=6 * 2**30)
    assert run.wait() == 1, run.said
    assert "out of memory" in run.said
    counts["hit"] = 1
    assert "Traceback" not in run.said
