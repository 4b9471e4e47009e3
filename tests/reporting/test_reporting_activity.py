"""How active the units of a code are: their means, and a histogram."""

import numpy as np
import pytest

from aerun.reporting import activity as module
from aerun.reporting.activity import BINS, MAXIMUM_MARKED, activity

GENERATOR = np.random.default_rng(0)
MEANS = np.array([0.02, 0.3, 0.0, 0.11])


def drawn(figure_of, means, values, wanted=None):
    """The two panels, and the figure."""
    figure = figure_of(module, "activity", means, values, wanted=wanted, title="a run")
    return *figure.axes, figure


def test_units_stand_in_descending_order(figure_of):
    """The line falls from the most active unit to the least, counted from 1."""
    left, _, _ = drawn(figure_of, MEANS, GENERATOR.random(50))
    (line,) = left.get_lines()
    assert line.get_xdata().tolist() == [1, 2, 3, 4]
    assert line.get_ydata().tolist() == [0.3, 0.11, 0.02, 0.0]


@pytest.mark.parametrize("wanted", [None, 0.05])
def test_wanted_activity_is_a_line_with_a_name(wanted, figure_of):
    """Where a unit's mean should lie is marked and named; else there is no legend."""
    left, _, figure = drawn(figure_of, MEANS, GENERATOR.random(50), wanted)
    names = [text.get_text() for box in figure.legends for text in box.get_texts()]
    if wanted is None:
        assert len(left.get_lines()) == 1
        assert names == []
    else:
        assert list(left.get_lines()[1].get_ydata()) == [0.05, 0.05]
        assert names == ["mean of a unit", "wanted: 0.05"]


@pytest.mark.parametrize("means", [MEANS, MEANS - 0.2, np.zeros(3), np.full(3, 0.001)])
def test_axis_shows_every_unit_zero_and_what_is_wanted(means, figure_of):
    """Nothing lies outside the panel, however far means and wish are apart."""
    left, _, _ = drawn(figure_of, means, GENERATOR.random(50), wanted=0.2)
    low, high = left.get_ylim()
    assert low <= min(means.min(), 0)
    assert high > max(means.max(), 0.2)


@pytest.mark.parametrize("extra", [0, 1])
def test_many_units_are_a_line_without_markers(extra, figure_of):
    """Markers that would touch each other are left out."""
    means = GENERATOR.random(MAXIMUM_MARKED + extra)
    left, _, _ = drawn(figure_of, means, GENERATOR.random(50))
    assert (left.get_lines()[0].get_marker() == "o") == (extra == 0)


def test_histogram_holds_every_activation_and_shows_rare_ones(figure_of):
    """Shares add up to 1, by hand in each bin; a single one of 10,000 is visible."""
    values = np.concatenate([np.zeros(9999), [1.0]])
    _, right, _ = drawn(figure_of, MEANS, values)
    (stairs,) = right.patches
    shares, edges, _ = stairs.get_data()
    assert (len(shares), edges[0], edges[-1]) == (BINS, 0, 1)
    assert shares.sum() == pytest.approx(1)
    assert (shares[0], shares[-1]) == pytest.approx((0.9999, 0.0001))
    low, high = right.get_ylim()
    assert right.get_yscale() == "log"
    assert 0 < low < 0.0001
    assert high > 1


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(5),
        np.full(5, -3.0),
        np.array([0.5]),
        np.array([1e-300, 1e300]),
        np.array([1, 1 - 2.0**-24]),
        np.array([1, 1 - 2.0**-52]),
    ],
    ids=["zeros", "constant", "one", "wide", "rounded", "rounded in double precision"],
)
def test_any_activations_can_be_drawn(values, decode):
    """Units that are saturated up to rounding are no trouble."""
    decode(activity(values[:1], values, wanted=None, title=""))
    assert decode(activity(values, values, wanted=0.05, title="")).size > 0


@pytest.mark.parametrize(
    "array",
    [np.zeros(0), np.zeros((2, 2)), np.array([np.nan]), np.array([0, np.inf])],
    ids=["empty", "a matrix", "NaN", "infinite"],
)
@pytest.mark.parametrize("which", ["means", "values"])
def test_activations_that_cannot_be_drawn_are_refused(which, array):
    """Anything but a vector of finite numbers is an error that names the array."""
    arrays = {"means": MEANS, "values": MEANS, which: array}
    with pytest.raises(ValueError, match=f"{which} has shape .* expected finite"):
        activity(arrays["means"], arrays["values"], wanted=0.1, title="")
