"""From a checked config to objects, in the order in which they need each other."""

import contextlib
import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from aerun.data import Data, DatasetOptions, Source, Spec, prepare
from aerun.data.sources import check_source
from aerun.draws import DryDraws
from aerun.errors import BadUse, DataError
from aerun.objective import Objective
from aerun.options import option_types
from aerun.ranks import Ranks
from aerun.resolving import Config, num_weights, seeded
from aerun.schedules import Knobs, Schedule
from aerun.shapes import no_room, shapes_only
from aerun.tracking.telling import Tracker
from aerun.training.loop import Training
from aerun.training.phases import TrainerOptions
from aerun.training.state import load_weights
from aerun.wiring import is_part, locate, make

HOSTS: dict[str, type] = {"dataset": DatasetOptions, "trainer": TrainerOptions}
"""Options that a group has whatever is chosen in it."""


def load_data(config: Config) -> Data:
    """The data set of a config; the same request is loaded once per process.

    Raises:
        DataError: The data are absent or unusable.
    """
    key = json.dumps(config["dataset"], sort_keys=True)
    return _load_data(key, _stamps(config["dataset"]))


def _stamps(node: Config) -> tuple[Any, ...]:
    """Tells files that changed between two runs of one process: other data.

    A source that reads folders brings a function ``stamp(options)`` of its own.
    """
    stamp = getattr(locate(node["_target_"]), "stamp", None)
    if stamp is not None:
        return (stamp(node),)
    paths = [os.path.expanduser(v) for v in node.values() if isinstance(v, str)]
    return tuple((p, os.stat(p).st_mtime_ns) for p in paths if os.path.isfile(p))


def load_source(config: Config, spec: Spec) -> Source:
    """Examples of a config's data set, as a model trained on ``spec`` takes them.

    Raises:
        DataError: They are absent or unusable, or of another shape.
    """
    ours = "x".join(map(str, spec.shape))
    fitting = {"shape": spec.shape, "feature_names": spec.feature_names}
    source = check_source(make(config["dataset"], fitting))
    found = tuple(source.train[0].shape[1:])
    if found != spec.shape:
        theirs = "x".join(map(str, found))
        raise DataError(f"has examples of {theirs}; the run's model takes {ours}")
    if spec.feature_names is not None and source.feature_names is not None:
        wanted, given = list(spec.feature_names), list(source.feature_names)
        if wanted != given:
            raise DataError(
                f"has the columns {', '.join(given)}; the run's model takes "
                f"{', '.join(wanted)}, in this order"
            )
    return source


@functools.lru_cache(maxsize=4)
def _load_data(key: str, stamps: tuple[Any, ...]) -> Data:
    node = json.loads(key)
    options = {f.name: node[f.name] for f in fields(DatasetOptions)}
    return prepare(make(node), DatasetOptions(**options))


def build_objective(config: Config, shape: tuple[int, ...]) -> Objective:
    """The objective for examples of ``shape``, its weights drawn from ``seed``."""
    corruption = config["corruption"]
    bfloat16 = config["trainer"]["precision"] == "bfloat16"
    with seeded(config):
        model = make(config["model"], {"shape": shape})
        known = _known(config, model, shape)
        objective = Objective(
            model=model,
            loss=make(config["loss"]),
            reduction=config["loss"]["reduction"],
            regularizers={
                name: make(node, known) for name, node in config["regularizer"].items()
            },
            corruption=None if corruption["_target_"] is None else make(corruption),
            autocast=torch.bfloat16 if bfloat16 else None,
            binarize=config["dataset"]["binarize"] == "dynamic",
        )
    if hasattr(model, "resting"):
        model.resting = build_knobs(config, objective).ends()
    return objective


def sketch_objective(config: Config, shape: tuple[int, ...]) -> Objective:
    """The objective, tried once; of a large one its shapes alone, if parts allow that.

    Raises:
        BadUse: A part cannot do what its options ask for.
        Exception: Whatever a part raises when it is built with values.
    """
    refusal: Exception | None = None
    where = seeded(config) if is_light(config, shape) else shapes_only()
    with contextlib.suppress(Exception), where:
        objective = build_objective(config, shape)
        try:
            _try(objective, config, shape)
        except (BadUse, MemoryError, RuntimeError) as error:
            if isinstance(error, BadUse) or no_room(error):
                refusal = error
        else:
            return objective
    if refusal is not None:
        raise refusal
    return build_objective(config, shape)


def is_light(config: Config, shape: tuple[int, ...]) -> bool:
    """Whether the model is sooner built and tried than PyTorch's rules of shapes read.

    Those import the compiler, which takes more than a second and 100 MB.
    """
    return num_weights(config, shape) <= _LIGHT


_LIGHT = 10_000_000
"""Weights that are drawn, and passed by two examples, in about a tenth of a second."""


@torch.no_grad()
def _try(objective: Objective, config: Config, shape: tuple[int, ...]) -> None:
    """A pass of two examples of no values, with knobs in their limits."""
    x = torch.zeros(2, *shape)
    values = build_knobs(config, objective).ends()
    for name, limit in getattr(objective.model, "limits", {}).items():
        if values[name] > limit:
            raise BadUse(
                f"{name}={values[name]:g}: there are {limit} units; choose at most as "
                "many, or a larger model.code."
            )
    knobs = {name: torch.tensor(value) for name, value in values.items()}
    objective.terms(x, knobs, DryDraws(x))


@torch.no_grad()
def _known(config: Config, model: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """What regularizers may ask of the data and the model."""
    known: dict[str, Any] = {"shape": shape}
    targets = [locate(node["_target_"]) for node in config["regularizer"].values()]
    if any("code_size" in option_types(target) for target in targets):
        size = getattr(model, "code_size", None)
        if size is None:
            size = model.eval().encode(torch.zeros(1, *shape)).shape[1]
        known["code_size"] = size
    return known


def build_knobs(config: Config, objective: Objective) -> Knobs:
    """Every number of the objective that may be a schedule, by its dotted name."""
    values: dict[str, float | Schedule] = {}

    def add(prefix: str, node: Config, names: list[str]) -> None:
        for name in names:
            value = node[name]
            values[f"{prefix}.{name}"] = (
                Schedule(**value) if isinstance(value, Mapping) else float(value)
            )

    for full in getattr(objective.model, "knobs", {}).values():
        prefix, _, name = full.rpartition(".")
        node = config
        for key in prefix.split("."):
            node = node[key]
        add(prefix, node, [name])
    add("loss", config["loss"], list(objective.loss.knobs))
    for name, node in config["regularizer"].items():
        add(f"regularizer.{name}", node, ["weight", *objective.term_knobs(name)])
    if objective.corruption is not None:
        add("corruption", config["corruption"], list(objective.corruption.knobs))
    return Knobs(values)


def trainer_options(config: Config) -> TrainerOptions:
    """The options that every trainer has."""
    node = config["trainer"]
    return TrainerOptions(
        **{
            field.name: make(node[field.name])
            if is_part(node[field.name])
            else node[field.name]
            for field in fields(TrainerOptions)
        }
    )


def build_tracker(config: Config) -> Tracker | None:
    """Who is told of the run beside its directory, or None."""
    node = config["tracker"]
    tracker: Tracker | None = None if node["_target_"] is None else make(node)
    return tracker


def dtype_of(config: Config) -> torch.dtype:
    """The type of parameters and batches (mixed precision keeps them in float32)."""
    double = config["trainer"]["precision"] == "float64"
    return torch.float64 if double else torch.float32


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """Everything that a run works with."""

    data: Data
    """On the device."""
    objective: Objective
    knobs: Knobs
    training: Training


def build(
    config: Config,
    data: Data,
    *,
    start: dict[str, Tensor] | None = None,
    ranks: Ranks | None = None,
) -> Built:
    """Build a run of a resolved config (see ``resolve``) on its data.

    Args:
        config: Automatic choices are made.
        data: As loaded.
        start: Weights to start from instead of drawn ones.
        ranks: The processes that train it together, or None.
    """
    device, dtype = torch.device(config["device"]), dtype_of(config)
    objective = build_objective(config, data.spec.shape).to(device, dtype)
    if start is not None:
        load_weights(objective, start)
    return _joined(config, data.to(device, dtype), objective, device, ranks)


def sketch(config: Config, data: Data) -> Built:
    """What ``build`` gives, for its shapes alone: weights on the meta device.

    Args:
        config: As for ``build``.
        data: As loaded; it stays where it is.

    Raises:
        Exception: Whatever a part raises that needs the values of its weights.
    """
    with shapes_only():
        objective = build_objective(config, data.spec.shape).to(dtype_of(config))
        objective.autocast = None
        return _joined(config, data, objective, torch.device("cpu"))


def _joined(
    config: Config,
    data: Data,
    objective: Objective,
    device: torch.device,
    ranks: Ranks | None = None,
) -> Built:
    """An objective with its knobs and training."""
    knobs, options = build_knobs(config, objective), trainer_options(config)
    trainer = locate(config["trainer"]["_target_"])
    # What this trainer has beside the options of all.
    own = {name: config["trainer"][name] for name in option_types(trainer)}
    training = Training(
        lambda: trainer(objective, data.train, options, **own),
        options,
        root=objective,
        knobs=knobs,
        seed=config["seed"],
        device=device,
        dtype=dtype_of(config),
        ranks=ranks,
    )
    return Built(data=data, objective=objective, knobs=knobs, training=training)
