"""A search: which trials are proposed, and how it goes on after a stop."""

from typing import Any

import pytest
from making import later
from optuna.storages import InMemoryStorage
from searching import SPACE, Searching, Sweep, bowl, dying, failing

from aerun.config.mistakes import BadRequest
from aerun.errors import BadUse
from aerun.sweeps.manifest import FAILED, PRUNED, Job
from aerun.sweeps.trials import Trials

pytest_plugins = ["searching"]

POINTS = ("trainer.lr=0.01,0.001", "model.code=range(2,6)")
"""A space of eight points."""


def points(jobs: list[Job]) -> list[tuple[str, ...]]:
    """The values of each job."""
    return [job.overrides for job in jobs]


def best(jobs: list[Job]) -> float:
    return min(job.figures["val/mse"] for job in jobs if job.figures)


def test_a_search_has_as_many_trials_as_asked_for(searching: Searching) -> None:
    """Each is a job; values lie in their ranges."""
    jobs = searching(*SPACE, "trainer.epochs=3", "hydra.sweeper.trials=12")
    assert [job.number for job in jobs] == list(range(12)) == searching.ran
    assert len(set(points(jobs))) == 12
    for job in jobs:
        assert 1e-4 <= float(job.values["trainer.lr"]) <= 1e-1
        assert 2 <= int(job.values["model.code"]) <= 15
        assert job.values["trainer.epochs"] == "3"


@pytest.mark.slow
@pytest.mark.shared
def test_it_learns_from_what_it_saw(searching: Searching) -> None:
    """Trials that were learnt come closer to the best point than random ones."""
    given = [*SPACE, "hydra.sweeper.trials=25"]
    found = searching(*given)
    blind = searching(*given, "hydra/sweeper/sampler=random", name="blind")
    assert points(found)[:10] == points(blind)[:10], "before there is anything to learn"
    later = [job.figures["val/mse"] for job in found[10:]]
    drawn = [job.figures["val/mse"] for job in blind[10:]]
    assert sum(later) / len(later) < 0.6 * sum(drawn) / len(drawn)


@pytest.mark.parametrize("number", [13, later(4)])
def test_a_killed_search_goes_on_as_if_it_had_not_been(
    searching: Searching, number: int
) -> None:
    """The same points; the trial that was running is the same job; none runs twice."""
    given = [*SPACE, "hydra.sweeper.trials=16"]
    whole = searching(*given, name="whole")
    with pytest.raises(KeyboardInterrupt):
        searching(*given, outcome=dying(number))
    jobs = searching(*given)
    assert searching.ran == list(range(number, 16))
    assert points(jobs) == points(whole)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ([*SPACE, "hydra.sweeper.trials=13"], 11),
        ([*POINTS, "hydra/sweeper/sampler=grid", "hydra.sweeper.trials=8"], 5),
    ],
    ids=["learnt", "grid"],
)
def test_a_kill_in_the_middle_of_a_proposal_changes_nothing(
    searching: Searching,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    number: int,
) -> None:
    """The point is completed with the values that it would have had."""
    whole = searching(*given, name="whole")
    keep, calls = InMemoryStorage.set_trial_param, iter(range(2 * number + 1))

    def dies(*values: Any) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        keep(*values)

    with monkeypatch.context() as patch:
        patch.setattr(InMemoryStorage, "set_trial_param", dies)
        with pytest.raises(KeyboardInterrupt):
            searching(*given)
    assert searching.ran == list(range(number))
    jobs = searching(*given)
    assert points(jobs) == points(whole)
    assert len(jobs) == len(set(points(jobs)))


@pytest.mark.slow
@pytest.mark.shared
def test_a_kill_before_the_job_is_known_loses_no_trial(
    searching: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that was proposed, but never became a job, is made first."""
    given = [*SPACE, "hydra.sweeper.trials=4"]
    whole = searching(*given, name="whole")

    def die(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trials, "bind", die)
        with pytest.raises(KeyboardInterrupt):
            searching(*given)
    assert points(searching(*given)) == points(whole)


@pytest.mark.slow
@pytest.mark.shared
def test_more_trials_extend_a_search(searching: Searching) -> None:
    """As if they had been asked for at once."""
    searching(*SPACE, "hydra.sweeper.trials=6")
    jobs = searching(*SPACE, "hydra.sweeper.trials=13")
    assert searching.ran == list(range(6, 13))
    whole = searching(*SPACE, "hydra.sweeper.trials=13", name="whole")
    assert points(jobs) == points(whole)


def test_a_failed_trial_is_made_once_more_on_continuing(searching: Searching) -> None:
    """The search goes on without it; later the same job runs again, no other does."""
    given = [*SPACE, "hydra.sweeper.trials=6"]
    jobs = searching(*given, outcome=failing(2, 4))
    assert [job.number for job in jobs if job.state == FAILED] == [2, 4]
    jobs = searching(*given, outcome=failing(4))
    assert searching.ran == [2, 4]
    assert [job.number for job in jobs if job.state == FAILED] == [4]
    assert len(jobs) == 6


def test_a_search_lets_go_of_its_directory_however_it_ends(
    searching: Searching,
) -> None:
    """So that the same process, a notebook's for example, may continue it."""
    given = [*SPACE, "hydra.sweeper.trials=2"]
    with pytest.raises(KeyboardInterrupt):
        searching(*given, outcome=dying(1))
    assert not Sweep.held
    searching(*given)
    assert not Sweep.held


def test_the_first_failure_ends_it_if_that_is_asked_for(searching: Searching) -> None:
    """With sweep.fail_fast=true."""
    jobs = searching(*SPACE, "sweep.fail_fast=true", outcome=failing(2))
    assert len(jobs) == 3


def test_a_point_is_not_run_twice(searching: Searching) -> None:
    """A space of a few points ends when all were tried."""
    space = ["trainer.lr=0.01,0.001", "model.code=range(2,5)"]
    jobs = searching(*space, "hydra.sweeper.trials=50")
    assert len(jobs) == len(set(points(jobs))) == 6
    assert searching.ran == list(range(6))


def test_a_grid_is_every_combination_once(searching: Searching) -> None:
    """Also over a stop; of numbers without end there is none."""
    given = [*POINTS, "hydra/sweeper/sampler=grid", "hydra.sweeper.trials=8"]
    with pytest.raises(KeyboardInterrupt):
        searching(*given, outcome=dying(5))
    jobs = searching(*given)
    wanted = {(f"trainer.lr={a}", f"model.code={b}")
              for a in ("0.01", "0.001") for b in range(2, 6)}  # fmt: skip
    assert set(points(jobs)) == wanted
    assert len(jobs) == 8
    with pytest.raises(BadUse, match=r"trainer\.lr may be any number; write range"):
        searching(*SPACE, "hydra/sweeper/sampler=grid", name="endless")


def test_trials_are_launched_together(searching: Searching) -> None:
    """As many at once as asked for, never more than are missing."""
    given = [*SPACE, "hydra.sweeper.trials=10", "hydra.sweeper.parallel=4"]
    jobs = searching(*given)
    assert searching.launched == [4, 4, 2]
    assert len(set(points(jobs))) == 10


@pytest.mark.slow
@pytest.mark.shared
def test_trials_given_up_are_learnt_from(searching: Searching) -> None:
    """They are told as such, are never the best, and not run again."""

    def outcome(job: Job) -> dict[str, object]:
        found = bowl(job)
        return found if job.number % 2 else {**found, "state": PRUNED}

    given = [*SPACE, "hydra.sweeper.trials=8"]
    jobs = searching(*given, outcome=outcome)
    again = searching(*given)
    assert searching.ran == []
    assert [job.state for job in again] == [job.state for job in jobs]


def test_a_trial_that_cannot_be_made_is_left_out(
    searching: Searching, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake that only some combination has ends no search."""
    given = ["trainer.lr=0.1,0.2", "model.code=2,3", "hydra.sweeper.trials=4"]
    jobs = searching(*given, refused=("trainer.lr=0.2", "model.code=3"))
    assert len(jobs) == 3
    assert "trainer.lr=0.2 model.code=3: is bad" in caplog.text


@pytest.mark.slow
@pytest.mark.shared
def test_another_search_does_not_go_on(searching: Searching) -> None:
    """Trials of another space, length or figure would not compare."""
    searching(*SPACE, "trainer.epochs=3", "hydra.sweeper.trials=2")
    for other, named in (
        ((*SPACE, "trainer.epochs=4"), "other values"),
        ((SPACE[0], "model.code=range(2,20)", "trainer.epochs=3"), r"model\.code"),
        ((*SPACE, "trainer.epochs=3", "sweep.metric=val/loss"), r"sweep\.metric"),
    ):
        with pytest.raises(BadUse, match=f"another choice of {named}"):
            searching(*other, "hydra.sweeper.trials=3")


@pytest.mark.slow
@pytest.mark.shared
def test_a_figure_that_is_not_there_is_named(searching: Searching) -> None:
    """With those that are."""
    with pytest.raises(BadUse, match=r"sweep\.metric=val/mes: .* val/mse"):
        searching(*SPACE, "sweep.metric=val/mes")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.code=3"], "there is nothing to search"),
        ([*SPACE, "hydra.sweeper.trials=0"], "trials=0: must be a whole number, at"),
        later([*SPACE, "hydra.sweeper.seed=a"], "sweeper.seed=a: must be a whole"),
        later([*SPACE, "hydra.sweeper.sampler.startup=-1"], "sampler.startup=-1: must"),
        ([*SPACE, "hydra.sweeper.pruner.warmup=x"], "pruner.warmup=x: must be"),
        later([*SPACE, "+hydra.sweeper.sampler.x=1"], "sampler.x=1: no such key"),
        later([*SPACE, "hydra.sweeper.params=3"], "sweeper.params=3: must be"),
    ],
)
def test_a_mistake_in_an_option_of_the_search_is_named(
    searching: Searching, overrides: list[str], said: str
) -> None:
    """Before anything starts."""
    with pytest.raises(BadRequest) as caught:
        searching(*overrides)
    assert said in str(caught.value)
    assert searching.ran == []


@pytest.mark.slow
@pytest.mark.shared
def test_values_may_come_from_the_config(searching: Searching) -> None:
    """What is typed counts more."""
    params = "{trainer.lr: 'interval(0.01,0.1)', model.code: 'range(2,16)'}"
    given = [f"hydra.sweeper.params={params}", "model.code=5"]
    jobs = searching(*given, "hydra.sweeper.trials=3")
    assert {job.values["model.code"] for job in jobs} == {"5"}
    assert len({job.values["trainer.lr"] for job in jobs}) == 3
