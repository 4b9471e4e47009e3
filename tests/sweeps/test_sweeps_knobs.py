"""What each knob led to, and how it is drawn."""

from itertools import product

import numpy as np
import pytest
from summing import job

from aerun.reporting.knobs import Knob
from aerun.sweeps.knobs import knobs_of
from aerun.sweeps.ranking import ranked


def knobs(*settings: str, figures: list[float] | None = None) -> dict[str, Knob]:
    """Knobs of completed jobs by name; figures are 0, 1, 2, ... if none are given."""
    jobs = [
        job(n, text, float(n) if figures is None else figures[n])
        for n, text in enumerate(settings)
    ]
    return {knob.name: knob for knob in knobs_of(ranked(jobs, "val/mse"), "val/mse")}


def test_one_knob_is_a_line_over_its_values() -> None:
    """Numbers ascend, seeds are averaged, the best is known; constants are no knobs."""
    found = knobs("lr=10 b=1 seed=0", "lr=9 b=1 seed=0", "lr=9 b=1 seed=1",
                  "lr=1e2 b=1", figures=[5, 1, 3, 8])  # fmt: skip
    assert list(found) == ["lr"]
    lr = found["lr"]
    assert lr.values == ["9", "10", "1e2"]
    (line,) = lr.lines
    assert line.places.tolist() == [0, 1, 2]
    assert line.mean.tolist() == [2, 5, 8]
    np.testing.assert_allclose(line.deviation, [np.sqrt(2), np.nan, np.nan])
    assert (lr.places[0], lr.figures[0]) == (0, 2)
    assert lr.average is None


def test_words_keep_the_order_of_the_jobs() -> None:
    """Whichever is best; a job without the key has the default."""
    found = knobs("m=tied", "m=conv", "x=1", figures=[3, 2, 1])
    assert found["m"].values == ["tied", "conv", ""]


def test_equal_numbers_are_one_value() -> None:
    """However they were typed."""
    found = knobs("lr=1e-3 a=0", "lr=0.001 a=1", "lr=1 a=0")
    assert found["lr"].values == ["1e-3", "1"]
    assert list(knobs("lr=1e-3", "lr=0.001")) == []


def test_few_other_settings_have_a_line_each() -> None:
    """Named by what tells them apart."""
    grid = [f"model={m} trainer.lr={lr}" for m, lr in product("ab", (1, 2, 3))]
    found = knobs(*grid)
    assert [line.name for line in found["model"].lines] == ["lr=1", "lr=2", "lr=3"]
    assert [line.name for line in found["trainer.lr"].lines] == ["a", "b"]
    assert found["trainer.lr"].lines[1].mean.tolist() == [3, 4, 5]
    assert found["trainer.lr"].average is None


def test_many_other_settings_are_averaged() -> None:
    """Over all of them and their seeds; beside it the best of each value."""
    grid = [f"x={x} y={y} seed={s}" for x, y, s in product((1, 2), range(7), (0, 1))]
    figures = [100.0 * (n // 14) + n % 14 for n in range(28)]
    x, y = knobs(*grid, figures=figures).values()
    assert x.lines == []
    assert x.average is not None
    assert x.best is not None
    assert x.average.mean.tolist() == [6.5, 106.5]
    spread = np.std(np.arange(14), ddof=1)
    np.testing.assert_allclose(x.average.deviation, [spread, spread])
    assert x.best.mean.tolist() == [0.5, 100.5]
    assert len(x.figures) == 14
    assert len(y.lines) == 2


def test_values_that_do_not_come_back_are_points() -> None:
    """As those of a search."""
    lr = knobs(*[f"lr={n / 7} b={n % 9}" for n in range(40)])["lr"]
    assert (lr.lines, lr.average, lr.best) == ([], None, None)
    assert lr.figures.tolist() == list(range(40))


@pytest.mark.parametrize("settings", [[], ["a=1"], ["a=1 seed=0", "a=1 seed=1"]])
def test_nothing_swept_is_no_knob(settings: list[str]) -> None:
    """Seeds are none."""
    assert knobs(*settings) == {}


def test_jobs_without_the_figure_are_left_out() -> None:
    """So is a knob that only these have turned."""
    assert knobs("a=1", "a=2", figures=[1.0, float("nan")]) == {}
