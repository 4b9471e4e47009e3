"""tracker=tensorboard: the log as TensorBoard itself reads it."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aerun import extras
from aerun.api import Run
from aerun.cli import main

SMALL = ["trainer.epochs=2", "trainer.threads=1", "dataset.limit=60", "model=linear",
         "trainer.batch_size=20"]  # fmt: skip
FILES = ("metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors")
LOGGED = [*SMALL, "tracker=tensorboard"]


@pytest.fixture(autouse=True)
def _quiet_reader() -> Iterator[None]:
    """TensorBoard says on its own logger what it leaves out."""
    pytest.importorskip("tensorboard", reason="needs pip install 'aerun[tensorboard]'")
    logger = logging.getLogger("tensorboard")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


def read(run: str | Path) -> Any:
    """Everything in the log of a run."""
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    everything = {"scalars": 0, "images": 0}
    log = EventAccumulator(str(Path(run) / "tensorboard"), size_guidance=everything)
    return log.Reload()


def scalars(run: str | Path, name: str) -> list[tuple[int, float]]:
    """Steps and values of a curve."""
    return [(event.step, event.value) for event in read(run).Scalars(name)]


def test_the_log_shows_what_the_run_directory_holds(alone: Path) -> None:
    """Curves, pictures, final figures beside the options; numbers do not change."""
    assert main([*LOGGED, "hydra.run.dir=run"]) == 0
    run, log = Run(alone / "run"), read("run")
    rows = run.metrics
    for name in rows[0].keys() - {"step"}:
        found = [(event.step, event.value) for event in log.Scalars(name)]
        assert found == [(r["step"], pytest.approx(r[name], rel=1e-6)) for r in rows]
    names = {f"final/{path.stem}" for path in Path("run").glob("*.png")}
    assert set(log.Tags()["images"]) == {"progress/reconstructions", *names}
    over_time = [event.step for event in log.Images("progress/reconstructions")]
    assert over_time == [row["step"] for row in rows]
    assert log.Images("final/latent")[0].height > 100
    (mse,) = log.Scalars("test/mse")
    assert mse.value == pytest.approx(run.summary["metrics"]["test/mse"])
    assert log.summary_metadata["_hparams_/session_start_info"]
    options = log.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    assert b"trainer.batch_size" in options
    assert main([*SMALL, "hydra.run.dir=alone"]) == 0
    assert not Path("alone/tensorboard").exists()
    for name in FILES:
        assert Path("run", name).read_bytes() == Path("alone", name).read_bytes()


@pytest.mark.usefixtures("unpictured")
def test_a_longer_training_goes_on_in_the_log(alone: Path) -> None:
    """Final figures stand once, at the new end."""
    assert main([*LOGGED, "hydra.run.dir=run"]) == 0
    assert [step for step, _ in scalars("run", "test/mse")] == [6 + 1]
    assert main(["task=resume", "run=run", "trainer.epochs=4"]) == 0
    assert [step for step, _ in scalars("run", "test/mse")] == [12 + 1]
    assert [step for step, _ in scalars("run", "val/loss")] == [3, 6, 9, 12]


@pytest.mark.usefixtures("unpictured")
@pytest.mark.parametrize("step", [3, 4])
def test_a_killed_run_has_no_step_twice(recorder: Any, step: int) -> None:
    """It goes on from an older state than its last row: as if nothing had happened."""
    asked = (*LOGGED, "trainer.epochs=3")
    whole = recorder(*asked, name="whole")
    assert whole.run(lambda: False)
    first = recorder(*asked, name="parts")
    assert not first.run(lambda: first.training.position.step >= step)
    path = first.directory.path
    state = path / "checkpoints/last.state"
    shutil.copy(state, path / "kept")
    again = recorder(*asked, name="parts")
    assert again.resume()
    assert again.run(lambda: False)
    shutil.copy(path / "kept", state)
    last = recorder(*asked, name="parts")
    assert last.resume()
    assert last.run(lambda: False)
    for name in ("train/loss", "val/mse", "epoch"):
        wanted = scalars(whole.directory.path, name)
        assert [step for step, _ in wanted] == [3, 6, 9]
        assert scalars(path, name) == wanted


def test_without_the_extra_a_message_says_how_to_get_it(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, before a directory is made."""
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert main([*LOGGED, "hydra.run.dir=run"]) == 2
    assert capsys.readouterr().err == (
        "aerun: tracker=tensorboard: tensorboard is not installed; "
        "type: pip install 'aerun[tensorboard]'\n"
    )
    assert list(alone.iterdir()) == []
