"""Numbers that change during training, as functions of the share of steps done."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aerun.options import Count

Shape = Literal["linear", "cosine", "exponential"]


def interpolate(shape: Shape, start: float, end: float, share: float) -> float:
    """The value after ``share`` (0 to 1) of the way from ``start`` to ``end``.

    ``cosine`` is half a period (Loshchilov & Hutter 2017, without restarts);
    ``exponential`` changes by a constant factor and needs both ends positive.
    """
    if share <= 0:
        return start
    if share >= 1:
        return end
    if shape == "cosine":
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
    if shape == "exponential":
        return start * (end / start) ** share
    return start + (end - start) * share


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A number that moves from ``start`` to ``end``, then stays."""

    start: float
    end: float
    steps: Count | None = None
    """Optimizer steps until ``end`` is reached; None: the whole training."""
    shape: Shape = "linear"

    def at(self, step: int, total_steps: int) -> float:
        """The value after ``step`` of ``total_steps`` optimizer steps."""
        steps = total_steps if self.steps is None else self.steps
        return interpolate(self.shape, self.start, self.end, step / max(steps, 1))


class Knobs:
    """All numeric knobs of an objective by their dotted names."""

    def __init__(self, values: Mapping[str, float | Schedule]) -> None:
        """Hold plain numbers and schedules."""
        self.values = dict(values)
        self._scheduled = [k for k, v in self.values.items() if isinstance(v, Schedule)]
        self._cache: dict[tuple[torch.device, torch.dtype], dict[str, Tensor]] = {}

    def numbers(self, step: int, total_steps: int) -> dict[str, float]:
        """Every knob's value after ``step`` steps, as floats."""
        return {
            name: value.at(step, total_steps) if isinstance(value, Schedule) else value
            for name, value in self.values.items()
        }

    def ends(self) -> dict[str, float]:
        """Every knob's value at the end of its schedule."""
        return {
            name: value.end if isinstance(value, Schedule) else value
            for name, value in self.values.items()
        }

    def tensors(
        self, step: int, total_steps: int, *, device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """The same as 0-dim tensors; only the scheduled ones are made anew."""
        key = (device, dtype)
        if key not in self._cache:
            self._cache[key] = {
                name: torch.tensor(number, device=device, dtype=dtype)
                for name, number in self.numbers(step, total_steps).items()
            }
        if not self._scheduled:
            return self._cache[key]
        fresh = dict(self._cache[key])
        for name in self._scheduled:
            schedule = self.values[name]
            assert isinstance(schedule, Schedule)
            number = schedule.at(step, total_steps)
            fresh[name] = torch.tensor(number, device=device, dtype=dtype)
        return fresh

    def settled(self, total_steps: int) -> int:
        """The first step at which no knob moves any more; 0 without schedules."""
        ends = [
            total_steps if schedule.steps is None else schedule.steps
            for schedule in self.values.values()
            if isinstance(schedule, Schedule)
        ]
        return min(max(ends, default=0), total_steps)
