"""A figure over each knob that was swept: one panel per knob."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    add_legend,
    fitted_limits,
    new_figure,
    plain,
    shorten,
    style_axes,
    text_width,
    to_png,
)
from aerun.reporting.course import wants_log
from aerun.reporting.learning import MARKERS

MAXIMUM_LINES = 6
"""In a panel; more would hide each other."""
_LETTERS = 24  # of a name
_MARKED = 12  # values of an axis that have a tick each, at most
_EACH = 0.24  # inches of each of many words
_LEAST = 0.14  # inches between labels that stand upright
_HEIGHT = 2.5  # inches of a panel
_WIDE = 13.0  # inches of all panels beside each other
_APART = 0.006  # of an axis of numbers, between lines at one value
_APART_EVENLY = 0.15  # of the room of a word
_AVERAGE: dict[str, Any] = {
    "color": CLASS_COLOURS[0],
    "marker": "o",
    "markersize": 4.5,
    "linewidth": 1.2,
}
_BEST: dict[str, Any] = {
    "color": CLASS_COLOURS[1],
    "marker": "s",
    "markersize": 3.5,
    "linewidth": 1.2,
    "linestyle": (0, (4, 2)),
}
_STAR: dict[str, Any] = {
    "marker": "*",
    "markersize": 12,
    "linestyle": "none",
    "markerfacecolor": "white",
    "markeredgecolor": INK,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class KnobLine:
    """A figure over some values of a knob."""

    name: str
    places: np.ndarray
    """Of the values among all of the knob's, ascending, [P]."""
    mean: np.ndarray
    """Finite, [P]."""
    deviation: np.ndarray
    """Half the length of the bar through it, [P]; NaN where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Knob:
    """A key whose values differ, and what they led to."""

    name: str
    values: Sequence[str]
    """As typed, each once: numbers ascending, words in any order, [V]."""
    lines: Sequence[KnobLine]
    """One for each combination of the other knobs, at most six; none where these
    are too many."""
    average: KnobLine | None
    """Over all of them, where these are too many for lines of their own."""
    best: KnobLine | None
    """Likewise the best of them."""
    places: np.ndarray
    """Of the value of each combination of all knobs, [C]."""
    figures: np.ndarray
    """Of each combination, best first, finite, [C]."""


def knob_panels(knobs: Sequence[Knob], *, metric: str, title: str) -> bytes:
    """Show one panel per knob, all with the same vertical axis, the best marked.

    Args:
        knobs: At least one.
        metric: Name of the figure.
        title: Text above the panels.

    Returns:
        A PNG file. Numbers stand on an axis of numbers, logarithmic where they span
        much; words, and numbers of which that would hide some, beside each other.

    Raises:
        ValueError: There is no knob.
    """
    if not knobs:
        raise ValueError("there is no knob to draw a panel of")
    axis = [_Axis(knob.values) for knob in knobs]
    legends = [_legend_width(knob) for knob in knobs]
    width = max(a.width + w for a, w in zip(axis, legends, strict=True)) + 0.35
    columns = max(1, min(3, len(knobs), int(_WIDE / width)))
    rows = -(-len(knobs) // columns)
    below = max(each.below for each in axis)
    size = (0.6 + columns * width, 0.9 + rows * (_HEIGHT + below))
    figure = new_figure(max(4.5, size[0]), size[1], title=title)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for place, (axes, knob, each) in enumerate(zip(grid, knobs, axis, strict=False)):
        _draw(axes, knob, each)
        if place % columns == 0:
            axes.set_ylabel(plain(metric), fontsize=LABEL_SIZE, color=INK)
    for axes in grid[len(knobs) :]:
        axes.set_visible(False)
    _fit(grid[0], knobs)
    handles = _handles(knobs)
    add_legend(figure, list(handles.values()), list(handles), side="bottom")
    return to_png(figure)


def numeric(values: Sequence[str]) -> np.ndarray | None:
    """The numbers that values are, [V]; None where one is none, or not finite."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


class _Axis:
    """Where the values of a knob stand, and how they are told."""

    def __init__(self, values: Sequence[str]) -> None:
        numbers = numeric(values)
        self.log = numbers is not None and wants_log(numbers.min(), numbers.max())
        self.words = numbers is None
        self.even = numbers is None or _hides_some(numbers)
        evenly = np.arange(float(len(values)))
        self.numbers = evenly if numbers is None or self.even else numbers
        written = [_written(value, numbers is not None) for value in values]
        self.labels = [plain(shorten(text, _LETTERS)) for text in written]
        wide = max(text_width(label, TICK_SIZE) for label in self.labels)
        self.width = min(9.0, max(3.0, _EACH * len(values))) if self.even else 3.0
        self.turned = self.even and wide > 0.9 * self.width / len(values)
        self.below = 0.45 + (wide if self.turned else 0.15)

    @property
    def low_high(self) -> tuple[float, float]:
        """Where the axis begins and ends."""
        low, high = float(self.numbers.min()), float(self.numbers.max())
        if self.even:
            return low - 0.5, high + 0.5
        if self.log:
            margin = (high / low) ** 0.06
            return low / margin, high * margin
        margin = 0.06 * (high - low)
        return low - margin, high + margin

    def shifted(self, places: np.ndarray, share: float) -> np.ndarray:
        """Positions of values, moved by a share of the axis."""
        low, high = self.low_high
        x = np.asarray(self.numbers, dtype=float)[places]
        return x * (high / low) ** share if self.log else x + share * (high - low)

    def apart(self, place: int, of: int) -> float:
        """How far from its value a line stands, as a share of the axis."""
        step = min(_APART_EVENLY, 0.6 / of) / len(self.labels) if self.even else _APART
        return (place - (of - 1) / 2) * step

    def set_up(self, axes: Axes) -> None:
        """Give axes their scale and ticks."""
        if self.log:
            axes.set_xscale("log")
        axes.set_xlim(*self.low_high)
        if not self.even and len(self.labels) > _MARKED:
            return
        step = -(-len(self.labels) * _LEAST // self.width)
        kept = range(0, len(self.labels), int(step)) if self.even else self._apart()
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(FixedLocator([self.numbers[i] for i in kept]))
        axes.set_xticklabels([self.labels[i] for i in kept])
        if self.turned:
            axes.tick_params(axis="x", rotation=90)

    def _apart(self) -> Sequence[int]:
        """Values whose labels do not overlap."""
        low, high = self.low_high
        scale = np.log if self.log else (lambda value: value)
        span = (scale(high) - scale(low)) / self.width
        kept, end = [], -np.inf
        for place, value in enumerate(self.numbers):
            middle = (scale(value) - scale(low)) / span
            half = text_width(self.labels[place], TICK_SIZE) / 2
            if middle - half >= end + 0.06:
                kept.append(place)
                end = middle + half
        return kept


def _hides_some(numbers: np.ndarray) -> bool:
    """Whether an axis from 0 would have many of them in one place."""
    above = numbers[numbers > 0]
    return numbers.min() == 0 and len(above) > 1 and wants_log(above.min(), above.max())


def _written(value: str, number: bool) -> str:
    return f"{float(value):.3g}" if number and len(value) > 7 else value or "default"


def _legend_width(knob: Knob) -> float:
    """Inches that the names beside a panel take."""
    if len(knob.lines) < 2:
        return 0.0
    names = [plain(shorten(line.name, _LETTERS)) for line in knob.lines]
    return 0.45 + max(text_width(name, TICK_SIZE) for name in names)


def _draw(axes: Axes, knob: Knob, axis: _Axis) -> None:
    if not knob.lines:
        look: dict[str, Any] = {"color": GREY, "alpha": 0.7, "s": 12, "linewidths": 0}
        axes.scatter(axis.shifted(knob.places, 0), knob.figures, zorder=2, **look)
    for place, line in enumerate(knob.lines):
        _draw_line(axes, axis, line, place, len(knob.lines))
    for over, look in ((knob.average, _AVERAGE), (knob.best, _BEST)):
        if over is not None:
            x = axis.shifted(over.places, 0)
            bars = axes.errorbar(x, over.mean, yerr=over.deviation, **look)
            for part in (*bars[1], *bars[2]):  # points show the spread too
                part.set(alpha=0.4, linewidth=1.0)
    of = len(knob.lines)
    holding = [i for i, line in enumerate(knob.lines) if _has_best(line, knob)]
    x = axis.shifted(knob.places[:1], axis.apart(holding[0], of) if holding else 0)
    axes.plot(x, knob.figures[:1], zorder=6, **_STAR)
    style_axes(axes)
    axes.set_title(plain(shorten(knob.name, 44)), fontsize=LABEL_SIZE, color=INK)
    axis.set_up(axes)
    if len(knob.lines) > 1:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.0, 1.03),
            fontsize=TICK_SIZE,
            labelcolor=INK,
            frameon=False,
        )


def _draw_line(axes: Axes, axis: _Axis, line: KnobLine, place: int, of: int) -> None:
    """Beside the others, so that no bar hides another; words are not joined."""
    axes.errorbar(
        axis.shifted(line.places, axis.apart(place, of)),
        line.mean,
        yerr=line.deviation,
        color=CLASS_COLOURS[place],
        marker=MARKERS[place % len(MARKERS)],
        linewidth=1.2,
        linestyle="none" if axis.words else "-",
        elinewidth=1.0,
        markersize=4.5,
        capsize=2.5,
        label=plain(shorten(line.name, _LETTERS)),
    )


def _has_best(line: KnobLine, knob: Knob) -> bool:
    at = line.places == knob.places[0]
    return bool((line.mean[at] == knob.figures[0]).any())


def _fit(axes: Axes, knobs: Sequence[Knob]) -> None:
    """Fit the vertical axis, which all panels share, to figures and their bars."""
    lines = [line for knob in knobs for line in (*knob.lines, knob.average) if line]
    ends = [(line.mean, np.nan_to_num(line.deviation)) for line in lines]
    figures = np.concatenate([knob.figures for knob in knobs])
    low, high = float(figures.min()), float(figures.max())
    if wants_log(low, high):
        axes.set_yscale("log")
        # A bar that reaches below zero would have no lower end.
        axes.set_ylim(bottom=0.8 * low)
        return
    spread = [mean + sign * bar for mean, bar in ends for sign in (-1, 1)]
    axes.set_ylim(*fitted_limits(np.concatenate([figures, *spread])))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))


def _handles(knobs: Sequence[Knob]) -> dict[str, Line2D]:
    """What the legend below the panels names."""
    handles = {}
    if any(not knob.lines for knob in knobs):
        look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.5}
        handles["each setting"] = Line2D([], [], color=GREY, **look)
    if any(knob.average is not None for knob in knobs):
        handles["mean over the others"] = Line2D([], [], **_AVERAGE)
        handles["best of the others"] = Line2D([], [], **_BEST)
    return {**handles, "best": Line2D([], [], **_STAR)}
