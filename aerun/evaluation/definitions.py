"""What each figure of a finished run is: its unit and its definition."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """What is needed to read a figure of ``summary.json``."""

    unit: str
    """Empty where the figure is a plain number."""
    text: str
    """In one line."""


_SQUARED = "scaled units^2"
_UNITS = "units"


_LOGGED = {
    "val": "over the validation examples, after the run's best epoch",
    "train": "over the batches of the run's best epoch",
}


def _define(text: str, unit: str = "") -> Definition:
    return Definition(unit=unit, text=text)


_KNOWN = {
    "test/loss": _define("the whole objective: reconstruction and weighted terms"),
    "test/reconstruction": _define("the loss alone, averaged over test examples"),
    "test/mse": _define(
        "squared error of test reconstructions from clean inputs, mean over elements",
        _SQUARED,
    ),
    "test/corrupted_mse": _define(
        "the same from corrupted inputs, against the clean ones", _SQUARED
    ),
    "identity/corrupted_mse": _define(
        "the same of answering with the corrupted input itself", _SQUARED
    ),
    "train/mse": _define("as test/mse, of the first training examples", _SQUARED),
    "mean/mse": _define(
        "as test/mse, of always answering with the mean training example", _SQUARED
    ),
    "pca/mse": _define(
        "as test/mse, of PCA at the same code size, fitted to training examples",
        _SQUARED,
    ),
    "pca/examples": _define(
        "training examples that PCA was fitted to, the first ones", "examples"
    ),
    "pca/largest_angle": _define(
        "largest principal angle between a linear decoder and PCA", "degrees"
    ),
    "pca/mean_angle": _define(
        "mean principal angle between a linear decoder and PCA", "degrees"
    ),
    "test/dead_units": _define(
        "units of the code with one value for every test example", _UNITS
    ),
    "test/active_units": _define(
        "code dimensions whose posterior mean varies by more than 0.01", _UNITS
    ),
    "test/nonzero_units": _define(
        "values of an example's code that are not zero, on average", _UNITS
    ),
    "test/mean_activity": _define("mean over units and test examples of the code"),
    "test/activity_off_rho": _define(
        "how far a unit's mean activity is from the wanted one, on average"
    ),
    "test/saturation": _define(
        "share of the code's values within 5 % of an end of their range"
    ),
    "test/jacobian_norm": _define(
        "norm of the Jacobian of the encoder, mean over test examples",
        "code per scaled unit",
    ),
    "chain/within": _define(
        "share of the variance of a chain's steps that lies within chains; near 1 "
        "where they mix"
    ),
}


def definition(name: str, units: Mapping[str, str]) -> Definition:
    """What a figure of ``summary.json``, or a column of ``metrics.csv``, is.

    Args:
        name: Of the figure; any other ``test/NAME`` is a term of the objective.
        units: Of the terms that have one, by name (``Objective.units``).
    """
    split, _, term = name.partition("/")
    known = _KNOWN.get(name)
    if known is None and split == "test":
        words = term.replace("_", " ")
        known = _define(f"the term {words}, unweighted, over the test examples")
    if known is None and split in _LOGGED:
        same = definition(f"test/{term}", units)
        return _define(f"as test/{term}, {_LOGGED[split]}", same.unit)
    if known is None:
        return _define("a figure of the run's own parts")
    unit = units.get(term, known.unit) if split == "test" else known.unit
    return Definition(unit=unit, text=known.text)
