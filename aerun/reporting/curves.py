"""The course of a run: every logged quantity over epochs."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    add_legend,
    fitted_limits,
    new_panels,
    plain,
    shorten,
    style_axes,
    to_png,
)
from aerun.reporting.course import (
    PLAIN_NAMES,
    Line,
    Row,
    Stretch,
    collect_panels,
    phases_of,
    wants_log,
)

MAXIMUM_SPELT = 4  # phases whose names are written out
MAXIMUM_MARKED = 30  # points; beyond, markers would merge into a thick line
COLOURS = {
    "train": CLASS_COLOURS[0],
    "validation": CLASS_COLOURS[1],
    "": CLASS_COLOURS[2],
}


def loss_curves(
    rows: list[dict[str, float | int | None]],
    *,
    title: str,
    best_epoch: int | None = None,
) -> bytes:
    """Show one panel per logged quantity, training and validation together.

    Args:
        rows: One per epoch, as in metrics.csv: ``epoch``, ``train/<name>``,
            ``val/<name>``, ``<term>_weight``, ``lr``. Where a value is missing, None
            or not finite, the line runs on to the next one. Of several phases
            (``phase``) each has lines of its own. Of an opponent there are
            ``<name>_opponent``, its loss, and what else it watches.
        title: Text above the panels.
        best_epoch: The epoch to mark, or None. Under a schedule it is not the one of
            lowest validation loss, so it is not guessed from the rows.

    Returns:
        A PNG file. Panels: loss, reconstruction (unless it is the loss), terms, mean
        squared error, learning rate, an opponent's game, and those weights that change.

    Raises:
        ValueError: ``rows`` hold nothing to draw.
    """
    panels = collect_panels(rows)
    if not panels:
        raise ValueError(
            f"rows ({len(rows)} of them) hold no finite train/..., val/... or lr "
            "value; call after the first epoch is logged"
        )
    best = None if best_epoch is None else float(best_epoch)
    columns = min(len(panels), 3 if len(panels) != 4 else 2)
    lines = -(-len(panels) // columns)
    figure, grid = new_panels(
        lines,
        columns,
        size=(2.9 if columns > 1 else 4.5, 1.8),
        left=0.68,
        below=0.48,
        shared=False,
        title=title,
    )
    grid = grid.ravel()
    limits, phases = _epoch_limits(rows), phases_of(rows)
    for axes, (name, panel) in zip(grid, panels.items(), strict=False):
        _draw_panel(axes, panel, name=name, best=best, phases=phases)
        axes.set_xlim(*limits)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    _add_split_legend(figure, panels, marked=best is not None)
    return to_png(figure)


def _add_split_legend(
    figure: Figure, panels: dict[str, list[Line]], *, marked: bool
) -> None:
    """Name the splits below the panels, and the best epoch where it is marked."""
    splits = {line.split for panel in panels.values() for line in panel}
    handles: dict[str, Line2D] = {
        split: Line2D([], [], color=COLOURS[split], marker="o", markersize=3)
        for split in ("train", "validation")
        if split in splits
    }
    if marked:
        handles["best"] = Line2D([], [], **_best_style())
    if handles:
        add_legend(figure, list(handles.values()), list(handles), side="bottom")


def _best_style() -> dict[str, Any]:
    """Style of the line at the best epoch, in panels and legend alike."""
    return {"color": INK, "linewidth": 0.8, "linestyle": (0, (4, 3))}


def _epoch_limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Fit the epoch axis; a single epoch stands in the middle."""
    epochs = np.array([row["epoch"] for row in rows], dtype=float)
    low, high = float(epochs.min()), float(epochs.max())
    margin = max(0.03 * (high - low), 0.3 if high > low else 0.8)
    return low - margin, high + margin


def _mark_phases(axes: Axes, phases: list[Stretch]) -> None:
    """A line where a phase begins, and its name (the last word, among many)."""
    bottom, top = axes.get_ylim()
    # Room above the lines for the names.
    if axes.get_yscale() == "log":
        axes.set_ylim(bottom, top * (top / bottom) ** 0.1)
    else:
        axes.set_ylim(bottom, top + 0.1 * (top - bottom))
    between = [(one.last + other.first) / 2 for one, other in pairwise(phases)]
    whole = axes.get_xaxis_transform()
    axes.vlines(between, 0, 1, colors=GREY, linewidths=0.8, transform=whole)
    for phase in phases:
        words = phase.name.replace("_", " ")
        text = words if len(phases) <= MAXIMUM_SPELT else words.split()[-1][:4]
        axes.text(
            (phase.first + phase.last) / 2,
            0.99,
            plain(text),
            transform=whole,
            ha="center",
            va="top",
            fontsize=TICK_SIZE - 1,
            color=INK,
        )


def _draw_panel(
    axes: Axes,
    panel: list[Line],
    *,
    name: str,
    best: float | None,
    phases: list[Stretch],
) -> None:
    """Draw the lines of one quantity, and the best epoch behind them."""
    for line in panel:
        # One line that NaN breaks between phases is drawn faster than several.
        lasts = [phase.last for phase in phases[:-1]]
        breaks = np.unique(np.searchsorted(line.epochs, lasts, side="right"))
        breaks = breaks[(breaks > 0) & (breaks < len(line.epochs))]
        axes.plot(
            np.insert(line.epochs, breaks, np.nan),
            np.insert(line.values, breaks, np.nan),
            color=COLOURS[line.split],
            linewidth=1.2,
            marker="o" if len(line.values) <= MAXIMUM_MARKED else None,
            markersize=3,
        )
    if best is not None:
        axes.axvline(best, zorder=1, **_best_style())
    style_axes(axes)
    values = np.concatenate([line.values for line in panel])
    if wants_log(values.min(), values.max()):
        axes.set_yscale("log")
    else:
        axes.set_ylim(*_value_limits(values))
        # An offset such as "+1.2e2" in a corner is easily overlooked.
        axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    if len(phases) > 1:
        _mark_phases(axes, phases)
    axes.xaxis.set_major_locator(
        MaxNLocator(6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    )
    shown = PLAIN_NAMES.get(name, name.replace("_", " "))
    axes.set_title(plain(shorten(shown, 40)), fontsize=LABEL_SIZE, color=INK)
    axes.set_xlabel("epoch", fontsize=LABEL_SIZE, color=INK)


def _value_limits(values: np.ndarray) -> tuple[float, float]:
    """Fit a linear axis; a constant is shown within a tenth of its size."""
    low, high = float(values.min()), float(values.max())
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return fitted_limits(values)
    margin = 0.1 * abs(low) or 1.0
    return low - margin, high + margin
