"""The course of a run as lines: what was logged, sorted into panels and phases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = Mapping[str, float | int | None]

_LOG_ABOVE = 30.0  # largest over smallest value from which a linear axis hides detail
# Every other column without a split is an opponent's.
_OF_EPOCH = {"phase", "epoch", "step", "lr", "grad_norm"}
_NO_GAME = ("_weight", "_grad_norm")
PLAIN_NAMES = {"mse": "mean squared error", "lr": "learning rate"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One quantity of one split, without the epochs where it was not measured."""

    split: str
    """"train", "validation", or "" for a setting of the run."""
    epochs: np.ndarray
    """Ascending, [P], P <= number of rows."""
    values: np.ndarray
    """Finite, [P], in the unit of the quantity."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Consecutive epochs of one phase."""

    name: str
    first: float
    last: float


def wants_log(low: float, high: float) -> bool:
    """Whether a logarithmic axis from ``low`` to ``high`` shows more."""
    return low > 0 and high > _LOG_ABOVE * low


def collect_panels(rows: Sequence[Row]) -> dict[str, list[Line]]:
    """Sort the columns into panels, in reading order, leaving out empty ones."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    prefixes = {"train/": "train", "val/": "validation"}
    logged = dict.fromkeys(
        key.partition("/")[2] for key in keys if key.startswith(tuple(prefixes))
    )
    first, last = ["loss", "reconstruction"], ["mse"]
    terms = [name for name in logged if name not in first + last]
    panels = {
        name: [
            _read_line(rows, prefix + name, split) for prefix, split in prefixes.items()
        ]
        for name in first + terms + last
    }
    if _same(panels["loss"], panels["reconstruction"]):
        del panels["reconstruction"]
    panels["lr"] = [_read_line(rows, "lr", "")]
    for key in keys:
        if not ("/" in key or key in _OF_EPOCH or key.endswith(_NO_GAME)):
            panels[key] = [_read_line(rows, key, "")]
    for key in keys:
        if key.endswith("_weight") and "/" not in key:
            weight = _read_line(rows, key, "")
            if len(set(weight.values.tolist())) > 1:
                panels[key] = [weight]
    measured = {
        name: [line for line in panel if line.values.size]
        for name, panel in panels.items()
    }
    return {name: panel for name, panel in measured.items() if panel}


def _read_line(rows: Sequence[Row], key: str, split: str) -> Line:
    """Read one column, without the epochs where it has no finite value."""
    cells = [row.get(key) for row in rows]
    values = np.array([np.nan if cell is None else cell for cell in cells], dtype=float)
    epochs = np.array([row["epoch"] for row in rows], dtype=float)
    measured = np.isfinite(values)
    return Line(split=split, epochs=epochs[measured], values=values[measured])


def _same(first: list[Line], second: list[Line]) -> bool:
    """Tell whether two panels would show the same curves, up to rounding."""
    return all(
        np.array_equal(one.epochs, two.epochs)
        and np.allclose(one.values, two.values, rtol=1e-6, atol=0.0)
        for one, two in zip(first, second, strict=True)
    )


def phases_of(rows: Sequence[Mapping[str, Any]]) -> list[Stretch]:
    """The phases in order; one without a name where rows tell none apart."""
    stretches: list[Stretch] = []
    for row in rows:
        name, epoch = str(row.get("phase", "")), float(row["epoch"])
        if stretches and stretches[-1].name == name:
            first = stretches.pop().first
        else:
            first = epoch
        stretches.append(Stretch(name=name, first=first, last=epoch))
    return stretches
