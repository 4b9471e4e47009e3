"""A run that is advised to end: given up, and as good to go on with as any."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from making import compose

from aerun.rundir import RunDirectory
from aerun.tasks.resume import resume
from aerun.tasks.train import train

REQUEST = ("dataset.limit=100", "trainer.epochs=5", "trainer.checkpoint_every=1",
           "trainer.preview_every=0")  # fmt: skip


class After:
    """Ends a training after an epoch; remembers what it was asked."""

    def __init__(self, epoch: int | None) -> None:
        self.epoch, self.asked = epoch, list[int]()

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        self.asked.append(rows[-1]["epoch"])
        enough = self.epoch is not None and len(rows) >= self.epoch
        return "no hope" if enough else None


def test_a_run_is_given_up_and_can_be_trained_on(tmp_path: Path) -> None:
    """Its record ends there; resumed without advice it equals one never given up."""
    config = compose(*REQUEST)
    advice = After(2)
    for name in ("whole", "given_up"):
        (tmp_path / name).mkdir()
    whole = train(config, tmp_path / "whole")
    summary = train(config, tmp_path / "given_up", advice)
    assert advice.asked == [1, 2]
    run = RunDirectory(tmp_path / "given_up")
    assert summary == run.read_summary()
    assert (summary["status"], summary["reason"]) == ("pruned", "no hope")
    assert (summary["epochs"], summary["metrics"]) == (2, {})
    assert "Given up after 2 epochs of 5" in (run.path / "report.html").read_text()
    assert run.has_state()
    resumed = resume(config, run.path)
    assert resumed["metrics"] == whole["metrics"]
    assert resumed["status"] == "completed"


@pytest.mark.usefixtures("unpictured")
@pytest.mark.slow
@pytest.mark.shared
def test_a_finished_training_is_not_given_up(tmp_path: Path) -> None:
    """Nobody is asked after the last epoch: there is nothing left to save."""
    advice = After(5)
    summary = train(compose(*REQUEST), tmp_path, advice)
    assert advice.asked == [1, 2, 3, 4]
    assert summary["status"] == "completed"


def test_a_run_killed_while_it_was_given_up_does_not_train_on(tmp_path: Path) -> None:
    """The advice is asked for again before the next step."""
    config = compose(*REQUEST)
    train(config, tmp_path, After(2))
    (tmp_path / "summary.json").unlink()
    advice = After(2)
    summary = resume(config, tmp_path, advice)
    assert advice.asked == [2]
    assert (summary["status"], summary["epochs"]) == ("pruned", 2)


@pytest.mark.slow
@pytest.mark.shared
def test_advice_ends_all_phases(tmp_path: Path) -> None:
    """Of a layer-by-layer training the later ones are not begun."""
    more = ("model=stacked", "trainer=greedy", "model.hidden=[8]", "trainer.epochs=2")
    summary = train(compose(*REQUEST, *more), tmp_path, After(1))
    assert (summary["status"], summary["epochs"]) == ("pruned", 1)
