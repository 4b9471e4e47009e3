"""How the errors of classifiers fall with the number of labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    LABEL_SIZE,
    add_legend,
    new_figure,
    style_axes,
    to_png,
)

MARKERS = ("o", "s", "^", "D", "v")
APART = 0.008  # of the axis, between contestants at one number of labels


def label_curve(
    numbers: Sequence[int],
    means: Mapping[str, np.ndarray],
    deviations: Mapping[str, np.ndarray],
    *,
    title: str,
) -> bytes:
    """Show errors over the number of labels, on a logarithmic axis.

    Args:
        numbers: Of labelled examples, ascending, [P].
        means: Name -> mean error at each number, [P], %.
        deviations: The same names -> standard deviations, [P], drawn as bars.
        title: Text above the axes.

    Returns:
        A PNG file.

    Raises:
        ValueError: Lengths differ, or a value is not finite.
    """
    for name, values in means.items():
        both = np.stack([values, deviations[name]])
        if both.shape[1] != len(numbers) or not np.isfinite(both).all():
            raise ValueError(
                f"{name} has {both.shape[1]} values for {len(numbers)} numbers of "
                "labels; expected as many, all finite"
            )
    figure = new_figure(6.4, 4.2, title=title)
    axes = figure.add_subplot()
    x = np.asarray(numbers, dtype=float)
    low, high = np.log(x.min()), np.log(x.max())
    width = (high - low) or 1.0
    handles = []
    for place, (name, mean) in enumerate(means.items()):
        look: dict[str, Any] = {
            "color": CLASS_COLOURS[place],
            "marker": MARKERS[place % len(MARKERS)],
        }
        # Beside each other, so that no bar hides another.
        shift = np.exp((place - (len(means) - 1) / 2) * APART * width)
        axes.errorbar(
            x * shift,
            mean,
            yerr=deviations[name],
            linewidth=1.2,
            markersize=4.5,
            capsize=2.5,
            **look,
        )
        handles.append(Line2D([], [], markersize=4.5, **look))
    style_axes(axes)
    axes.set_xscale("log")
    margin = np.exp(0.08 * width)
    axes.set_xlim(x.min() / margin, x.max() * margin)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(_spaced(x))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    top = max(float((means[n] + deviations[n]).max()) for n in means)
    axes.set_ylim(0, 1.08 * top or 1.0)
    axes.set_xlabel("labelled examples", fontsize=LABEL_SIZE)
    axes.set_ylabel("error [%]", fontsize=LABEL_SIZE)
    add_legend(figure, handles, list(means), side="bottom")
    return to_png(figure)


def _spaced(x: np.ndarray) -> list[float]:
    """Those numbers whose labels do not overlap, the first among them."""
    least = 0.11 * (np.log(x[-1]) - np.log(x[0]))
    kept = [float(x[0])]
    for value in x[1:]:
        if np.log(value) - np.log(kept[-1]) >= least:
            kept.append(float(value))
    return kept
