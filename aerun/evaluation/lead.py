"""How far one group of runs is ahead of another, measured by what seeds change."""

import math
from dataclasses import dataclass

from scipy import stats

from aerun.evaluation.comparison import Statistic
from aerun.evaluation.repeated import LEVEL


@dataclass(frozen=True, kw_only=True, slots=True)
class Lead:
    """The distance between the means of two groups."""

    deviations: float | None
    """In standard deviations between runs; infinite where seeds change nothing. None:
    no group has two runs."""
    told_apart: bool | None
    """Whether the seeds are enough to say that the means differ; None: a group has one
    run only."""


def lead(one: Statistic, other: Statistic) -> Lead:
    """Compare two means.

    The deviation is pooled over both groups. Means are told apart where Welch's 95 %
    interval of their difference does not contain 0.

    Args:
        one: Of some runs.
        other: Of others.

    References:
        Welch, "The generalization of 'Student's' problem when several different
        population variances are involved" (1947).
    """
    distance = abs(one.mean - other.mean)
    groups = [each for each in (one, other) if each.deviation is not None]
    freedom = sum(each.number - 1 for each in groups)
    if not groups:
        return Lead(deviations=None, told_apart=None)
    squares = sum((each.number - 1) * _variance(each) for each in groups)
    deviation = math.sqrt(squares / freedom)
    if deviation > 0:
        deviations = distance / deviation
    else:
        deviations = math.inf if distance > 0 else 0.0
    if len(groups) < 2:
        return Lead(deviations=deviations, told_apart=None)
    return Lead(deviations=deviations, told_apart=distance > _half_width(one, other))


def _half_width(one: Statistic, other: Statistic) -> float:
    """Of Welch's interval around the difference of two means."""
    parts = [(_variance(each) / each.number, each.number - 1) for each in (one, other)]
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0
    freedom = total**2 / sum(variance**2 / n for variance, n in parts)
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(total)


def _variance(figure: Statistic) -> float:
    return 0.0 if figure.deviation is None else figure.deviation**2
