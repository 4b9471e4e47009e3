"""task=inspect: what a request would build, what it needs, how long it would take."""

import math
import resource
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from aerun.build import Built, build, load_data, resolve
from aerun.data import Data
from aerun.tasks.train import scaling_in_words, threads
from aerun.training.events import StepEnded

_SECONDS = 2.0  # of measured steps at most
_STEPS = 20  # measured at most
_WARM_UP = 2  # steps before measuring
_WIDTH = 44  # of a value in a table


class Origins(Protocol):
    """Who chose what."""

    choices: dict[str, tuple[str, str]]
    values: dict[str, str]


def inspect(config: Mapping[str, Any], origins: Origins) -> str:
    """Tell what was chosen, by whom, and what it comes to; train nothing.

    Args:
        config: Plain, checked; automatic choices may still be open.
        origins: Where each choice and value came from.

    Returns:
        What is to be printed.
    """
    data = load_data(config)
    made = resolve(config, data.spec)
    with threads(made["trainer"]["threads"]):
        built = build(made, data)
        sections = {
            "Choices": _choices(origins),
            "Set by you, an experiment or a model": _values(config, origins),
            "Chosen automatically": _automatic(config, made),
            "Data": _data(made, data),
            "Layers (of a batch of 2)": _layers(built),
            "Noise drawn per batch": _noise(built, made),
            "Estimate": _estimate(built, made),
        }
    return "\n\n".join(
        "\n".join([title, *(f"  {line}" for line in lines)])
        for title, lines in sections.items()
        if lines
    )


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
    before = dict(_flat(config))
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
    x = built.data.train.gather(slice(2))
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
    step = built.training.steps[0]
    size = min(made["trainer"]["batch_size"], len(built.data.train))
    x = built.data.train.gather(slice(size))
    position = built.training
    knobs = position.knobs.tensors(
        0, position.total_steps, device=position.device, dtype=position.dtype
    )
    requests = step.requests(x, knobs)
    return [f"{kind} {'x'.join(map(str, shape))}" for kind, shape in requests] or [
        "none"
    ]


# -- time and memory -------------------------------------------------------------------


def _estimate(built: Built, made: Mapping[str, Any]) -> list[str]:
    """From a few steps, which change nothing but this process's own weights."""
    training = built.training
    parameters = sum(p.numel() * p.element_size() for p in built.objective.parameters())
    state = sum(
        entry.numel() * entry.element_size()
        for step in training.steps
        for entries in step.state.values()
        for entry in entries
    )
    seconds = _seconds_per_step(built)
    steps, total = training.steps_per_epoch, training.total_steps
    lines = [
        f"weights {_bytes(parameters)}, their gradients as much, "
        f"optimizer {_bytes(state)}",
        f"highest memory of this process so far {_bytes(_peak(training.device))}",
    ]
    if seconds is None:
        return lines
    epochs = training.phase.epochs
    return [
        *lines,
        f"{seconds * 1000:.3g} ms per step of {made['trainer']['batch_size']} "
        f"examples, measured on {made['device']}",
        f"{_duration(seconds * steps)} per epoch of {steps:,} steps, "
        f"{_duration(seconds * total)} for all {total:,} steps of {epochs:,} epochs, "
        "validation and pictures apart",
    ]


def _seconds_per_step(built: Built) -> float | None:
    """The median of some steps; None where there are too few to measure."""
    times: list[float] = []
    began = last = time.perf_counter()
    for event in built.training:
        if not isinstance(event, StepEnded):
            continue
        if built.training.device.type != "cpu":
            built.training.flush()  # waits for the device
        now = time.perf_counter()
        times.append(now - last)
        last = now
        if len(times) >= _STEPS + _WARM_UP or now - began > _SECONDS:
            break
    measured = sorted(times[_WARM_UP:] or times)
    return measured[len(measured) // 2] if measured else None


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 5400 else f"{seconds / 3600:.3g} h"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines."""
    if not rows:
        return []
    cut = [tuple(c if len(c) <= _WIDTH else c[: _WIDTH - 3] + "..." for c in row)
           for row in rows]  # fmt: skip
    widths = [max(len(cell) for cell in column) for column in zip(*cut, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in cut
    ]
