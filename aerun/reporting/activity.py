"""How active the units of a code are: each unit's mean, and all activations."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    INK,
    LABEL_SIZE,
    add_legend,
    fitted_limits,
    new_panels,
    style_axes,
    to_png,
)

BINS = 50
MAXIMUM_MARKED = 60  # units; beyond, markers would merge into a thick line


def activity(
    means: np.ndarray, values: np.ndarray, *, wanted: float | None, title: str
) -> bytes:
    """Show the mean activity of each unit, and a histogram of all activations.

    Args:
        means: Mean over examples of each unit, [D].
        values: Activations of any units and examples, [N].
        wanted: The mean activity that a unit should have, or None.
        title: Text above the panels.

    Returns:
        A PNG file.

    Raises:
        ValueError: Either is empty or holds NaN or infinity.
    """
    means, values = np.asarray(means, float), np.asarray(values, float)
    for name, array in (("means", means), ("values", values)):
        if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
            raise ValueError(
                f"{name} has shape {list(array.shape)}; expected finite values in one "
                "dimension, at least one"
            )
    figure, grid = new_panels(
        1, 2, size=(3.4, 2.4), left=0.75, below=0.5, shared=False, title=title
    )
    left, right = grid.ravel()
    _draw_means(left, means, wanted)
    _draw_histogram(right, values)
    if wanted is not None:
        unit = Line2D([], [], color=CLASS_COLOURS[0])
        add_legend(
            figure,
            [unit, Line2D([], [], **_WANTED)],
            ["mean of a unit", f"wanted: {wanted:.4g}"],
            side="bottom",
        )
    return to_png(figure)


_WANTED: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (4, 3))}


def _draw_means(axes: Axes, means: np.ndarray, wanted: float | None) -> None:
    marked = len(means) <= MAXIMUM_MARKED
    axes.plot(
        np.arange(1, len(means) + 1),
        np.sort(means)[::-1],
        color=CLASS_COLOURS[0],
        linewidth=1.4,
        marker="o" if marked else None,
        markersize=3,
    )
    if wanted is not None:
        axes.axhline(wanted, **_WANTED)
    style_axes(axes)
    shown = np.append(means, [0.0] if wanted is None else [0.0, 2 * wanted])
    _, high = fitted_limits(shown) if np.ptp(shown) > 0 else (0.0, 1.0)
    axes.set_ylim(min(0.0, float(means.min())), high)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.set_title("mean activity of each unit", fontsize=LABEL_SIZE, color=INK)
    axes.set_xlabel("unit, most active first", fontsize=LABEL_SIZE, color=INK)


def _range(values: np.ndarray) -> tuple[float, float]:
    """From least to most; wider where rounding alone tells them apart."""
    low, high = float(values.min()), float(values.max())
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    return fitted_limits(values)


def _draw_histogram(axes: Axes, values: np.ndarray) -> None:
    counts, edges = np.histogram(values, bins=BINS, range=_range(values))
    share = counts / counts.sum()
    axes.stairs(share, edges, fill=True, color=CLASS_COLOURS[0])
    style_axes(axes)
    # Sparse codes have nearly all in one bin; the others would not be seen.
    axes.set_yscale("log")
    axes.set_ylim(0.5 / counts.sum(), 1.5)
    axes.set_title("share of all activations", fontsize=LABEL_SIZE, color=INK)
    axes.set_xlabel("activation", fontsize=LABEL_SIZE, color=INK)
