"""A figure over knobs: axes of numbers and words, lines, and the best."""

from itertools import pairwise

import numpy as np
import pytest

from aerun.reporting import knobs as module
from aerun.reporting.knobs import Knob, KnobLine, knob_panels


def line(*mean: float, name: str = "", deviation: float = np.nan) -> KnobLine:
    values = np.array(mean, dtype=float)
    return KnobLine(
        name=name,
        places=np.arange(len(mean)),
        mean=values,
        deviation=np.full(len(mean), deviation),
    )


def knob(*values: str, lines: list[KnobLine] | None = None, **changes) -> Knob:
    """A knob whose first value is the best."""
    figures = 1.0 + np.arange(len(values))
    made = {
        "name": "trainer.lr",
        "values": values,
        "lines": [line(*figures)] if lines is None else lines,
        "average": None,
        "best": None,
        "places": np.arange(len(values)),
        "figures": figures,
    }
    return Knob(**{**made, **changes})


@pytest.fixture
def panels(figure_of):
    """A function that draws knobs and gives the panels that are seen."""

    def draw(*knobs: Knob):
        figure = figure_of(module, "knob_panels", knobs, metric="val/mse", title="t")
        return [axes for axes in figure.axes if axes.get_visible()]

    return draw


def labels(axes) -> list[str]:
    return [text.get_text() for text in axes.get_xticklabels()]


@pytest.mark.parametrize(
    ("values", "scale", "places"),
    [
        (["1", "15", "29"], "linear", [1, 15, 29]),
        (["1", "2", "31"], "log", [1, 2, 31]),
        (["-50", "1", "100"], "linear", [-50, 1, 100]),
        (["0", "0.1", "0.2"], "linear", [0, 0.1, 0.2]),
        (["0", "1e-4", "1"], "linear", [0, 1, 2]),
        (["relu", "tanh", "2"], "linear", [0, 1, 2]),
    ],
)
def test_numbers_stand_on_an_axis_of_numbers(values, scale, places, panels):
    """Logarithmic where they span much; evenly spaced where that hides some."""
    (axes,) = panels(knob(*values))
    assert axes.get_xscale() == scale
    assert axes.get_xticks().tolist() == places
    assert labels(axes) == values
    drawn = axes.containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(drawn, places)


def test_words_are_not_joined(panels):
    """Nothing lies between them."""
    numbers, words = panels(knob("1", "2"), knob("a", "b"))
    assert numbers.containers[0].lines[0].get_linestyle() == "-"
    assert words.containers[0].lines[0].get_linestyle() == "None"


def test_bars_are_deviations_and_stand_beside_each_other(panels):
    """Each line has a name and a place of its own."""
    lines = [line(1, 2, name="a", deviation=0.5), line(3, 4, name="$b")]
    (axes,) = panels(knob("x", "y", lines=lines, figures=np.array([1.0, 2.0])))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["a", "\\$b"]
    (first, second) = (container.lines[0].get_xdata() for container in axes.containers)
    assert (first < second).all()
    ends = axes.containers[0].lines[2][0].get_segments()
    assert [segment[:, 1].tolist() for segment in ends] == [[0.5, 1.5], [1.5, 2.5]]


def test_the_best_is_marked_on_its_line(panels):
    """At the figure of the first, in every panel."""
    lines = [line(3, 4, name="a"), line(2, 1, name="b")]
    best = {"figures": np.array([1.0, 2, 3, 4]), "places": np.array([1, 0, 0, 1])}
    (axes,) = panels(knob("x", "y", lines=lines, **best))
    (star,) = [each for each in axes.get_lines() if each.get_marker() == "*"]
    ((x, y),) = star.get_xydata().tolist()
    assert y == 1
    assert x == axes.containers[1].lines[0].get_xdata()[1]


def test_panels_share_the_axis_of_the_figure(panels):
    """Logarithmic where figures span much; a bar below zero hides nothing."""
    wide = knob("1", "2", lines=[line(1, 100, deviation=50)],
                figures=np.array([1.0, 100]))  # fmt: skip
    first, second = panels(wide, knob("a", "b"))
    assert first.get_yscale() == "log"
    assert first.get_ylim() == second.get_ylim()
    assert 0 < first.get_ylim()[0] < 1


def test_an_average_has_points_and_the_best_beside_it(panels):
    """The legend names them."""
    average, best = line(2, 3, deviation=1), line(1, 2)
    (axes,) = panels(knob("1", "2", lines=[], average=average, best=best))
    assert len(axes.collections[0].get_offsets()) == 2
    names = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert names == ["each setting", "mean over the others", "best of the others",
                     "best"]  # fmt: skip


def test_labels_do_not_overlap(panels):
    """Of numbers those are told that have room; long words stand upright."""
    close, words = panels(
        knob(*[f"{n}.125" for n in (1, 2, 3, 4, 500)]),
        knob(*[f"a_long_word_{n}" for n in range(9)]),
    )
    close.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in close.get_xticklabels()]
    assert len(boxes) >= 2
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert len(labels(words)) == 9
    assert words.get_xticklabels()[0].get_rotation() == 90


def test_nothing_to_draw_is_refused():
    """There would be no panel."""
    with pytest.raises(ValueError, match="no knob"):
        knob_panels([], metric="val/mse", title="")
