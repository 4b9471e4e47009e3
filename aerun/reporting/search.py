"""How a search went: each trial's figure, and which options made the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

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

_LOG_ABOVE = 8.0  # a search is read near its best, where a linear axis is flat
_MAXIMUM_BARS = 12
_MARK: dict[str, Any] = {"linestyle": "none", "markersize": 5.0}
_LOOKS: dict[str, dict[str, Any]] = {
    "completed": {**_MARK, "marker": "o", "color": CLASS_COLOURS[0]},
    "given up": {**_MARK, "marker": "x", "color": GREY},
    "failed": {**_MARK, "marker": "v", "color": CLASS_COLOURS[3]},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """What came of the trials of a search, by their numbers."""

    completed: Mapping[int, float]
    """Their figures, finite; at least one."""
    given_up: Mapping[int, float] = field(default_factory=dict)
    """Figures at the end of those that were not trained to their end."""
    failed: Sequence[int] = ()


def search_history(
    outcomes: Outcomes,
    importances: Mapping[str, float],
    *,
    metric: str,
    maximize: bool,
    title: str,
) -> bytes:
    """Show every trial with the best so far, and how much each option mattered.

    Args:
        outcomes: Of all trials.
        importances: Name of an option -> its share, in [0, 1], largest first; without
            any there is one panel only.
        metric: The name of the figure.
        maximize: Whether more of it is better.
        title: Text above the panels.

    Returns:
        A PNG file.

    Raises:
        ValueError: No trial was completed, or a figure is not finite.
    """
    figures = np.array([*outcomes.completed.values(), *outcomes.given_up.values()])
    if not outcomes.completed or not np.isfinite(figures).all():
        raise ValueError(
            f"{len(outcomes.completed)} completed trials, "
            f"{np.isfinite(figures).sum()} of {len(figures)} figures are finite; "
            "expected at least one trial, and finite figures only"
        )
    bars = dict(list(importances.items())[:_MAXIMUM_BARS])
    names = {name: plain(shorten(name, 32)) for name in bars}
    label = max((text_width(text, TICK_SIZE) for text in names.values()), default=0)
    wide = [5.6, label + 2.6] if bars else [6.4]
    figure = new_figure(sum(wide), 4.0, title=title)
    axes, *others = figure.subplots(1, len(wide), squeeze=False, width_ratios=wide)[0]
    handles = _draw_history(axes, outcomes, np.maximum if maximize else np.minimum)
    axes.set_ylabel(plain(metric), fontsize=LABEL_SIZE, color=INK)
    for beside in others:
        _draw_bars(beside, [names[name] for name in bars], list(bars.values()))
    add_legend(figure, list(handles.values()), list(handles), side="bottom")
    return to_png(figure)


def _draw_history(
    axes: Axes, outcomes: Outcomes, better: np.ufunc
) -> dict[str, Line2D]:
    """One mark per trial and the line of the best; what the legend names."""
    completed = dict(sorted(outcomes.completed.items()))
    best = better.accumulate(list(completed.values()))
    last = max([*completed, *outcomes.given_up, *outcomes.failed])
    axes.step(
        [*completed, last],
        [*best, best[-1]],
        where="post",
        color=CLASS_COLOURS[1],
        linewidth=1.4,
        zorder=1,
    )
    handles = {"best so far": Line2D([], [], color=CLASS_COLOURS[1], linewidth=1.4)}

    for name, points in (("completed", completed), ("given up", outcomes.given_up)):
        if points:
            axes.plot(list(points), list(points.values()), **_LOOKS[name])
            handles[name] = Line2D([], [], **_LOOKS[name])
    style_axes(axes)
    figures = np.array([*completed.values(), *outcomes.given_up.values()])
    if 0 < _LOG_ABOVE * figures.min() < figures.max():
        axes.set_yscale("log")
    else:
        axes.set_ylim(*_limits(figures))
    if outcomes.failed:
        style, top = _LOOKS["failed"], np.ones(len(outcomes.failed))
        whole = axes.get_xaxis_transform()
        axes.plot(outcomes.failed, top, transform=whole, clip_on=False, **style)
        handles["failed"] = Line2D([], [], **style)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlim(-0.5 - 0.02 * last, last + 0.5 + 0.02 * last)
    axes.set_xlabel("trial", fontsize=LABEL_SIZE, color=INK)
    return handles


def _limits(figures: np.ndarray) -> tuple[float, float]:
    """Of a linear axis; ``fitted_limits`` would flatten differences of small ones."""
    scale = float(np.abs(figures).max()) or 1.0
    low, high = fitted_limits(figures / scale)
    return low * scale, high * scale


def _draw_bars(axes: Axes, names: Sequence[str], shares: Sequence[float]) -> None:
    """Shares as bars, the largest above."""
    places = list(range(len(shares)))
    axes.barh(places, shares, height=0.6, color=CLASS_COLOURS[0])
    for place, share in zip(places, shares, strict=True):
        axes.text(
            share + 0.02,
            place,
            f"{share:.0%}",
            va="center",
            fontsize=TICK_SIZE,
            color=INK,
        )
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(places, names)
    axes.set_ylim(max(len(shares), 3) - 0.4, -0.6)
    axes.set_xlim(0, 1.15)
    axes.set_xticks(np.linspace(0, 1, 3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    axes.set_xlabel("share of the variance", fontsize=LABEL_SIZE, color=INK)
