"""task=inspect: what a request would build, what it needs, how long it would take."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from aerun.build import Built, build, is_light, load_data, sketch
from aerun.columns import aligned
from aerun.data import Data
from aerun.resolving import placed
from aerun.settling import settle, threads
from aerun.shapes import shapes_only
from aerun.tasks.announcing import scaling_in_words
from aerun.tasks.estimate import memory, time_of_steps

_WIDTH = 44  # of a value in a table


class Origins(Protocol):
    """Who chose what."""

    choices: dict[str, tuple[str, str]]
    values: dict[str, str]


def inspect(config: Mapping[str, Any], origins: Origins) -> Iterator[str]:
    """Tell what was chosen, by whom, and what it comes to; train nothing.

    Args:
        config: Plain, checked; automatic choices may still be open.
        origins: Where each choice and value came from.

    Yields:
        Sections to be printed, each as soon as it is known; what is measured last.
    """
    data = load_data(config)
    made = settle(config, data)
    with threads(made["trainer"]["threads"]):
        yield from _section("Choices", _choices(origins))
        values = _values(config, origins)
        yield from _section("Set by you, an experiment or a model", values)
        yield from _section("Chosen automatically", _automatic(config, made))
        yield from _section("Data", _data(made, data))
        drawn, layers, noise = _drawn(made, data)
        yield from _section("Layers (of a batch of 2)", layers)
        yield from _section("Noise drawn per batch", noise)
        yield from _section("Memory", memory(drawn))
        yield from _section("Time", time_of_steps(drawn, made, data))


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "\n".join([title, *(f"  {line}" for line in lines)])


def _drawn(made: Mapping[str, Any], data: Data) -> tuple[Built, list[str], list[str]]:
    """The run, its layers and its noise; of a large one its shapes, if possible."""
    if not is_light(made, data.spec.shape):
        with suppress(Exception), shapes_only():  # a user's own class may need values
            drawn = sketch(made, data)
            return drawn, _layers(drawn), _noise(drawn, made)
    drawn = build(made, data)
    return drawn, _layers(drawn), _noise(drawn, made)


# -- the request -----------------------------------------------------------------------


def _choices(origins: Origins) -> list[str]:
    rows = [(group, name, by) for group, (name, by) in sorted(origins.choices.items())]
    return _table(rows)


def _values(config: Mapping[str, Any], origins: Origins) -> list[str]:
    """Values that somebody else than the option's own file has set."""
    flat = dict(_flat(config))
    rows = []
    for key, by in sorted(origins.values.items()):
        parts = {k: v for k, v in flat.items() if k == key or k.startswith(f"{key}.")}
        own = by.startswith(key.partition(".")[0] + "/") or by == "default"
        if parts and not own:
            below = {k.removeprefix(f"{key}."): v for k, v in parts.items()}
            whole = ", ".join(f"{k}: {v}" for k, v in below.items())
            shown = str(parts[key]) if key in parts else f"{{{whole}}}"
            rows.append((key, shown, by))
    return _table(rows)


def _automatic(config: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    before = dict(_flat(placed(config)))
    rows = [
        (key, str(value), f"was {before[key]}")
        for key, value in _flat(made)
        if key in before and before[key] != value
    ]
    return _table(rows)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _data(made: Mapping[str, Any], data: Data) -> list[str]:
    spec = data.spec
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    shape = "x".join(str(n) for n in spec.shape)
    kind = "channels x height x width" if spec.is_image else "columns"
    lines = [
        f"one example: {shape} ({kind}), {math.prod(spec.shape):,} values",
        ", ".join(f"{len(split):,} {name}" for name, split in parts.items()),
        scaling_in_words(made["dataset"]["scale"], spec),
    ]
    if spec.classes is not None:
        lines.append(f"{len(spec.classes)} classes, for pictures only")
    return [*lines, *data.notes]


# -- the model -------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class _Row:
    name: str
    kind: str
    own: int
    shared: int
    shape: str = ""


def _rows(model: nn.Module, x: Tensor) -> list[_Row]:
    """Every module with parameters or without children, in the order of its use."""
    rows: list[_Row] = []
    entered: list[_Row] = []
    counted: set[int] = set()
    hooks = []

    def enter(name: str) -> Any:
        def note(module: nn.Module, inputs: object) -> None:
            rows.append(_row(name, module, counted))
            entered.append(rows[-1])

        return note

    def leave(module: nn.Module, inputs: object, output: object) -> None:
        entered.pop().shape = _shape(output)

    for name, module in model.named_modules():
        direct = list(module.parameters(recurse=False))
        if name and (direct or not list(module.children())):
            hooks.append(module.register_forward_pre_hook(enter(name)))
            hooks.append(module.register_forward_hook(leave))
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(x)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return [row for row in rows if row.kind != "Identity"]


def _layers(built: Built) -> list[str]:
    """The layers as a table, with sums that count each parameter once."""
    objective = built.objective
    x = _batch(built, 2)
    rows = _rows(objective.model, x)
    table = [("input", "", _shape(x), "")]
    table += [(row.name, row.kind, row.shape, _count(row)) for row in rows]
    total = sum(p.numel() for p in objective.model.parameters())
    unused = total - sum(row.own for row in rows)
    if unused:
        table.append(("used elsewhere", "", "", f"{unused:,}"))
    table.append(("parameters of the model", "", "", f"{total:,}"))
    beside = sum(p.numel() for p in objective.parameters()) - total
    if beside:
        table.append(("of loss and regularizers", "", "", f"{beside:,}"))
    return _table(table)


def _row(name: str, module: nn.Module, counted: set[int]) -> _Row:
    own = shared = 0
    for parameter in module.parameters(recurse=False):
        if id(parameter) in counted:
            shared += parameter.numel()
        else:
            counted.add(id(parameter))
            own += parameter.numel()
    return _Row(name=name, kind=type(module).__name__, own=own, shared=shared)


def _shape(output: object) -> str:
    """Of a tensor, or of the first of several."""
    several = output if isinstance(output, tuple | list) else [output]
    found = next((x for x in several if isinstance(x, Tensor)), None)
    return "" if found is None else "x".join(str(n) for n in found.shape)


def _count(row: _Row) -> str:
    shared = f" + {row.shared:,} shared" if row.shared else ""
    return f"{row.own:,}{shared}" if row.own or row.shared else ""


def _noise(built: Built, made: Mapping[str, Any]) -> list[str]:
    training = built.training
    x = _batch(built, made["trainer"]["batch_size"])
    knobs = training.knobs.tensors(
        0, training.total_steps, device=x.device, dtype=x.dtype
    )
    requests = training.steps[0].requests(x, knobs)
    return [f"{kind} {'x'.join(map(str, shape))}" for kind, shape in requests] or [
        "none"
    ]


def _batch(built: Built, size: int) -> Tensor:
    """Training examples; of a sketch their shape alone."""
    size = min(size, len(built.data.train))
    first = next(built.objective.parameters(), None)
    if first is None or not first.is_meta:
        return built.data.train.gather(slice(size))
    return first.new_empty(size, *built.data.spec.shape)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines."""
    if not rows:
        return []
    cut = [tuple(c if len(c) <= _WIDTH else c[: _WIDTH - 3] + "..." for c in row)
           for row in rows]  # fmt: skip
    return aligned(cut)
