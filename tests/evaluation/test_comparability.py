"""What is said where figures of runs may not be read beside each other."""

import pytest
from comparing import run_of

from aerun.evaluation.comparability import same_examples, same_units, warnings


def told(one, other, metric: str = "test/mse") -> list[str]:
    return warnings([("a", one), ("b", other)], metric=metric)


OTHER = {"data__fingerprint": "0" * 16}


@pytest.mark.parametrize(
    "harmless",
    [
        {},
        {"model__code": 9, "trainer__lr": 1.0, "device": "cuda"},
        {"loss": {"_target_": "other", "reduction": "mean"}},
        {"dataset__root": "/elsewhere"},
        {"dataset__limit": 100, **OTHER},
        {"dataset__zca_epsilon": 0.5},
    ],
    ids=["nothing", "the model", "the loss", "the place", "the limit", "no whitening"],
)
def test_nothing_is_said_where_figures_are_comparable(harmless):
    """Other models, losses and numbers of training examples are what one compares."""
    assert told(run_of(), run_of(**harmless)) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"data__shape": [4]}, "different shapes (1x8x8 in a; 4 in b): no figures"),
        (
            {"dataset___target_": "aerun.data.plane", **OTHER},
            "The data sets differ (digits in a; plane in b): no figures",
        ),
        ({"dataset__split_seed": 3, **OTHER}, "(dataset.split_seed: 0 in a; 3 in b)"),
        ({"dataset__test": 0.5, **OTHER}, "(dataset.test: 0.2 in a; 0.5 in b)"),
        (
            {"dataset__exclude_classes": [0], **OTHER},
            "(dataset.exclude_classes: [] in a; [0] in b)",
        ),
        ({"dataset__validation": 0.3, **OTHER}, "curves are not of the same examples"),
        (OTHER, "The data changed between the runs (hash"),
        ({"dataset__scale": "none"}, "(dataset.scale: unit in a; none in b)"),
        ({"data__scale": [9.0]}, "dataset.scale=unit found other constants"),
        ({"dataset__binarize": "fixed"}, "(dataset.binarize: none in a; fixed in b)"),
    ],
)
def test_what_makes_figures_not_comparable_is_said(other, said):
    """In one sentence that names the setting, its values, and who has which."""
    if "dataset___target_" in other:
        other = {**other, "dataset__scale": "unit"}
    first, second = run_of(), run_of(**other)
    if "dataset___target_" in other:
        second.choices["dataset"] = "plane"
    (sentence,) = told(first, second)
    assert said in sentence
    assert told(second, second) == []


def test_losses_are_compared_only_where_they_are_the_same():
    """Ranking by a loss of other terms is warned of; by mse it is not."""
    one, other = run_of(), run_of("model=vae")
    assert told(one, other) == []
    (sentence,) = told(one, other, "test/loss")
    assert "test/loss is not the same function in all runs" in sentence
    assert "task.metric=test/mse" in sentence
    assert told(one, one, "test/loss") == []


def test_many_names_are_cut():
    """A sentence stays a sentence."""
    named = [(f"n{i}", run_of()) for i in range(9)]
    (sentence,) = warnings(
        [*named, ("z", run_of(dataset__scale="none"))], metric="test/mse"
    )
    assert "unit in n0, n1, n2, n3 and 5 more; none in z" in sentence


@pytest.mark.parametrize(
    ("other", "examples", "units"),
    [
        ({"model__code": 1}, True, True),
        ({"dataset__split_seed": 1}, False, True),
        ({"data__shape": [1, 9, 9]}, False, False),
        ({"data__dtype": "float32"}, True, False),
        ({"data__stored_high": 9.0}, True, True),
        ({"data__stored_high": 1.0, "dataset__binarize": "fixed"}, False, False),
        ({"data__stored_high": 9.0, "dataset___target_": "mine"}, False, False),
        ({"dataset___target_": "mine"}, False, True),
    ],
)
def test_the_same_examples_can_be_given_to_models_of_the_same_units(
    other, examples, units
):
    """Shape, type and range as stored decide; of one data set the range may move."""
    one, second = run_of(), run_of(**other)
    assert same_examples([one, second]) is examples
    assert same_units(one, second) is units
