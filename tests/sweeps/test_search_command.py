"""The command that searches: its files, messages and exit codes."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from commanding import Warm

from aerun import extras
from aerun.cli import main
from aerun.sweeps.advice import course_of
from aerun.sweeps.manifest import DONE, Job, Manifest

SPACE = ("trainer.lr=tag(log,interval(1e-3,1e-1))", "model.code=range(2,8)")
SEARCH = ("-m", "hydra/sweeper=optuna", *SPACE)
METRIC = "val/mse"
SMALL = ("experiment=smoke", "trainer.threads=1", "trainer.preview_every=0")


def test_without_the_extra_a_message_says_how_to_get_it(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, before a directory is made."""
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert main([*SEARCH, *SMALL]) == 2
    assert capsys.readouterr().err == (
        "aerun: hydra/sweeper=optuna: optuna, sqlalchemy are not installed; "
        "type: pip install 'aerun[optuna]'\n"
    )
    assert list(alone.iterdir()) == []


def test_a_mistake_on_the_rim_of_the_space_is_found_first(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though only few trials would have met it."""
    assert main([*SEARCH, "model.hidden=[8],[9],[0]", *SMALL]) == 2
    message = capsys.readouterr().err
    assert (
        "model.hidden=[8],[9],[0]: in the job trainer.lr=0.001 model.code=2 " in message
    )
    assert "at least 1" in message
    assert list(alone.iterdir()) == []


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.usefixtures("unpictured")
def test_a_search_leaves_its_record_and_says_what_it_found(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best trial with its values and the command that repeats it, and a picture."""
    more = ("hydra.sweep.dir=found", "hydra.sweeper.trials=2")
    assert main([*SEARCH, *SMALL, *more]) == 0
    assert main(["task=resume", "run=found", "hydra.sweeper.trials=3"]) == 0
    jobs = Manifest(alone / "found").jobs()
    assert [job.state for job in jobs] == ["completed"] * 3
    best = min(jobs, key=lambda job: job.figures["val/mse"] or 0)
    head = f"3 trials: 3 completed; the best is trial {best.number}, val/mse"
    again = f"aerun {best.overrides[0]} {best.overrides[1]} {' '.join(SMALL)}"
    page = (alone / "found/search.md").read_text()
    printed = capsys.readouterr().out
    for text in (page, printed):
        assert head in text
        assert again in text
    assert f"| trainer.lr | {best.values['trainer.lr']} |" in page
    assert (alone / "found/search.png").read_bytes().startswith(b"\x89PNG")
    assert (alone / "found/search.db").is_file()
    for job in jobs:
        assert (alone / "found" / job.directory / "summary.json").is_file()


OWN = """
from optuna.pruners import ThresholdPruner
from optuna.samplers import RandomSampler


def drawn(*, number: int):
    return RandomSampler(seed=number)


def within(*, most: float):
    return ThresholdPruner(upper=most)
"""


@pytest.mark.slow
@pytest.mark.shared
def test_a_sampler_and_a_pruner_of_ones_own(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function and a YAML file each; options are checked; trained on afterwards."""
    (alone / "own_search.py").write_text(OWN)
    for kind, name, more in (
        ("sampler", "drawn", ""),
        ("pruner", "within", "most: 0"),
    ):
        path = alone / f"conf/hydra/sweeper/{kind}/{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"_target_: own_search.{name}\n{more}\n")
    given = ["--config-dir", "conf", *SEARCH, "hydra/sweeper/sampler=drawn",
             "hydra/sweeper/pruner=within", "hydra.sweeper.trials=2", *SMALL,
             "hydra.sweep.dir=own"]  # fmt: skip
    assert main([*given, "hydra.sweeper.pruner.most=x"]) == 2
    assert "hydra.sweeper.pruner.most=x: must be a number" in capsys.readouterr().err
    assert main(given) == 0
    jobs = Manifest(alone / "own").jobs()
    assert [job.state for job in jobs] == ["pruned", "pruned"]
    assert main(["task=resume", "run=own/1"]) == 0
    summary = json.loads((alone / "own/1/summary.json").read_text())
    assert (summary["status"], summary["epochs"]) == ("completed", 2)


def known(jobs: list[Job]) -> list[Any]:
    """All that must be the same in an uninterrupted search."""
    return [(job.number, job.overrides, job.state, job.figures) for job in jobs]


@pytest.mark.slow
@pytest.mark.shared
def test_a_killed_search_equals_one_that_was_not(warm: Warm, alone: Path) -> None:
    """The same trials with the same figures, pruned ones included; none runs twice."""
    small = ("dataset.limit=200", "trainer.epochs=6", "trainer.threads=1",
             "trainer.preview_every=0", "hydra.sweeper.trials=12",
             "hydra.sweeper.sampler.startup=4", "hydra.sweeper.pruner.startup=2",
             "hydra.sweeper.pruner.warmup=1")  # fmt: skip
    quick: Any = {"cwd": alone, "pictures": False}
    warm.done(*SEARCH, *small, "hydra.sweep.dir=whole", **quick, seconds=600)
    run = warm.start(*SEARCH, *small, "hydra.sweep.dir=killed", cwd=alone)
    manifest, end = Manifest(alone / "killed"), time.monotonic() + 300
    while not (manifest.exists and sum(j.state in DONE for j in manifest.jobs()) >= 7):
        assert time.monotonic() < end
        assert run.poll() is None, run.said
        time.sleep(0.01)
    time.sleep(0.1)
    run.send(signal.SIGKILL)
    run.wait()
    before = [job for job in manifest.jobs() if job.state in DONE]
    assert 7 <= len(before) < 12
    files = [alone / "killed" / job.directory / "summary.json" for job in before]
    written = [path.stat().st_mtime_ns for path in files]
    warm.done("task=resume", "run=killed", **quick, seconds=600)
    assert [path.stat().st_mtime_ns for path in files] == written
    whole = Manifest(alone / "whole").jobs()
    assert known(manifest.jobs()) == known(whole)
    assert {job.state for job in whole} == {"completed", "pruned"}
    for job in whole:
        if job.state == "pruned":
            summary = alone / "whole" / job.directory / "summary.json"
            said = json.loads(summary.read_text())
            assert (said["status"], said["epochs"] < 6) == ("pruned", True)


@pytest.mark.slow
@pytest.mark.shared
def test_trials_in_other_processes_are_given_up_too(warm: Warm, alone: Path) -> None:
    """By what other processes found: hopeless ones, none that led."""
    warm.done(
        "-m", "hydra/sweeper=optuna", "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2", "hydra.sweeper.parallel=2",
        "hydra/sweeper/sampler=grid", "hydra.sweeper.trials=8",
        "hydra.sweeper.pruner.startup=2", "hydra.sweeper.pruner.warmup=1",
        "trainer.lr=0.01,1e-7", "model.code=6,7,8,9", "dataset.limit=300",
        "trainer.epochs=6", "trainer.threads=1", "trainer.preview_every=0",
        "hydra.sweep.dir=apart", cwd=alone, seconds=600,
    )  # fmt: skip
    jobs = Manifest(alone / "apart").jobs()
    assert len(jobs) == 8
    given_up = [job for job in jobs if job.state == "pruned"]
    assert "1e-07" in {job.values["trainer.lr"] for job in given_up}
    courses = {j.number: course_of(alone / "apart" / j.directory, METRIC) for j in jobs}
    rivals = [courses[job.number] for job in jobs if job.state == "completed"]
    for job in given_up:
        own = courses[job.number]
        assert 2 <= len(own) < 6
        best_there = min(min(v for e, v in o.items() if e in own) for o in rivals)
        assert min(own.values()) > best_there, "nothing that led is given up"
