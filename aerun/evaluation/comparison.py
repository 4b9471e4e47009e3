"""Runs compared: groups of equal settings, their figures and curves over seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aerun.errors import BadUse
from aerun.evaluation.comparability import COMPARABLE, same_objective, warnings
from aerun.evaluation.differences import (
    differing,
    same_but_seed,
    short_names,
    telling,
)
from aerun.evaluation.recorded import RecordedRun

CURVES = ("val/mse", "val/loss")
"""Columns of metrics.csv that are laid over each other; losses only where they are the
same function."""

_LOSSES = ("val/loss", "val/reconstruction")
_CODE = "model.code"
_LONG = 40  # letters that tell whose code size it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """A figure over the seeds of a group."""

    mean: float
    deviation: float | None
    """Standard deviation between runs (n - 1 in the denominator); None for one run."""
    number: int
    """Of runs that have the figure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """A column of metrics.csv over the seeds of a group."""

    epochs: np.ndarray
    """Those that all runs of the group reached, ascending, [E]."""
    mean: np.ndarray
    """Over the runs, [E]."""
    deviation: np.ndarray | None
    """Between the runs as in ``Statistic``, [E]; None for one run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Runs that are equal but for their seed."""

    name: str
    """Short, and no other group's."""
    settings: Mapping[str, Any]
    """Those in which groups differ; "" where this one has no such setting."""
    runs: tuple[RecordedRun, ...]
    """Completed ones, one of each seed, by seed."""
    figures: Mapping[str, Statistic]
    """By their names in summary.json."""
    courses: Mapping[str, Course]
    """By their names in metrics.csv; none of a run in phases, whose errors are of
    other things."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """PCA at the code size of some groups, on the same data."""

    name: str
    mse: float
    """On the test split, scaled units."""
    groups: tuple[str, ...]
    """Names of those that have this code size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All that there is to say of several runs."""

    metric: str
    """The figure by which groups are ranked."""
    groups: tuple[Group, ...]
    """Best first; those without the figure last."""
    telling: tuple[str, ...]
    """Settings that are enough to tell the groups apart, of those that differ."""
    baselines: tuple[Baseline, ...]
    """Best first."""
    unfinished: tuple[RecordedRun, ...]
    """Failed or interrupted, in no group."""
    repeated: tuple[RecordedRun, ...]
    """Of the same settings and seed as another run, which counts once."""
    comparable_loss: bool
    """Whether losses are the same function in all groups."""
    warnings: tuple[str, ...]
    """What makes figures not comparable."""

    @property
    def quantities(self) -> list[str]:
        """Columns of metrics.csv that any group has a course of."""
        return list(dict.fromkeys(name for g in self.groups for name in g.courses))


def compare_runs(
    runs: Sequence[RecordedRun],
    *,
    metric: str,
    descending: bool,
    curves: Sequence[str] = CURVES,
) -> Comparison:
    """Form groups and rank them.

    Args:
        runs: At least one of them completed.
        metric: A figure of summary.json.
        descending: Whether more of it is better.
        curves: Columns of metrics.csv that groups have courses of.

    Raises:
        BadUse: No completed run has the figure.
    """
    completed = [run for run in runs if run.completed]
    _check_metric(metric, completed)
    found, repeated = _grouped(completed)
    firsts = [group[0] for group in found]
    columns = differing(firsts)
    keys = telling(columns, [key for run in firsts for key in run.typed])
    names = short_names(columns, keys) or [_only_name(firsts[0])]
    comparable = same_objective(firsts)
    curves = [name for name in curves if comparable or name not in _LOSSES]
    groups = [
        Group(
            name=name,
            settings={key: values[place] for key, values in columns.items()},
            runs=tuple(group),
            figures=_figures(group),
            courses=_courses(group, curves),
        )
        for place, (name, group) in enumerate(zip(names, found, strict=True))
    ]
    return Comparison(
        metric=metric,
        groups=tuple(sorted(groups, key=lambda g: _rank(g, metric, descending))),
        telling=tuple(keys),
        baselines=tuple(_baselines(groups, told=_CODE in keys)),
        unfinished=tuple(run for run in runs if not run.completed),
        repeated=tuple(repeated),
        comparable_loss=comparable,
        warnings=tuple(warnings(list(zip(names, firsts, strict=True)), metric=metric)),
    )


def statistic(values: Sequence[float]) -> Statistic:
    """Mean and standard deviation of at least one value."""
    same = min(values) == max(values)  # up to rounding, otherwise
    deviation = 0.0 if same else float(np.std(values, ddof=1))
    return Statistic(
        mean=float(values[0] if same else np.mean(values)),
        deviation=deviation if len(values) > 1 else None,
        number=len(values),
    )


def _check_metric(metric: str, runs: Sequence[RecordedRun]) -> None:
    known = list(dict.fromkeys(name for run in runs for name in run.figures))
    if metric not in known:
        raise BadUse(
            f"task.metric={metric}: no completed run has that figure; they have "
            f"{', '.join(known)}."
        )


def _grouped(
    runs: Sequence[RecordedRun],
) -> tuple[list[list[RecordedRun]], list[RecordedRun]]:
    """Runs of equal settings, one of each seed and by seed; the others."""
    groups: dict[str, dict[int, RecordedRun]] = {}
    repeated = []
    for run in runs:
        group = groups.setdefault(same_but_seed(run), {})
        if run.seed in group:
            repeated.append(run)
        else:
            group[run.seed] = run
    return [
        [group[seed] for seed in sorted(group)] for group in groups.values()
    ], repeated


def _only_name(run: RecordedRun) -> str:
    return run.choices.get("model") or run.directory.name


def _rank(group: Group, metric: str, descending: bool) -> tuple[bool, float]:
    found = group.figures.get(metric)
    if found is None:
        return True, 0.0
    return False, -found.mean if descending else found.mean


def _figures(group: Sequence[RecordedRun]) -> dict[str, Statistic]:
    names = dict.fromkeys(name for run in group for name in run.figures)
    return {
        name: statistic([run.figures[name] for run in group if name in run.figures])
        for name in names
    }


def _courses(group: Sequence[RecordedRun], names: Sequence[str]) -> dict[str, Course]:
    if any("phase" in row for run in group for row in run.rows):
        return {}
    found = {name: _course(group, name) for name in names}
    return {name: course for name, course in found.items() if course is not None}


def _course(group: Sequence[RecordedRun], name: str) -> Course | None:
    each = [
        {row["epoch"]: row[name] for row in run.rows if _finite(row.get(name))}
        for run in group
    ]
    epochs = sorted(set.intersection(*map(set, each)))
    if not epochs:
        return None
    values = np.array([[run[epoch] for epoch in epochs] for run in each])
    return Course(
        epochs=np.array(epochs, dtype=np.int64),
        mean=values.mean(axis=0),
        deviation=values.std(axis=0, ddof=1) if len(group) > 1 else None,
    )


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _baselines(groups: Sequence[Group], *, told: bool) -> list[Baseline]:
    """A line for each code size, and for each data set where these differ.

    Args:
        groups: All.
        told: Whether their names tell the size of their codes.
    """
    having: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for group in groups:
        found = group.figures.get("pca/mse")
        if found is not None:
            code = group.runs[0].config["model"].get(_CODE.rpartition(".")[2])
            title = "PCA" if code is None else f"PCA, code {code}"
            key = title, f"{found.mean:.6g}"
            having.setdefault(key, []).append((group.name, found.mean))
    made = []
    for (title, _), members in having.items():
        names = tuple(name for name, _ in members)
        of = ", ".join(names)
        of = of if len(of) <= _LONG or len(names) == 1 else f"{len(names)} groups"
        alone = told and [t for t, _ in having].count(title) == 1
        name = title if alone or len(having) == 1 else f"{title} ({of})"
        made.append(Baseline(name=name, mse=members[0][1], groups=names))
    return sorted(made, key=lambda line: line.mse)


def record(comparison: Comparison) -> dict[str, Any]:
    """Everything as plain values, for a file."""
    return {
        "metric": comparison.metric,
        "telling": list(comparison.telling),
        "comparable_loss": comparison.comparable_loss,
        "warnings": list(comparison.warnings),
        "groups": [_record_of(group) for group in comparison.groups],
        "baselines": [
            {"name": line.name, COMPARABLE: line.mse, "groups": list(line.groups)}
            for line in comparison.baselines
        ],
        "unfinished": [
            {
                "directory": str(run.directory),
                "seed": run.seed,
                "status": run.status,
                "reason": run.summary.get("reason"),
            }
            for run in comparison.unfinished
        ],
        "repeated": [str(run.directory) for run in comparison.repeated],
    }


def _record_of(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "settings": {k: v for k, v in group.settings.items() if v != ""},
        "runs": [
            {
                "directory": str(run.directory),
                "seed": run.seed,
                "epochs": run.summary.get("epochs"),
                "seconds": run.summary.get("seconds"),
                "health": list(run.summary.get("health") or ()),
                "figures": dict(run.figures),
            }
            for run in group.runs
        ],
        "figures": {
            name: {"mean": s.mean, "deviation": s.deviation, "n": s.number}
            for name, s in group.figures.items()
        },
        "curves": {
            name: {
                "epochs": course.epochs.tolist(),
                "mean": course.mean.tolist(),
                "deviation": None
                if course.deviation is None
                else course.deviation.tolist(),
            }
            for name, course in group.courses.items()
        },
    }
