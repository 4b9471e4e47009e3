"""The picture of a search."""

import pytest
from matplotlib.colors import to_hex

from aerun.reporting import search
from aerun.reporting.canvas import CLASS_COLOURS
from aerun.reporting.search import Outcomes, search_history


def drawn(figure_of, outcomes, importances=(), **more):
    """The axes of each panel."""
    given = {"metric": "val/mse", "maximize": False, "title": "t", **more}
    figure = figure_of(search, "search_history", outcomes, dict(importances), **given)
    return figure, figure.axes


def lines(axes):
    """Drawn points by marker; the line of the best under "None"."""
    return {str(line.get_marker()): line.get_xydata().tolist() for line in axes.lines}


@pytest.mark.parametrize(
    ("maximize", "best"),
    [
        (False, [[0, 3], [2, 2], [3, 2], [5, 1], [6, 1]]),
        (True, [[0, 3], [2, 3], [3, 4], [5, 4], [6, 4]]),
    ],
)
def test_every_trial_is_marked_and_the_best_so_far_drawn(figure_of, maximize, best):
    """By how it ended; the line goes on to the last trial, whatever became of it."""
    outcomes = Outcomes(
        completed={0: 3, 5: 1, 2: 2, 3: 4}, given_up={1: 5.0, 4: 0.5}, failed=[6]
    )
    figure, (axes,) = drawn(figure_of, outcomes, maximize=maximize)
    found = lines(axes)
    assert found["o"] == [[0, 3], [2, 2], [3, 4], [5, 1]]
    assert found["x"] == [[1, 5], [4, 0.5]]
    assert found["v"] == [[6, 1]]
    assert found["None"] == best
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["best so far", "completed", "given up", "failed"]


def test_importances_are_bars_with_their_shares(figure_of):
    """The largest is on top; there is no panel where nothing is known."""
    shares = {"trainer.lr": 0.7, "model.code": 0.3}
    _, (_, bars) = drawn(figure_of, Outcomes(completed={0: 1, 1: 2}), shares)
    assert [bar.get_width() for bar in bars.patches] == [0.7, 0.3]
    assert [label.get_text() for label in bars.get_yticklabels()] == list(shares)
    assert [text.get_text() for text in bars.texts] == ["70%", "30%"]
    assert bars.get_ylim()[0] > bars.get_ylim()[1]
    assert to_hex(bars.patches[0].get_facecolor()) == CLASS_COLOURS[0]
    _, axes = drawn(figure_of, Outcomes(completed={0: 1, 1: 2}))
    assert len(axes) == 1


def test_a_wide_range_is_logarithmic(figure_of):
    """A trial that went wrong does not flatten the others."""
    _, (axes,) = drawn(figure_of, Outcomes(completed={0: 0.01, 1: 0.02, 2: 0.1}))
    assert axes.get_yscale() == "log"
    _, (axes,) = drawn(figure_of, Outcomes(completed={0: 0.011, 1: 0.012}))
    assert axes.get_yscale() == "linear"
    low, high = axes.get_ylim()
    assert high - low < 0.1 * high, "small figures are told apart too"


@pytest.mark.parametrize(
    "outcomes", [Outcomes(completed={}), Outcomes(completed={0: float("inf")})]
)
def test_what_cannot_be_drawn_is_refused(outcomes):
    """Without a completed trial there is nothing to see."""
    with pytest.raises(ValueError, match="expected at least one trial"):
        search_history(outcomes, {}, metric="m", maximize=False, title="t")
