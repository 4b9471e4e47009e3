"""Which jobs of a sweep are trained as one model: a fixed rule, which times nothing.

Figures of a job differ in their last bits between alone and together; so what is
together follows from the request, never from how fast a machine is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from aerun.build import build_knobs, build_objective, is_light, load_data
from aerun.resolving import Config, one_of_many, resolve
from aerun.wiring import is_part, locate

LARGEST = {"cpu": 32, "cuda": 256}
"""Jobs of a group by the kind of device. On a CPU the stack outgrows a core's cache
beyond; on a GPU it is what a group is meant for, and was not measured."""
WORK = 2_500_000
"""Weights times batch size up to which a step gains."""
ELEMENTS = 3072
"""Of an example, 32 x 32 in colour, up to which a step gains."""

_OWN = ("seed", "init_from", "tracker", "run", "runs")
_OWN_OF_TRAINER = (
    "epochs",
    "max_steps",
    "lr",
    "optimizer",
    "scheduler",
    "patience",
    "grad_clip",
    "ema",
    "checkpoint_every",
    "final_weights",
    "preview_every",
)
"""What each job does by itself."""


@dataclass(frozen=True, slots=True)
class Fusing:
    """Jobs by their places in a list."""

    groups: list[list[int]]
    """Of at least two, trained as one model each."""
    alone: dict[str, list[int]]
    """The others, by the reason."""

    def __str__(self) -> str:
        """What is done, in a line."""
        number, groups = sum(map(len, self.groups)), len(self.groups)
        said = [f"{number} jobs are trained as {groups} model{'s' * (groups > 1)}"]
        if not groups:
            said = ["No jobs are trained as one model"]
        for reason, places in self.alone.items():
            some = f"{len(places)} job{'s' * (len(places) > 1)}"
            said.append(f"{some} alone: {reason}")
        return "; ".join(said) + "."


def arrange(requests: Sequence[Config], processes: int) -> Fusing:
    """Put jobs together that differ only in numbers, evenly over processes.

    Args:
        requests: What each run is asked for, plain.
        processes: That work side by side.
    """
    kinds: dict[tuple[str, str], list[int]] = {}
    alone: dict[str, list[int]] = {}
    for place, request in enumerate(requests):
        config = resolve(one_of_many(request), load_data(request).spec)
        reason, kind = _kind(config)
        if reason is None:
            kinds.setdefault((_device(config), kind), []).append(place)
        else:
            alone.setdefault(reason, []).append(place)
    groups: list[list[int]] = []
    for (device, _), places in kinds.items():
        if len(places) == 1:
            alone.setdefault("no other differs in numbers only", []).extend(places)
        else:
            # A GPU is one device for all processes: its groups are as large as may be.
            shares = processes if device == "cpu" else 1
            groups += _split(places, shares, LARGEST[device])
    return Fusing(groups, alone)


def _device(config: Config) -> str:
    """The kind of device that a run is made on."""
    return str(config["device"]).partition(":")[0]


def _split(places: Sequence[int], processes: int, largest: int) -> list[list[int]]:
    """Equal shares of at least two and of so many at most, a multiple of processes."""
    rounds = -(-len(places) // (largest * processes))
    number = min(rounds * processes, len(places) // 2)
    ends = [len(places) * i // number for i in range(number + 1)]
    return [list(places[a:b]) for a, b in pairwise(ends)]


def _kind(config: Config) -> tuple[str | None, str]:
    """Why a job is to be alone, if it is; and what those have in common that are not.

    Args:
        config: Resolved.
    """
    trainer, shape = config["trainer"], tuple(config["data"]["shape"])
    if _device(config) not in LARGEST:
        return f"device={config['device']} is neither a CPU nor a CUDA GPU", ""
    if trainer["compile"] is True:
        return "trainer.compile=true compiles each", ""
    if trainer["precision"] == "bfloat16":
        return "in bfloat16 figures would not be those of the same job alone", ""
    common = {key: deepcopy(config[key]) for key in config if key not in _OWN}
    for key in _OWN_OF_TRAINER:
        common["trainer"].pop(key)
    for name, part in _parts(common):
        if (why := getattr(part, "alone", None)) is not None:
            return f"{name}: {why}", ""
    names, work = _facts(json.dumps(common, sort_keys=True, default=str), shape)
    elements = 1
    for size in shape:
        elements *= size
    if work is None or work > WORK or elements > ELEMENTS:
        return "their steps are too large to gain", ""
    for name in names:
        node, path = common, name.split(".")
        for key in path[:-1]:
            node = node[key]
        del node[path[-1]]
    return None, json.dumps(common, sort_keys=True, default=str)


@lru_cache(maxsize=1024)
def _facts(common: str, shape: tuple[int, ...]) -> tuple[tuple[str, ...], int | None]:
    """Names of the knobs, and weights times batch size; None: too much to count."""
    config = {**json.loads(common), "seed": 0}
    if not is_light(config, shape):
        return (), None
    objective = build_objective(config, shape)
    weights = sum(p.numel() for p in objective.parameters())
    knobs = build_knobs(config, objective).values
    return tuple(knobs), weights * config["trainer"]["batch_size"]


def _parts(node: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    """The targets of a config with the places of their nodes."""
    if is_part(node) and node["_target_"] is not None:
        yield name, locate(node["_target_"])
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _parts(value, f"{name}.{key}".lstrip("."))
