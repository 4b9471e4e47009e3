"""Trials are given up by what the others were at the same epoch."""

import pickle
from pathlib import Path

import pytest

from aerun.rundir import RunDirectory
from aerun.sweeps.advice import Advice
from aerun.sweeps.manifest import COMPLETED, PRUNED, RUNNING, Job, Manifest

MEDIAN = {"_target_": "aerun.sweeps.strategies.median", "startup": 3, "warmup": 1}
COURSES = {
    0: [0.9, 0.5, 0.3],
    1: [0.9, 0.4, 0.2],
    2: [0.9, 0.3, 0.1],
}


def rows(values: list[float]) -> list[dict[str, float]]:
    return [{"epoch": n, "val/mse": value} for n, value in enumerate(values, 1)]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three completed jobs; the median of their second epochs is 0.4."""
    manifest = Manifest(tmp_path)
    manifest.create([], config_dir=None)
    for number, course in COURSES.items():
        (tmp_path / str(number)).mkdir()
        RunDirectory(tmp_path / str(number)).write_table("metrics.csv", rows(course))
        figures = {"val/mse": course[-1]}
        job = Job(number, (), str(number), str(number), COMPLETED, figures=figures)
        manifest.edit(lambda jobs, job=job: [*jobs, job])
    return tmp_path


def advised(
    sweep: Path, course: list[float], *, maximize: bool = False, **pruner: object
) -> int | None:
    """The epoch after which a running job of this course is given up."""
    node = {**MEDIAN, **pruner}
    advice = Advice(metric="val/mse", maximize=maximize, pruner=node)
    advice = pickle.loads(pickle.dumps(advice))  # it goes to other processes
    adviser = advice(sweep, Job(3, (), "3", "3", RUNNING))
    assert adviser is not None
    for end in range(1, len(course) + 1):
        if reason := adviser(rows(course[:end])):
            assert f"after epoch {end}, with val/mse {course[end - 1]}" in reason
            return end
    return None


def test_a_trial_below_the_median_is_given_up(sweep: Path) -> None:
    """At its best so far; not during the first epochs, and not a better one."""
    assert advised(sweep, [0.95, 0.45, 0.3]) == 2
    assert advised(sweep, [0.95, 0.35, 0.25]) == 3
    assert advised(sweep, [0.35, 0.45, 0.1]) is None
    assert advised(sweep, [0.95, 0.45, 0.3], warmup=2) == 3


def test_more_may_be_better(sweep: Path) -> None:
    """With sweep.maximize=true the smaller half is given up."""
    assert advised(sweep, [0.1, 0.35, 0.9], maximize=True) == 2
    assert advised(sweep, [0.1, 0.45, 0.9], maximize=True) is None


def test_too_few_completed_trials_give_nothing_up(sweep: Path) -> None:
    """Those that were given up themselves do not count."""
    assert advised(sweep, [9, 9, 9], startup=4) is None
    Manifest(sweep).update(1, state=PRUNED)
    assert advised(sweep, [9, 9, 9]) is None


def test_a_continued_run_is_judged_by_all_of_its_epochs(sweep: Path) -> None:
    """Its best may lie before the stop: an adviser that begins late knows it too."""
    advice = Advice(metric="val/mse", maximize=False, pruner=MEDIAN)
    for seen, given_up in (([0.35, 0.45], False), ([0.95, 0.45], True)):
        adviser = advice(sweep, Job(3, (), "3", "3", RUNNING))
        assert adviser is not None
        assert (adviser(rows(seen)) is not None) == given_up


def test_nobody_is_advised_without_a_pruner_or_a_figure(sweep: Path) -> None:
    """Of a figure that epochs do not have, nothing can be said."""
    off = Advice(metric="val/mse", maximize=False, pruner={"_target_": None})
    assert off(sweep, Job(3, (), "3", "3", RUNNING)) is None
    advice = Advice(metric="test/mse", maximize=False, pruner=MEDIAN)
    adviser = advice(sweep, Job(3, (), "3", "3", RUNNING))
    assert adviser is not None
    assert adviser(rows([9, 9, 9])) is None
