"""Whether figures of several runs may be read beside each other."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from aerun.data import DatasetOptions
from aerun.data.sources import PLACES
from aerun.evaluation.recorded import RecordedRun
from aerun.options import show

Named = Sequence[tuple[str, RecordedRun]]
"""A run of each group, with the group's name."""

COMPARABLE = "test/mse"
"""The figure that every run has, whatever it was trained for."""

_OF_OBJECTIVE = ("test/loss", "test/reconstruction")
_SPLIT = ("split_seed", "test", "exclude_classes")
_SHOWN = 4  # names in a sentence


def warnings(named: Named, *, metric: str) -> list[str]:
    """Sentences about what makes figures not comparable; none where all is well.

    Args:
        named: Runs that are compared.
        metric: The figure by which they are ranked.
    """
    if sentence := _of_shapes(named):
        return [sentence]
    return [
        *_of_data(named),
        *_of_scale(named),
        *_of_binarisation(named),
        *_of_objective(named, metric),
    ]


def same_objective(runs: Sequence[RecordedRun]) -> bool:
    """Whether the losses of all runs are the same function, of the same data."""
    return _alike(runs, _objective) and _alike(runs, _view)


def same_examples(runs: Sequence[RecordedRun]) -> bool:
    """Whether all runs were tested on the same examples, in the same units."""
    return _alike(runs, _view) and _alike(runs, _split)


def same_units(one: RecordedRun, other: RecordedRun) -> bool:
    """Whether a model of one run may be given the examples of another as they are."""
    keys = ["shape", "feature_names", "dtype"]
    # The range of the same data set depends on how many examples were looked at.
    if not _alike([one, other], lambda run: [_source(run), _option("binarize")(run)]):
        keys += ["stored_low", "stored_high"]
    return _alike([one, other], lambda run: [run.config["data"][key] for key in keys])


def _objective(run: RecordedRun) -> Any:
    """What the loss is made of; a model of another kind may sum it otherwise."""
    config = run.config
    parts = [config.get(key) for key in ("loss", "regularizer", "corruption")]
    return [*parts, config["model"].get("_target_")]


def _view(run: RecordedRun) -> Any:
    """What decides of the values that a model sees."""
    data, dataset = run.config["data"], run.config["dataset"]
    options = [dataset.get(key) for key in ("scale", "zca_epsilon", "binarize")]
    return [data["shape"], _source(run), data["shift"], data["scale"], options]


def _source(run: RecordedRun) -> Any:
    """The data set and its own options, wherever it lies."""
    common = {field.name for field in fields(DatasetOptions)} | set(PLACES)
    dataset = run.config["dataset"]
    return {key: value for key, value in dataset.items() if key not in common}


def _split(run: RecordedRun) -> Any:
    """What decides which examples are held out for the test."""
    return [_option(key)(run) for key in _SPLIT]


def _option(key: str) -> Callable[[RecordedRun], Any]:
    """Gives an option that every data set has, of a run."""
    return lambda run: run.config["dataset"].get(key)


def _hash(run: RecordedRun) -> Any:
    return run.config["data"]["fingerprint"]


def _of_shapes(named: Named) -> str:
    """Beside which nothing else needs to be said; "" where shapes are the same."""

    def shape(run: RecordedRun) -> str:
        return "x".join(map(str, run.config["data"]["shape"]))

    if _alike([run for _, run in named], shape):
        return ""
    told = _told(named, shape)
    return f"Examples have different shapes ({told}): no figures are comparable."


def _of_data(named: Named) -> Iterator[str]:
    runs = [run for _, run in named]
    if _alike(runs, _hash):
        return
    if not _alike(runs, _source):
        told = _told(named, name_of_data)
        yield f"The data sets differ ({told}): no figures are comparable."
    elif not _alike(runs, _split):
        differ = [key for key in _SPLIT if not _alike(runs, _option(key))]
        told = "; ".join(
            f"dataset.{key}: {_told(named, _option(key))}" for key in differ
        )
        yield f"The test examples differ ({told}): figures differ for that reason too."
    elif not _alike(runs, _option("validation")):
        told = _told(named, _option("validation"))
        yield (
            f"The validation examples differ (dataset.validation: {told}): curves are "
            "not of the same examples; test figures are."
        )
    elif _alike(runs, _size_and_binarisation):
        told = _told(named, _hash)
        yield (
            f"The data changed between the runs (hash {told}): no figures are "
            "comparable."
        )


def _size_and_binarisation(run: RecordedRun) -> Any:
    """What changes the hash of the data, but not which examples are tested."""
    return [_option(key)(run) for key in ("limit", "binarize")]


def name_of_data(run: RecordedRun) -> str:
    """The data set of a run, as one would type it."""
    dataset = run.config["dataset"]
    name = run.choices.get("dataset") or str(dataset["_target_"]).rpartition(".")[2]
    own = [f"{key}={show(dataset[key])}" for key in PLACES[:2] if dataset.get(key)]
    return " ".join([name, *own])


def _of_scale(named: Named) -> Iterator[str]:
    runs = [run for _, run in named]

    def option(run: RecordedRun) -> Any:
        dataset = run.config["dataset"]
        epsilon = dataset.get("zca_epsilon") if dataset["scale"] == "zca" else None
        return dataset["scale"] if epsilon is None else f"zca, epsilon {epsilon}"

    def constants(run: RecordedRun) -> Any:
        return [run.config["data"]["shift"], run.config["data"]["scale"]]

    if not _alike(runs, option):
        yield (
            f"The data are scaled differently (dataset.scale: {_told(named, option)}): "
            "errors are in scaled units, so they are not comparable."
        )
    elif _alike(runs, _source) and not _alike(runs, constants):
        yield (
            f"dataset.scale={runs[0].config['dataset']['scale']} found other constants "
            "in other training examples: errors are in scaled units, so they are not "
            "quite comparable."
        )


def _of_binarisation(named: Named) -> Iterator[str]:
    option = _option("binarize")
    if not _alike([run for _, run in named], option):
        yield (
            f"Values are binarised differently (dataset.binarize: "
            f"{_told(named, option)}): under fixed, mse compares with zeros and ones, "
            "else with grey values; losses are not comparable."
        )


def _of_objective(named: Named, metric: str) -> Iterator[str]:
    if metric in _OF_OBJECTIVE and not _alike([run for _, run in named], _objective):
        yield (
            f"{metric} is not the same function in all runs (other losses, "
            f"regularizers or corruptions): rank by task.metric={COMPARABLE}."
        )


def _alike(runs: Sequence[RecordedRun], what: Callable[[RecordedRun], Any]) -> bool:
    return len({_text(what(run)) for run in runs}) <= 1


def _told(named: Named, what: Callable[[RecordedRun], Any]) -> str:
    """Who has what: "unit in a, b; standard in c"."""
    having: dict[str, list[str]] = {}
    for name, run in named:
        value = what(run)
        text = value if isinstance(value, str) else show(value)
        having.setdefault(text, []).append(name)
    return "; ".join(f"{text} in {_some(names)}" for text, names in having.items())


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    if more <= 0:
        return " and ".join(names) if len(names) == 2 else ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {more} more"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
