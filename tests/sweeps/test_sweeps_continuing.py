"""A sweep that failed or was stopped is continued: nothing is lost, nothing twice."""

import signal
from pathlib import Path

import pytest
from sweeping import Trainings, again, places, states, sweep

from aerun.cli import main
from aerun.errors import Interrupted
from aerun.rundir import RunDirectory
from aerun.sweeps.manifest import Manifest
from aerun.tasks.interruption import stop_signals

pytest_plugins = ["sweeping"]

GRID = ("seed=0,1", "trainer.lr=0.1,5,0.2")


def test_failures_are_told_at_once_and_at_the_end(trainings, capsys) -> None:
    """With their reasons; the others are completed, and the exit code is 1."""
    sweep(*GRID, code=1)
    assert states() == 2 * ["completed", "failed", "completed"]
    said = capsys.readouterr().err
    reason = "the loss became NaN in 1"
    at_once, end = said.split("aerun: 2 of 6 jobs failed")
    assert f"Job 1 failed (seed=0 trainer.lr=5): {reason}" in at_once
    assert f"job 1 (seed=0 trainer.lr=5): {reason}" in end
    assert "job 4 (seed=1 trainer.lr=5)" in end
    assert f"aerun task=resume run={Path('s').absolute()}" in end


def test_only_what_failed_is_tried_again(trainings: Trainings) -> None:
    """In directories of their own; those of the first attempt stay as they were."""
    sweep(*GRID, code=1)
    before = {path: path.stat().st_mtime_ns for path in Path("s").glob("*/**/*")}
    trainings.done.clear()
    again(code=1)
    assert trainings.done == [(0, 5), (1, 5)]
    assert places() == ["0", "1_2", "2", "3", "4_2", "5"]
    assert (
        before.items()
        <= {path: path.stat().st_mtime_ns for path in Path("s").glob("*/**/*")}.items()
    )


def test_a_replaced_value_is_a_new_job(trainings: Trainings) -> None:
    """And the failures of the value that it replaces count no more, also later."""
    sweep(*GRID, code=1)
    trainings.done.clear()
    again("trainer.lr=0.1,0.3,0.2")
    assert trainings.done == [(0, 0.3), (1, 0.3)]
    assert states() == 2 * ["completed", "superseded", "completed"] + 2 * ["completed"]
    assert places() == list("01234567")
    trainings.done.clear()
    again()
    assert trainings.done == []


def test_a_superseded_job_may_come_back(trainings: Trainings) -> None:
    """As the job that it was."""
    sweep("trainer.lr=0.1,5", code=1)
    again("trainer.lr=0.1")
    again("trainer.lr=0.1,5", code=1)
    assert states() == ["completed", "failed"]


def test_further_values_extend_a_sweep(trainings: Trainings, capsys) -> None:
    """New jobs get new numbers, and all those before stay in it."""
    sweep("seed=0,1")
    again("seed=1,2,3")
    assert trainings.done == [(0, 0.002), (1, 0.002), (2, 0.002), (3, 0.002)]
    assert places() == ["0", "1", "2", "3"]
    assert "2 of 4 jobs are completed, 2 not begun" in capsys.readouterr().out


def test_the_same_directory_continues_a_sweep(trainings: Trainings) -> None:
    """``-m ... hydra.sweep.dir=`` of a sweep goes on with it."""
    sweep("seed=0,1")
    sweep("seed=0,1,2")
    assert [seed for seed, _ in trainings.done] == [0, 1, 2]


def test_one_config_is_one_job(trainings: Trainings) -> None:
    """However it was typed."""
    sweep("seed=0", "model=simple,simple")
    again("seed=0,0x0", code=2)
    again("trainer.lr=0.002,2e-3")
    assert len(trainings.done) == 1


def test_the_first_failure_may_stop_a_sweep(trainings: Trainings, capsys) -> None:
    """``sweep.fail_fast=true``; those not started are, when it is continued."""
    sweep("trainer.lr=0.1,5,0.2,0.3", "sweep.fail_fast=true", code=1)
    assert states() == ["completed", "failed", "pending", "pending"]
    assert "2 were not started" in capsys.readouterr().err
    assert sorted(p.name for p in Path("s").iterdir() if p.is_dir()) == ["0", "1"]
    again("sweep.fail_fast=false", code=1)
    assert states() == ["completed", "failed", "completed", "completed"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted(15, "stop")])
def test_an_interruption_says_how_to_go_on(trainings, capsys, stop) -> None:
    """The running job is interrupted, the others are not started."""

    def interrupt(config: dict, directory: Path) -> None:
        if config["seed"] == 1:
            raise stop

    trainings.during = interrupt
    sweep("seed=0,1,2", code=130 if isinstance(stop, KeyboardInterrupt) else 143)
    assert states() == ["completed", "interrupted", "pending"]
    said = capsys.readouterr().err
    assert "1 of 3 jobs are completed" in said
    assert said.count("Continue with: aerun task=resume run=") == 1
    trainings.during = lambda config, directory: None
    again()
    assert [seed for seed, _ in trainings.done] == [0, 1, 1, 2]
    assert places() == ["0", "1", "2"]


@pytest.mark.parametrize("launching", [[], ["+hydra.job.env_set.A=b"]])
@pytest.mark.parametrize("rate", ["0.1", "5"], ids=["completed", "failed"])
def test_a_signal_too_late_for_a_job_stops_the_sweep(
    trainings: Trainings, launching: list[str], rate: str
) -> None:
    """One that comes as the job draws its last pictures; what it made is kept."""

    def end(config: dict, directory: Path) -> None:
        with stop_signals():
            signal.raise_signal(signal.SIGTERM)

    trainings.during = end
    line = ("seed=0,1,2", f"trainer.lr={rate}", *launching)
    sweep(*line, code=143)
    assert states() == ["completed" if rate == "0.1" else "failed", *2 * ["pending"]]
    trainings.during = lambda config, directory: None
    again(*launching, code=0 if rate == "0.1" else 1)
    assert "pending" not in states()


def test_what_a_killed_sweep_left_is_found(trainings: Trainings) -> None:
    """A job that ended without telling the manifest is completed, not run again."""
    sweep("seed=0,1,2")
    manifest = Manifest("s")
    manifest.update(1, state="running", figures={}, seconds=None)
    manifest.update(2, state="running", figures={}, seconds=None)
    (Path("s/2/summary.json")).unlink()
    trainings.done.clear()
    again()
    assert [seed for seed, _ in trainings.done] == [2]
    assert manifest.jobs()[1].figures["val/mse"] == pytest.approx(1.002)


def test_two_processes_cannot_run_one_sweep(trainings: Trainings, capsys) -> None:
    """The second is refused."""
    sweep("seed=0,1")
    with RunDirectory("s").lock():
        again("seed=0,1,2", code=2)
    assert "runs in another process" in capsys.readouterr().err
    assert len(trainings.done) == 2


def test_a_bad_further_value_changes_nothing(trainings: Trainings, capsys) -> None:
    """It is found before anything starts."""
    sweep("seed=0,1")
    before = Path("s/manifest.json").read_bytes()
    again("seed=2,-1", code=2)
    assert "seed=" in capsys.readouterr().err
    assert Path("s/manifest.json").read_bytes() == before
    assert len(trainings.done) == 2


def test_a_damaged_manifest_is_named(trainings: Trainings, capsys) -> None:
    """With exit code 2."""
    sweep("seed=0,1")
    Path("s/manifest.json").write_text("{")
    again(code=2)
    assert "manifest.json is damaged" in capsys.readouterr().err


def test_own_options_are_asked_for_again(
    trainings: Trainings, alone: Path, capsys
) -> None:
    """Their files name code, and a manifest may come from anybody."""
    (alone / "own/model").mkdir(parents=True)
    text = "defaults: [simple, _self_]\ncode: 3\n"
    (alone / "own/model/mine.yaml").write_text(text)
    sweep("--config-dir", "own", "model=mine", "trainer.lr=0.1,5", code=1)
    again("trainer.lr=0.1,0.2", code=2)
    assert f"--config-dir {alone / 'own'}" in capsys.readouterr().err
    again("--config-dir", "own", "trainer.lr=0.1,0.2")
    assert states() == ["completed", "superseded", "completed"]


def test_a_sweep_names_its_folders_as_it_was_told(trainings: Trainings) -> None:
    """``hydra.sweep.subdir``; two jobs never share one."""
    sweep("seed=0,1", "hydra.sweep.subdir='${seed}_${hydra:job.num} of it'")
    assert places() == ["0_0 of it", "1_1 of it"]
    assert main(["-m", "hydra.sweep.dir=t", "seed=0,1", "hydra.sweep.subdir=x"]) == 0
    assert places("t") == ["x", "x_2"]


def test_options_that_were_added_stay(trainings: Trainings) -> None:
    """``regularizer=`` and ``+regularizer=`` are two, also when a sweep goes on."""
    typed = ["model=stacked", "regularizer=[l1]", "+regularizer=[weight_decay]"]
    sweep(*typed, "model.code=2,4")
    again()
    again("model.code=2,4,6", "+regularizer=[weight_decay]")
    assert len(trainings.done) == 3
    values = Manifest("s").jobs()[2].values
    assert (values["regularizer"], values["+regularizer"]) == ("[l1]", "[weight_decay]")


def test_old_failures_stop_no_continued_sweep(trainings: Trainings) -> None:
    """Jobs to be tried again count as not begun, whatever the size of batches."""
    sweep("trainer.lr=0.1,5,6", "hydra.sweeper.max_batch_size=1", code=1)
    trainings.done.clear()
    again("sweep.fail_fast=true", code=1)
    assert trainings.done == [(0, 5)]
    assert states() == ["completed", "failed", "pending"]


def test_a_job_continued_alone_is_completed(trainings: Trainings) -> None:
    """By ``task=resume run=SWEEP/1``, of which the manifest knows nothing."""
    sweep("trainer.lr=0.1,5", code=1)
    config = {"seed": 0, "trainer": {"lr": 0.5}}
    trainings(config, Path("s/1"))
    trainings.done.clear()
    again()
    assert (states(), trainings.done) == (["completed", "completed"], [])


def test_options_of_a_sweep_are_not_swept(trainings: Trainings, capsys) -> None:
    """They are of all its jobs."""
    sweep("seed=0,1", "sweep.metric=val/mse,val/loss", code=2)
    assert "sweep.metric=val/mse,val/loss: is of the whole" in capsys.readouterr().err
    assert not Path("s").exists()


def test_a_later_folder_of_options_is_that_of_the_sweep(
    trainings: Trainings, alone: Path
) -> None:
    """It may be named later, and is asked for then."""
    (alone / "own/model").mkdir(parents=True)
    text = "defaults: [simple, _self_]\nhidden: [7]\n"
    (alone / "own/model/mine.yaml").write_text(text)
    sweep("model.code=2")
    again("--config-dir", "own", "model=mine")
    again("seed=1", code=2)
    again("seed=1", "--config-dir", "own")
    assert len(trainings.done) == 3


def test_numbers_in_folders_are_no_attempts(trainings: Trainings) -> None:
    """A name that ends in a number is kept whole in that of the next attempt."""
    place = "hydra.sweep.subdir='${seed}_${hydra:job.num}'"
    sweep("trainer.lr=5,6", place, code=1)
    again(code=1)
    again(code=1)
    assert places() == ["0_0_3", "0_1_3"]
