"""Where chains are: the class of each of their steps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    add_legend,
    new_figure,
    style_axes,
    to_png,
)

MAXIMUM_CLASSES = 20


def chain_map(labels: np.ndarray, *, classes: Sequence[str], title: str) -> bytes:
    """Show the class of each step, and how many classes were visited so far.

    Args:
        labels: Index of the class of each step, [T, B].
        classes: Name of each class by index; ten colours are told apart, and up to
            twenty are named.
        title: Text above the panels.

    Returns:
        A PNG file: a stripe for each chain above, below it how many classes each
        chain has visited, the mean as a thick line.

    Raises:
        ValueError: There is no step, or a label without a name.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(f"labels have shape {list(labels.shape)}; expected [T, B]")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(
            f"labels lie in [{labels.min()}, {labels.max()}]; there are "
            f"{len(classes)} names"
        )
    steps, chains = labels.shape
    figure = new_figure(7.2, 2.6 + 0.16 * min(chains, 30), title=title)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
    colours = [CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in range(len(classes))]
    above.imshow(
        labels.T,
        cmap=ListedColormap(colours),
        vmin=-0.5,
        vmax=len(classes) - 0.5,
        aspect="auto",
        interpolation="nearest",
        extent=(0.5, steps + 0.5, chains + 0.5, 0.5),
    )
    style_axes(above)
    above.grid(visible=False)
    above.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    above.set_ylabel("chain", fontsize=LABEL_SIZE, color=INK)

    there = labels[:, :, None] == np.arange(len(classes))
    visited = np.logical_or.accumulate(there).sum(2)
    numbers = np.arange(1, steps + 1)
    below.plot(numbers, visited, color=GREY, linewidth=0.6)
    below.plot(numbers, visited.mean(1), color=INK, linewidth=1.8)
    style_axes(below)
    below.set_xlim(0.5, steps + 0.5)
    below.set_ylim(0.5, len(classes) + 0.5)
    below.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    below.set_ylabel("classes visited", fontsize=LABEL_SIZE, color=INK)
    below.set_xlabel("step of the chain", fontsize=LABEL_SIZE, color=INK)
    shown = np.unique(labels).tolist()
    handles = [
        Line2D([], [], color=colours[i], marker="s", linewidth=0, markersize=5)
        for i in shown
    ]
    if len(shown) <= MAXIMUM_CLASSES:
        add_legend(figure, handles, [classes[i] for i in shown], side="right")
    return to_png(figure)
