"""In which settings runs differ, and the names that tell them apart."""

import pytest
from comparing import run_of

from aerun.evaluation.differences import differing, settings, short_names, telling


def named(*runs) -> list[str]:
    columns = differing(runs)
    typed = [key for run in runs for key in run.typed]
    return short_names(columns, telling(columns, typed))


def test_only_what_differs_is_told():
    """What all have in common, the seed, a tracker and the task are not."""
    tracker = {"_target_": "aerun.tracking.tensorboard.TensorBoard", "pictures": True}
    one = run_of(model__code=2)
    other = run_of(seed=4, model__code=5, tracker=tracker)
    assert differing([one, other]) == {"model.code": [2, 5]}
    assert differing([one, one]) == {}
    assert not {"seed", "format", "run"} & settings(one).keys()
    assert not any(key.startswith(("data.", "task.")) for key in settings(one))


def test_every_value_that_differs_is_told():
    """Lists, numbers, null, schedules, and what only one has."""
    schedule = {"start": 0.0, "end": 1.0}
    one = run_of(
        model__hidden=[8, 4],
        trainer__patience=None,
        regularizer={"l1": {"_target_": "l1", "weight": schedule}},
    )
    found = differing([one, run_of(trainer__patience=3)])
    assert found == {
        "regularizer": ["l1", "none"],
        "trainer.patience": [None, 3],
        "model.hidden": [[8, 4], [128, 64, 12]],
        "regularizer.l1.weight.start": [0.0, ""],
        "regularizer.l1.weight.end": [1.0, ""],
    }


def test_a_choice_stands_for_the_class_that_it_brings():
    """What was typed comes first, then choices; classes of no choice are told too."""
    found = differing([run_of(), run_of("model=vae")])
    assert next(iter(found)) == "model"
    assert found["model"] == ["simple", "vae"]
    assert "loss._target_" not in found or "loss" not in found
    assert not [key for key in found if key.startswith("model") and "_target_" in key]
    mine = run_of(loss___target_="mine.loss")
    assert differing([run_of(), mine]) == {
        "loss._target_": ["aerun.losses.mse", "mine.loss"]
    }


def test_names_are_of_what_was_typed():
    """The value of a choice alone; further keys by their last part."""
    codes = [run_of(model__code=code, typed=("model.code",)) for code in (2, 30)]
    assert named(*codes) == ["code=2", "code=30"]
    assert named(run_of(), run_of("model=vae")) == ["simple", "vae"]
    both = [
        run_of(f"model={m}", model__code=c, typed=("model", "model.code"))
        for m in ("simple", "vae")
        for c in (2, 3)
    ]
    assert named(*both) == [
        "simple code=2", "simple code=3", "vae code=2", "vae code=3",
    ]  # fmt: skip


def test_names_say_no_more_than_is_needed():
    """Of what was not typed, only enough to tell runs apart."""
    one = run_of(model__code=2, trainer__lr=0.1)
    other = run_of(model__code=3, trainer__lr=0.2)
    third = run_of(model__code=3, trainer__lr=0.3)
    assert len(set(named(one, other, third))) == 3
    assert named(one, third) in (["lr=0.1", "lr=0.3"], ["code=2", "code=3"])


def test_keys_of_the_same_last_part_are_told_apart():
    """Two weights, of two regularizers."""

    def run(kl: float, l1: float):
        terms = {"kl": kl, "l1": l1}
        nodes = {n: {"_target_": n, "weight": w} for n, w in terms.items()}
        keys = ("regularizer.kl.weight", "regularizer.l1.weight")
        return run_of(regularizer=nodes, typed=keys)

    assert named(run(1, 1), run(1, 2), run(3, 1), run(3, 2)) == [
        "kl.weight=1 l1.weight=1",
        "kl.weight=1 l1.weight=2",
        "kl.weight=3 l1.weight=1",
        "kl.weight=3 l1.weight=2",
    ]


def test_what_most_runs_have_is_not_repeated():
    """A name says what is special of its run, behind what comes first."""
    changes = [{}, {"trainer__lr": 0.5}, {"model__code": 9}, {"trainer__lr": 0.7}]
    runs = [run_of("model=vae", **each) for each in changes]
    assert named(run_of(), *runs) == [
        "simple code=3", "vae", "vae lr=0.5", "vae code=9", "vae lr=0.7",
    ]  # fmt: skip


@pytest.mark.parametrize("places", [(0, 1), (1, 0)])
def test_what_a_run_does_not_have_is_said(places):
    """It has no weight, and a name nevertheless."""
    node = {"kl": {"_target_": "kl", "weight": 0.5}}
    keys = ("regularizer.kl.weight",)
    runs = [run_of(regularizer=node, typed=keys), run_of(typed=keys)]
    names = named(*(runs[i] for i in places))
    assert [names[i] for i in places] == ["weight=0.5", "no weight"]
