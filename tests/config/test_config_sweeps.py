"""Sweeps: all jobs are checked before the first starts; one failure stops no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aerun.cli import main
from aerun.errors import RunFailed
from aerun.tasks import train

pytest_plugins = ["asking"]

Refused = Callable[..., str]
Accepted = Callable[..., list[dict[str, Any]]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["seed=0,1,-1"], ["seed=", "-1", "at least 0"]),
        (["trainer.epochs=1,2,x"], ["trainer.epochs=", "x", "whole number"]),
        (["model=simple,vea"], ["vea", "Did you mean 'vae'?"]),
        (["model=linear,simple", "model.code=2,0"], ["model.code=", "at least 1"]),
        (["seed=range(0,3)", "trainer.epochs=-1"], ["trainer.epochs=-1: "]),
        (["trainer.lr=0.1,0.2", "trainer.lrr=3"], ["trainer.lrr=3: ", "'trainer.lr'?"]),
        (["seed=1,a=b"], ["seed=1,a=b: "]),
        (["model=vae", "model/bottleneck=gaussian,plain"], ["a code with a distribut"]),
        (["model=vae", "dataset=digits,plane"], ["[0, 1]", "dataset.scale=unit"]),
        (["seed=0,1", "init_from=nowhere"], ["init_from=nowhere: "]),
        (["task=inspect,train"], ["in the job task=inspect: makes no new run"]),
        (
            ["model=linear,simple", "model.code=2,0"],
            ["in the job model=linear model.code=0 and 1 more: must be"],
        ),
        (["trainer.lrr=1,2"], ["trainer.lrr=1", "Did you mean 'trainer.lr'"]),
        (["seed=0,1", "trainer.lr=0"], ["aerun: trainer.lr=0: must be"]),
    ],
    ids=lambda value: " ".join(value) if "=" in value[0] else "",
)
def test_one_bad_value_refuses_the_whole_sweep(
    refused: Refused, arguments: list[str], said: list[str]
) -> None:
    """A mistake in any job, the last too, is found before anything starts."""
    message = refused(*arguments, "--multirun")
    assert [part for part in said if part not in message] == [], message


def test_a_sweep_below_a_file_is_refused(here: Path, refused: Refused) -> None:
    """``hydra.sweep.dir`` is checked like ``hydra.run.dir``."""
    (here / "file").write_text("text")
    message = refused("-m", "seed=0,1", "hydra.sweep.dir=file/sweep", claims=True)
    assert "hydra.sweep.dir=file/sweep: " in message


def test_a_sweep_directory_in_use_is_refused(here: Path, refused: Refused) -> None:
    """A sweep never goes into a folder that holds something."""
    (here / "full").mkdir()
    (here / "full" / "thesis.txt").write_text("mine")
    message = refused("-m", "seed=0,1", "hydra.sweep.dir=full", claims=True)
    assert "not empty" in message


def test_a_sweep_is_the_product_of_its_values(here: Path, accepted: Accepted) -> None:
    """Every combination is one job with a numbered directory of its own."""
    asked = accepted("model=linear,vae", "-m", "seed=0,1", "trainer.epochs=3")
    found = [(c["model"]["_target_"], sorted(c["regularizer"]), c["seed"])
             for c in asked]  # fmt: skip
    model = "aerun.models.Autoencoder"
    assert found == [(model, [], 0), (model, [], 1), (model, ["kl"], 0),
                     (model, ["kl"], 1)]  # fmt: skip
    assert [c["trainer"]["epochs"] for c in asked] == [3, 3, 3, 3]
    (sweep,) = here.glob("outputs/sweeps/*/*")
    assert sorted(p.name for p in sweep.iterdir() if p.is_dir()) == ["0", "1", "2", "3"]


def test_two_sweeps_share_no_directory(here: Path, accepted: Accepted) -> None:
    """Two sweeps of the same second keep apart."""
    for _ in range(2):
        accepted("-m", "seed=0,1")
    sweeps = list(here.glob("outputs/sweeps/*/*"))
    assert len(sweeps) == 2
    assert all(len([p for p in s.iterdir() if p.is_dir()]) == 2 for s in sweeps)


def test_two_runs_share_no_directory(here: Path, accepted: Accepted) -> None:
    """Two runs of the same second keep apart, and the newest is outputs/latest."""
    for seed in (0, 1):
        accepted(f"seed={seed}")
    runs = [p for p in here.glob("outputs/*/*_simple_digits*") if p.is_dir()]
    assert len({p.resolve() for p in runs}) >= 2
    latest = (here / "outputs" / "latest").resolve()
    assert latest in {p.resolve() for p in runs}
    assert "seed: 1" in (latest / ".hydra" / "config.yaml").read_text()


def test_the_directory_of_a_sweep_is_honoured(here: Path, accepted: Accepted) -> None:
    """``hydra.sweep.dir`` holds the jobs; characters of Hydra's grammar included."""
    accepted("-m", "seed=0,1", "hydra.sweep.dir='my sweep, a=b'")
    assert (here / "my sweep, a=b" / "1").is_dir()


def test_a_failing_job_stops_no_other(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others run; the message names job and reason; the exit code is 1."""
    ran = []

    def fail_once(config: dict[str, Any], directory: Path) -> dict[str, Any]:
        ran.append(config["seed"])
        if config["seed"] == 1:
            raise RunFailed("the loss became NaN")
        return {"metrics": {"test/mse": 1.0}}

    monkeypatch.setattr(train, "train", fail_once)
    assert main(["-m", "seed=0,1,2"]) == 1
    assert ran == [0, 1, 2]
    error = capsys.readouterr().err
    assert "1 of 3 jobs failed" in error
    assert "seed=1" in error
    assert "the loss became NaN" in error
    assert "Traceback" not in error
