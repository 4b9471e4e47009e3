"""docs/targets.yaml: which runs are made, and what they are to reach."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from threading import Lock
from typing import Any, Literal

import yaml

from aerun.config.approve import asked
from aerun.config.compose import Composer

ROOT = Path(__file__).parents[2]
TARGETS = ROOT / "docs/targets.yaml"
SEEDS = 3
_one_composes = Lock()
"""At a time: Hydra has one state for all threads."""

Values = Mapping[str, float]
"""Of one seed, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One number of a row, and what it is to be."""

    name: str
    of: str
    """Name of the value."""
    over: str | None = None
    """Name of a value that it is divided by."""
    times: float = 1.0
    at_most: float = math.inf
    at_least: float = -math.inf
    taught: str | float | None = None
    """What the lecture shows, in words."""
    published: float | None = None
    """What a paper reports, of longer training."""
    source: str | None = None
    """Who published it."""
    plain: str | None = None
    """Name of a value to be read beside it."""
    why: str | None = None
    """Why the target is not reached."""

    def __post_init__(self) -> None:
        """Refuse a figure that asks for nothing."""
        if not (math.isfinite(self.at_most) or math.isfinite(self.at_least)):
            raise ValueError(f"{self.name}: needs at_most or at_least")
        if (self.published is None) != (self.source is None):
            raise ValueError(f"{self.name}: published and source belong together")

    @property
    def names(self) -> list[str]:
        """Of the values that it is made of."""
        named = (self.of, self.over, self.plain)
        return [name for name in named if name is not None]

    def value(self, values: Values) -> float:
        """Of one seed."""
        value = values[self.of] * self.times
        return value if self.over is None else value / values[self.over]

    def verdict(self, values: Sequence[float]) -> str:
        """What is to be said of these seeds, by their mean."""
        mean = fmean(values)
        if not self.at_least <= mean <= self.at_most:
            return "not reached"
        if self.published is None:
            return "reached"
        upwards = math.isfinite(self.at_least)
        better = mean >= self.published if upwards else mean <= self.published
        return "reached" if better else "within the scaled target"

    @property
    def asked(self) -> str:
        """The target in words."""
        low, high = self.at_least, self.at_most
        if low == high:
            return f"{low:g}"
        if math.isfinite(low) and math.isfinite(high):
            return f"{low:g} to {high:g}"
        return f"at most {high:g}" if math.isfinite(high) else f"at least {low:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A system: its run, runs beside it, tasks on all of them, and figures."""

    key: str
    system: str
    section: str | int
    """Of the reference."""
    tier: Literal["quick", "full"]
    request: list[str]
    figures: list[Figure]
    seeds: int = SEEDS
    tasks: dict[str, list[str]] = field(default_factory=dict)
    """By prefix of the values, what is asked of every run."""
    beside: dict[str, list[str]] = field(default_factory=dict)
    """By prefix of the values, other runs with the same seed."""

    @property
    def command(self) -> str:
        """What a reader types."""
        return command(self.request)

    @property
    def needed(self) -> set[str]:
        """Names of the values that its figures are made of."""
        return {name for figure in self.figures for name in figure.names}

    def commands(self, figure: Figure) -> list[str]:
        """What a reader types, one after another, to see a figure."""
        asked: dict[str, list[str]] = {}
        for name in figure.names:
            run, _, rest = name.partition("/")
            if run not in self.beside:
                run, rest = "", name
            tasks = asked.setdefault(run, [])
            task = rest.partition("/")[0]
            if task in self.tasks and task not in tasks:
                tasks.append(task)
        typed = []
        for run, tasks in asked.items():
            typed.append(command(self.beside[run]) if run else self.command)
            typed += [on_last(self.tasks[task]) for task in tasks]
        return typed

    def configs(self) -> list[dict[str, Any]]:
        """Of its run and of those beside it, as they are asked for."""
        requests = (self.request, *self.beside.values())
        with _one_composes:
            return [asked(Composer().compose(text), say=False) for text in requests]

    def fingerprint(self) -> str:
        """A hash of all that is asked for, the options' files included.

        Where data lie on this machine is no part of it.
        """
        configs = self.configs()
        for config in configs:
            config["dataset"].pop("root", None)
        asked = [configs, list(self.beside), self.tasks]
        text = json.dumps(asked, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(path: Path = TARGETS) -> list[Row]:
    """All rows, in their order.

    Raises:
        ValueError: A row has a mistake.
    """
    content: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))
    rows = []
    for key, about in content.items():
        try:
            figures = [Figure(**figure) for figure in about.pop("figures")]
            rows.append(Row(key=key, figures=figures, **about))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{path.name}: {key}: {error}") from None
    return rows


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and, of several, standard deviation."""
    return fmean(values), stdev(values) if len(values) > 1 else None


def command(request: Sequence[str]) -> str:
    """What a reader types for a request."""
    return " ".join(["aerun", *(_quoted(text) for text in request)])


def on_last(request: Sequence[str]) -> str:
    """What a reader types for a task on the run that was made last."""
    return command([request[0], "run=last", *request[1:]])


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w./=-]+", text) else f"'{text}'"
