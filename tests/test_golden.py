"""The first steps of every experiment are what they were."""

import json

import golden_curves
import pytest


@pytest.mark.parametrize("experiment", golden_curves.experiments())
def test_the_first_steps_of_an_experiment_are_unchanged(experiment):
    """A refactor that changes a number is seen; ``make golden`` accepts a change."""
    kept = json.loads(golden_curves.path_of(experiment).read_text())
    now = golden_curves.curve(experiment)
    assert list(now) == list(kept)
    for column, values in kept.items():
        # Other processors round differently, and steps amplify it.
        assert now[column] == pytest.approx(values, rel=1e-4, abs=1e-7), column


def test_no_curve_is_kept_of_an_experiment_that_is_gone():
    """The folder holds one file per experiment."""
    wanted = {golden_curves.path_of(name).name for name in golden_curves.experiments()}
    assert {path.name for path in golden_curves.FOLDER.iterdir()} == wanted
