"""Trackers: what they are told, and that a run does not depend on them."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from aerun.cli import main
from aerun.tracking import EpochRecorded, PictureDrawn, RunEnded, RunStarted, Told
from aerun.tracking.telling import Telling

SMALL = ["trainer.epochs=2", "trainer.threads=1", "dataset.limit=60", "model=linear"]
OWN = ["--config-dir", "conf", "tracker=mine"]
FILES = ("metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors")

MINE = """
from aerun.tracking import EpochRecorded, PictureDrawn, RunEnded, RunStarted

told = []

class Mine:
    def __init__(self, *, fails_at: str):
        self.fails_at = fails_at

    def __call__(self, event):
        told.append(event)
        if type(event).__name__ == self.fails_at:
            raise ConnectionError("the network\\nis gone")
"""


@pytest.fixture
def workplace(alone: Path) -> Path:
    """A folder with a tracker of the user's own, which keeps what it is told."""
    (alone / "mine.py").write_text(MINE)
    (alone / "conf/tracker").mkdir(parents=True)
    text = "# Keeps events.\n_target_: mine.Mine\nfails_at: never\n"
    (alone / "conf/tracker/mine.yaml").write_text(text)
    return alone


def told() -> list[Told]:
    """What the own tracker was told since it was asked last."""
    import mine

    events = list(mine.told)
    mine.told.clear()
    return events


def same_files(one: str, other: str) -> None:
    """Two runs have the same figures and weights, bit for bit."""
    for name in FILES:
        assert Path(one, name).read_bytes() == Path(other, name).read_bytes(), name


def test_an_own_tracker_is_told_everything(workplace: Path) -> None:
    """Start, each row of metrics.csv, each picture, and the summary at the end."""
    assert main([*OWN, *SMALL, "hydra.run.dir=run"]) == 0
    started, *between, ended = told()
    assert isinstance(started, RunStarted)
    assert (started.directory, started.step) == (workplace / "run", 0)
    assert started.config["tracker"]["fails_at"] == "never"
    with open("run/metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    given = [event.row for event in between if isinstance(event, EpochRecorded)]
    assert [{k: str(v) for k, v in row.items()} for row in given] == rows
    pictures = [event for event in between if isinstance(event, PictureDrawn)]
    names = [str(path.relative_to("run").with_suffix(""))
             for path in Path("run").rglob("*.png")]  # fmt: skip
    assert sorted(event.name for event in pictures) == sorted(names)
    assert all(event.path.read_bytes()[1:4] == b"PNG" for event in pictures)
    last = given[-1]["step"]
    assert {e.step for e in pictures if "/" not in e.name} == {last + 1}
    assert [e.step for e in pictures if "/" in e.name] == [e["step"] for e in given]
    assert isinstance(ended, RunEnded)
    assert json.loads(Path("run/summary.json").read_text()) == ended.summary
    assert ended.step == last + 1


@pytest.mark.parametrize("event", ["RunStarted", "EpochRecorded", "RunEnded"])
@pytest.mark.usefixtures("unpictured")
def test_a_run_goes_on_without_a_tracker_that_fails(
    workplace: Path, capsys: pytest.CaptureFixture[str], event: str
) -> None:
    """One warning with the reason; it is left alone then, and no figure changes."""
    small = [*SMALL, "trainer.preview_every=0"]
    assert main([*OWN, *small, f"tracker.fails_at={event}", "hydra.run.dir=run"]) == 0
    (last,) = [e for e in told()[-1:] if type(e).__name__ == event]
    assert last is not None
    said = capsys.readouterr().err
    assert said.count("The tracker failed (ConnectionError: the network is gone)") == 1
    assert "Traceback" not in said
    log = Path("run/aerun.log").read_text()
    assert 'raise ConnectionError("the network' in log, "where it failed"
    assert main([*small, "hydra.run.dir=alone"]) == 0
    same_files("run", "alone")


@pytest.mark.usefixtures("unpictured")
def test_a_failed_run_is_told(workplace: Path) -> None:
    """The last event says so."""
    asked = [*OWN, *SMALL, "trainer.lr=1e30", "hydra.run.dir=run"]
    assert main(asked) == 1
    last = told()[-1]
    assert isinstance(last, RunEnded)
    assert last.summary["status"] == "failed"
    assert last.summary["metrics"] == {}


@pytest.mark.usefixtures("unpictured")
def test_a_run_that_goes_on_says_from_where(workplace: Path) -> None:
    """Steps behind the state are told again; those before are not."""
    assert main([*OWN, *SMALL, "hydra.run.dir=run"]) == 0
    steps = [e.row["step"] for e in told() if isinstance(e, EpochRecorded)]
    again = ["task=resume", "run=run", "trust=[mine]", "trainer.epochs=3"]
    assert main(again) == 0
    started, *rest = told()
    assert isinstance(started, RunStarted)
    assert started.step == steps[-1]
    more = [e.row["step"] for e in rest if isinstance(e, EpochRecorded)]
    assert more == [steps[-1] + steps[0]]
    assert rest[-1].step == more[-1] + 1, "final figures come again, later"


@pytest.mark.usefixtures("unpictured")
def test_of_a_begun_epoch_the_last_step_may_come_again(recorder: Any) -> None:
    """A state saved between an epoch's last step and its row still lacks the row."""
    heard: list[Told] = []
    asked = (*SMALL, "trainer.batch_size=20", "trainer.preview_every=0")
    first = recorder(*asked)
    assert not first.run(lambda: first.training.position.step >= 3)
    assert first.rows == [], "saved before the row"
    again = recorder(*asked)
    again.tell = Telling(heard.append)
    assert again.resume()
    assert again.run(lambda: False)
    started, *rest = heard
    assert isinstance(started, RunStarted)
    assert started.step == 2
    steps = [event.row["step"] for event in rest if isinstance(event, EpochRecorded)]
    assert steps == [3, 6]


@pytest.mark.usefixtures("unpictured")
def test_a_run_from_before_there_were_trackers_goes_on(alone: Path) -> None:
    """Its config names none."""
    assert main([*SMALL, "hydra.run.dir=run"]) == 0
    config = Path("run/config.yaml")
    text = config.read_text()
    assert "tracker:\n  _target_: null\n" in text
    config.write_text(text.replace("tracker:\n  _target_: null\n", ""))
    assert main(["task=resume", "run=run", "trainer.epochs=3"]) == 0
    assert len(Path("run/metrics.csv").read_text().splitlines()) == 1 + 3


@pytest.mark.usefixtures("unpictured")
def test_a_tracker_is_chosen_once(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What does not exist, does not fit or cannot change is refused in one line."""
    assert main([*SMALL, "hydra.run.dir=run"]) == 0
    for asked, said in (
        (["tracker=tensorbord"], "Did you mean 'tensorboard'?"),
        ([*OWN, "tracker.fails_at=3"], "tracker.fails_at=3: must be a text"),
        (["task=resume", "run=run", "tracker=none"], "cannot change in a run"),
    ):
        capsys.readouterr()
        assert main(asked) == 2
        assert said in capsys.readouterr().err
    assert not Path("outputs").exists()


def test_telling_nobody_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """Without a tracker nothing happens."""
    with caplog.at_level(logging.DEBUG, "aerun"):
        Telling(None)(RunEnded(summary={}, step=1))
    assert caplog.records == []
