"""Curves of several groups of runs laid over each other, with their spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    add_legend,
    new_figure,
    plain,
    shorten,
    style_axes,
    text_width,
    to_png,
)
from aerun.reporting.course import wants_log
from aerun.reporting.curves import MAXIMUM_MARKED

MAXIMUM_LINES = len(CLASS_COLOURS)
"""More could not be told apart."""
_BAND = 0.18  # opacity


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """A quantity over epochs, averaged over some runs."""

    epochs: np.ndarray
    """Ascending, [E]."""
    mean: np.ndarray
    """Finite, [E]."""
    deviation: np.ndarray | None
    """Half the height of the band around the mean, [E]; None: there is none."""


def course_panels(
    panels: Mapping[str, Mapping[str, Band]],
    *,
    names: Sequence[str],
    title: str,
    others: Mapping[str, Sequence[Band]] = MappingProxyType({}),
) -> bytes:
    """Show one panel per quantity, one line per group in each.

    Args:
        panels: By quantity, the band of each group that has it; at least one.
        names: Of all groups, best first: a group has the same colour in every panel.
        title: Text above the panels.
        others: By quantity, curves of further groups, drawn behind in grey.

    Returns:
        A PNG file.

    Raises:
        ValueError: There is nothing to draw, or there are too many groups.
    """
    if not (any(panels.values()) or any(others.values())) or len(names) > MAXIMUM_LINES:
        raise ValueError(
            f"{len(names)} groups in {len(panels)} panels; expected at least one "
            f"curve and at most {MAXIMUM_LINES} groups"
        )
    colours = dict(zip(names, CLASS_COLOURS, strict=False))
    drawn = [name for name in names if any(name in panel for panel in panels.values())]
    shown = [shorten(name, 24) for name in drawn]
    handles = [Line2D([], [], color=colours[name], linewidth=1.6) for name in drawn]
    if number := max(map(len, others.values()), default=0):
        shown.append(f"{number} other{'s' * (number > 1)}")
        handles.append(Line2D([], [], color=GREY, linewidth=0.8))
    legend = max(text_width(plain(text), TICK_SIZE) for text in shown)
    figure = new_figure(0.8 + legend + 4.6 * len(panels), 3.9, title=title)
    grid = figure.subplots(1, len(panels), squeeze=False).ravel()
    for axes, (quantity, bands) in zip(grid, panels.items(), strict=True):
        _draw(axes, bands, others.get(quantity, ()), colours)
        axes.set_title(plain(quantity), fontsize=LABEL_SIZE, color=INK)
        axes.set_xlabel("epoch", fontsize=LABEL_SIZE, color=INK)
    add_legend(figure, handles, shown, side="right")
    return to_png(figure)


def _draw(
    axes: Axes,
    bands: Mapping[str, Band],
    others: Sequence[Band],
    colours: Mapping[str, str],
) -> None:
    lows = [band.mean.min() for band in others]
    highs = [band.mean.max() for band in others]
    look: dict[str, Any]
    for band in others:
        look = {"color": GREY, "linewidth": 0.6, "alpha": 0.6, "markersize": 2.5}
        marker = "o" if len(band.epochs) == 1 else None
        axes.plot(band.epochs, band.mean, marker=marker, **look)
    # The best is drawn last, on top of the others.
    for name, band in reversed(list(bands.items())):
        look = {"color": colours[name]}
        few = MAXIMUM_MARKED if band.deviation is None else 1
        marked = len(band.epochs) <= few  # of one epoch there is no line
        axes.plot(
            band.epochs,
            band.mean,
            linewidth=1.4,
            marker="o" if marked else None,
            markersize=3,
            **look,
        )
        spread = np.zeros_like(band.mean) if band.deviation is None else band.deviation
        low, high = band.mean - spread, band.mean + spread
        if band.deviation is not None:
            axes.fill_between(band.epochs, low, high, alpha=_BAND, linewidth=0, **look)
        lows.append(band.mean.min())
        highs.append(high.max())
    style_axes(axes)
    if wants_log(min(lows), max(highs)):
        axes.set_yscale("log")
        # A band that reaches below zero would have no lower edge.
        axes.set_ylim(bottom=0.8 * min(lows))
    axes.xaxis.set_major_locator(
        MaxNLocator(6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    )
