"""Figures with their errors, units and definitions, and how they are shown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aerun.columns import aligned
from aerun.data import Data
from aerun.evaluation.likelihood import standard_error
from aerun.objective import Objective


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A number that was measured, and all that is needed to read it."""

    name: str
    value: float | int | list[float]
    """One number, or one of each dimension."""
    standard_error: float | None = None
    """Of ``value``, in its unit; None where there is none of use."""
    unit: str
    definition: str
    """In one line."""

    def entry(self) -> dict[str, Any]:
        """Everything but the name, for a file."""
        return {
            "value": self.value,
            "standard_error": self.standard_error,
            "unit": self.unit,
            "definition": self.definition,
        }


SCALED = "scaled units^2"
"""The unit of squared errors."""

Finding = Figure | str
"""A figure, or a note: what was left out and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A trained run that is evaluated."""

    objective: Objective
    """With its final weights, in evaluation."""
    knobs: Mapping[str, Tensor]
    """Values of all numeric knobs at the end of training, []."""
    data: Data
    """Scaled as the run's, on the model's device."""
    foreign: bool = False
    """Whether ``data`` are not those that the run was trained on."""
    own: Data | None = None
    """Those, likewise, where ``data`` are others and they can be had."""
    grey: Data
    """The same before ``dataset.binarize=fixed`` drew zeros and ones."""
    binarize: str
    """How ones are drawn: none, dynamic or fixed."""

    @property
    def model(self) -> Any:
        """The objective's."""
        return self.objective.model

    @property
    def like(self) -> Tensor:
        """Gives device and type of noise."""
        return next(self.objective.parameters())


def average(values: Tensor, *, name: str, unit: str, definition: str) -> Figure:
    """The mean over examples, with its standard error.

    Args:
        values: Of each example, [N].
        name: Of the figure.
        unit: Of value and error.
        definition: In one line.
    """
    values = values.double()
    error = float(standard_error(values)) if len(values) > 1 else None
    return Figure(
        name=name,
        value=float(values.mean()),
        standard_error=error,
        unit=unit,
        definition=definition,
    )


def first(data: Data, number: int) -> Tensor:
    """The first test examples, scaled, [n, *shape]."""
    return data.test.gather(slice(min(number, len(data.test))))


def on_exact_device(rows: Tensor) -> Tensor:
    """The same where there is double precision, which an Apple GPU lacks."""
    return rows.cpu() if rows.device.type == "mps" else rows


def table(figures: Sequence[Figure]) -> list[str]:
    """A line for each figure: name, value, standard error, unit, definition."""
    rows = [
        (figure.name, _shown(figure), figure.unit, figure.definition)
        for figure in figures
    ]
    return aligned(rows)


def _shown(figure: Figure) -> str:
    value = figure.value
    if isinstance(value, list):
        return f"{min(value):.3g} to {max(value):.3g}"
    return with_error(value, figure.standard_error)


def with_error(value: float, error: float | None) -> str:
    """Value +- error, with two digits of the error; the value alone without one."""
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.5g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    if digits > 6:
        return f"{value:.5g} +- {error:.2g}"
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def generator_like(like: Tensor, seed: int) -> torch.Generator:
    """A generator of its own on the device of a tensor."""
    return torch.Generator(device=like.device).manual_seed(seed)
