"""How much memory and time a training would take, from shapes and a few steps."""

import math
import os
import resource
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from aerun.build import Built, build
from aerun.data import Data
from aerun.training.events import StepEnded

_SECONDS = 2.0  # of measured steps at most
_STEPS = 20  # measured at most
_WARM_UP = 2  # steps before measuring
_MEASURED = 1e9  # bytes of weights with which steps are still measured


def _held(built: Built) -> tuple[int, int]:
    """Bytes of the weights, and of what the optimizer and an average keep of them."""
    training = built.training
    kept = [
        entry
        for step in training.steps
        for entries in step.state.values()
        for entry in entries
    ]
    weights = list(built.objective.parameters())
    return _size(weights), _size([*kept, *(training.averages or [])])


def _size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def memory(built: Built) -> list[str]:
    """What weights, gradients and optimizer hold."""
    weights, kept = _held(built)
    return [
        f"weights {_bytes(weights)}, their gradients as much, optimizer {_bytes(kept)}"
    ]


def time_of_steps(drawn: Built, made: Mapping[str, Any], data: Data) -> list[str]:
    """From a few steps, which change nothing but this process's own weights."""
    weights, kept = _held(drawn)
    needed, free = 2 * weights + kept, _free(torch.device(made["device"]))
    if weights > _MEASURED or needed > free / 2:
        there = "" if free == math.inf else f", of {_bytes(free)} that are free"
        return [
            f"not measured: a step would hold {_bytes(needed)} of memory and more"
            f"{there}"
        ]
    built = build(made, data)
    seconds = _seconds_per_step(built)
    training = built.training
    peak = f"highest memory of this process {_bytes(_peak(training.device))}"
    if seconds is None:
        return [peak]
    steps, total = training.steps_per_epoch, training.total_steps
    examples = min(made["trainer"]["batch_size"], len(data.train))
    return [
        f"{seconds * 1000:.3g} ms per step of {examples} examples, measured on "
        f"{made['device']}",
        f"{_duration(seconds * steps)} per epoch of {steps:,} steps, "
        f"{_duration(seconds * total)} for all {total:,} steps of "
        f"{training.phase.epochs:,} epochs, validation and pictures apart",
        peak,
    ]


def _seconds_per_step(built: Built) -> float | None:
    """The median of some steps; None where there are too few to measure."""
    times: list[float] = []
    began = last = time.perf_counter()
    for event in built.training:
        if isinstance(event, StepEnded):
            if built.training.device.type != "cpu":
                built.training.flush()  # waits for the device
            times.append(time.perf_counter() - last)
        # From the last event of any kind: what lies between epochs is no step.
        last = time.perf_counter()
        if len(times) >= _STEPS + _WARM_UP or last - began > _SECONDS:
            break
    measured = sorted(times[_WARM_UP:] or times)
    return measured[len(measured) // 2] if measured else None


def _free(device: torch.device) -> float:
    """Bytes of memory that nobody uses; infinity where nobody tells."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    with suppress(OSError, KeyError, ValueError):  # Linux alone tells it there
        with open("/proc/meminfo", encoding="ascii") as file:  # counts caches as free
            told = dict(line.split(":") for line in file)
        return float(told["MemAvailable"].split()[0]) * 1024
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        return math.inf


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
