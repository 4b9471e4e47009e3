"""How far one group is ahead of another."""

import math

import numpy as np
import pytest
from scipy import stats

from aerun.evaluation.comparison import statistic
from aerun.evaluation.lead import lead


def test_means_are_told_apart_as_scipy_tells_them() -> None:
    """Exactly where Welch's test gives p < 0.05, on both sides of it."""
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        one = generator.normal(0, 1, generator.integers(2, 7))
        other = generator.normal(1.5, 2, generator.integers(2, 7))
        found = lead(statistic(one.tolist()), statistic(other.tolist()))
        p = stats.ttest_ind(one, other, equal_var=False).pvalue
        assert found.told_apart == (p < 0.05)
        seen.add(found.told_apart)
    assert seen == {True, False}


def test_the_distance_is_in_pooled_deviations() -> None:
    """Each group weighs by its degrees of freedom; the order does not matter."""
    one, other = statistic([1.0, 3.0]), statistic([6.0, 8.0, 10.0])
    pooled = math.sqrt((2 + 8) / (1 + 2))
    assert lead(one, other).deviations == pytest.approx(6 / pooled)
    assert lead(other, one) == lead(one, other)


def test_one_run_cannot_be_told_apart() -> None:
    """The other's deviation measures the distance, where it has one."""
    one, several = statistic([1.0]), statistic([2.0, 4.0])
    assert lead(one, several).told_apart is None
    assert lead(one, several).deviations == pytest.approx(2 / math.sqrt(2))
    found = lead(one, statistic([5.0]))
    assert (found.deviations, found.told_apart) == (None, None)


def test_seeds_that_change_nothing_leave_no_doubt() -> None:
    """Any distance is one; none is none."""
    one, other = statistic([1.0, 1.0]), statistic([2.0, 2.0])
    assert lead(one, other).deviations == math.inf
    assert lead(one, other).told_apart is True
    assert lead(one, one).deviations == 0
    assert lead(one, one).told_apart is False
