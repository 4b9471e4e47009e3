"""What each knob of a sweep led to: its values, and the figure at each of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from aerun.evaluation.comparison import statistic
from aerun.evaluation.differences import short_names
from aerun.reporting.knobs import MAXIMUM_LINES, Knob, KnobLine, numeric
from aerun.sweeps.ranking import Standing, values_of

_RECURRING = 2  # combinations per value, from which a mean over them says something


def knobs_of(standings: Sequence[Standing], metric: str) -> list[Knob]:
    """The knobs whose values differ among ranked jobs, seeds apart.

    Args:
        standings: As ranked.
        metric: By which.

    Returns:
        In the order in which they were typed; none where nothing was swept.
    """
    standings = [each for each in standings if each.rank is not None]
    columns = _columns(standings)
    return [_knob(key, columns, standings, metric) for key in columns]


def _columns(standings: Sequence[Standing]) -> dict[str, list[str]]:
    """Values of all jobs by key, where they differ; equal numbers as equal texts."""
    columns = {}
    for key in standings[0].settings if standings else ():
        values = [each.settings[key] for each in standings]
        numbers = numeric(values)
        if numbers is not None:
            first = dict(zip(numbers[::-1].tolist(), values[::-1], strict=True))
            values = [first[number] for number in numbers.tolist()]
        if len(set(values)) > 1:
            columns[key] = values
    return columns


def _knob(
    key: str,
    columns: Mapping[str, list[str]],
    standings: Sequence[Standing],
    metric: str,
) -> Knob:
    column, others = columns[key], [other for other in columns if other != key]
    by_number = sorted(range(len(column)), key=lambda i: standings[i].jobs[0].number)
    values = list(dict.fromkeys(column[i] for i in by_number))
    if numeric(values) is not None:
        values.sort(key=float)
    places = [values.index(value) for value in column]
    given = [values_of(each.jobs, metric) for each in standings]
    figures = [statistic(each).mean for each in given]

    def line(name: str, members: Sequence[int]) -> KnobLine:
        """Over some of the jobs."""
        at: dict[int, list[float]] = {}
        for i in members:
            at.setdefault(places[i], []).extend(given[i])
        return _line(name, at)

    combinations: dict[tuple[str, ...], list[int]] = {}
    for i in by_number:
        told = tuple(columns[other][i] for other in others)
        combinations.setdefault(told, []).append(i)
    lines, average, best = [], None, None
    if len(combinations) <= MAXIMUM_LINES:
        rest = dict(zip(others, zip(*combinations, strict=True), strict=True))
        names = short_names(rest, others) if others else [""]
        lines = [
            line(name, members)
            for name, members in zip(names, combinations.values(), strict=True)
        ]
    elif len(column) >= _RECURRING * len(values):
        average = line("", range(len(column)))
        at: dict[int, list[float]] = {}
        for place, figure in zip(places, figures, strict=True):
            at.setdefault(place, [figure])  # the first is the best
        best = _line("", at)
    return Knob(
        name=key,
        values=values,
        lines=lines,
        average=average,
        best=best,
        places=np.array(places),
        figures=np.array(figures),
    )


def _line(name: str, at: Mapping[int, Sequence[float]]) -> KnobLine:
    places = sorted(at)
    found = [statistic(at[place]) for place in places]
    bars = [np.nan if s.deviation is None else s.deviation for s in found]
    return KnobLine(
        name=name,
        places=np.array(places),
        mean=np.array([s.mean for s in found]),
        deviation=np.array(bars),
    )
