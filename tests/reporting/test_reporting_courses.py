"""Curves of several groups of runs, and the tables beside them."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from aerun.columns import aligned, markdown
from aerun.reporting import courses
from aerun.reporting.canvas import CLASS_COLOURS, GREY
from aerun.reporting.courses import MAXIMUM_LINES, Band


def band(*mean: float, deviation: float | None = 0.1) -> Band:
    values = np.array(mean)
    spread = None if deviation is None else np.full(len(values), deviation)
    return Band(epochs=np.arange(1, len(mean) + 1), mean=values, deviation=spread)


def drawn(figure_of, panels, names):
    """The panels by their titles, and the names in the legend."""
    figure = figure_of(courses, "course_panels", panels, names=names, title="t")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    return {axes.get_title(): axes for axes in figure.axes}, texts


def test_each_group_is_a_line_with_its_band(figure_of):
    """The mean, and around it the deviation, in the colour of the group."""
    panels = {"val/mse": {"a": band(3, 2, 1), "b": band(5, 4, 2, deviation=0.5)}}
    axes, names = drawn(figure_of, panels, ["a", "b"])
    assert names == ["a", "b"]
    lines = {to_hex(line.get_color()): line for line in axes["val/mse"].get_lines()}
    assert lines[CLASS_COLOURS[0]].get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert lines[CLASS_COLOURS[1]].get_ydata().tolist() == [5, 4, 2]
    bands = {
        to_hex(each.get_facecolor()[0]): each for each in axes["val/mse"].collections
    }
    edges = bands[CLASS_COLOURS[1]].get_paths()[0].vertices
    assert sorted({y for x, y in edges.tolist() if x == 1}) == [4.5, 5.5]


def test_one_run_has_a_line_only(figure_of):
    """There is nothing to spread."""
    panels = {"val/mse": {"a": band(3, 2, deviation=None)}}
    axes, _ = drawn(figure_of, panels, ["a"])
    assert not axes["val/mse"].collections
    assert axes["val/mse"].get_lines()[0].get_marker() == "o"


def test_a_group_has_one_colour_in_every_panel(figure_of):
    """Also where another has no curve; who has none anywhere is not named."""
    panels = {
        "val/mse": {"a": band(3, 2), "b": band(2, 1)},
        "val/loss": {"b": band(9, 8)},
    }
    axes, names = drawn(figure_of, panels, ["none", "a", "b"])
    assert names == ["a", "b"]
    (line,) = axes["val/loss"].get_lines()
    assert to_hex(line.get_color()) == CLASS_COLOURS[2]


@pytest.mark.parametrize(
    ("values", "deviation", "scale"),
    [((100, 3), 1, "log"), ((100, 4), 1, "linear"), ((100, 1), 5, "log"),
     ((100, 0), 1, "linear")],
)  # fmt: skip
def test_wide_ranges_are_logarithmic(values, deviation, scale, figure_of):
    """As in a run's own curves; a band below zero does not hide the lines."""
    panels = {"val/mse": {"a": band(*values, deviation=deviation)}}
    axes, _ = drawn(figure_of, panels, ["a"])
    low, high = axes["val/mse"].get_ylim()
    assert axes["val/mse"].get_yscale() == scale
    assert low < min(values) < max(values) < high
    assert low > 0 or scale == "linear"


@pytest.mark.parametrize(
    ("panels", "names"),
    [({}, []), ({"val/mse": {}}, []), ({"val/mse": {"0": band(1)}},
      [str(i) for i in range(MAXIMUM_LINES + 1)])],
)  # fmt: skip
def test_nothing_or_too_much_is_refused(panels, names):
    """Colours would repeat."""
    with pytest.raises(ValueError, match=f"at most {MAXIMUM_LINES} groups"):
        courses.course_panels(panels, names=names, title="")


def test_columns_stand_below_their_heads():
    """Each as wide as its widest cell, without blanks at the end."""
    lines = aligned([["", "model", "n"], ["1", "a long name", "3"], ["2", "b", ""]])
    assert lines == ["   model        n", "1  a long name  3", "2  b"]


def test_markdown_keeps_every_cell_in_its_place():
    """A bar or a line break in a cell does not end it."""
    lines = markdown(["a", "b"], [["x|y", "1\n2"]])
    assert lines == ["| a | b |", "| --- | --- |", "| x\\|y | 1 2 |"]


def test_further_groups_are_grey_and_counted(figure_of):
    """They stand behind those with names, and have no bands."""
    figure = figure_of(
        courses,
        "course_panels",
        {"val/mse": {"a": band(3, 2)}},
        names=["a"],
        title="t",
        others={"val/mse": [band(30, 20), band(9, 8)]},
    )
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["a", "2 others"]
    (axes,) = figure.axes
    behind, _, front = axes.get_lines()
    assert to_hex(behind.get_color()) == GREY
    assert to_hex(front.get_color()) == CLASS_COLOURS[0]
    assert axes.get_ylim()[1] > 30
    assert len(axes.collections) == 1


def test_an_epoch_is_a_point(figure_of):
    """Also of several runs, and of groups behind."""
    figure = figure_of(
        courses,
        "course_panels",
        {"val/mse": {"a": band(3, deviation=0.5)}},
        names=["a"],
        title="t",
        others={"val/mse": [band(4)]},
    )
    assert [line.get_marker() for line in figure.axes[0].get_lines()] == ["o", "o"]
