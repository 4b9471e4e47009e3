"""The ratios as a picture."""

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.ticker import MultipleLocator

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    new_figure,
    plain,
    style_axes,
    to_png,
)

_WIDTH, _COLUMNS = 7.6, 100  # of the figure in inches, of the caption in characters


def draw_ratios(
    found: Mapping[str, Any], ours: list[str], rivals: list[str], *, caption: str
) -> bytes:
    """Show one bar per pair, with the spread over the repeats.

    Args:
        found: As ``measure.summarise`` returns it.
        ours: Whose bars are drawn.
        rivals: Against whom; one colour each.
        caption: About the machine and the measurement, below the bars.

    Returns:
        A PNG file.
    """
    pairs = [(own, rival) for rival in rivals for own in ours]
    ratios = [found[own]["ratios"][rival] for own, rival in pairs]
    values = [ratio["median"] for ratio in ratios]
    low = [ratio["median"] - ratio["low"] for ratio in ratios]
    high = [ratio["high"] - ratio["median"] for ratio in ratios]
    colours = [CLASS_COLOURS[rivals.index(rival)] for _, rival in pairs]
    labels = [f"{own}\nagainst the {rival}" for own, rival in pairs]
    title = "Training steps per second, as a multiple of the others'"
    figure = new_figure(_WIDTH, 1.9 + 0.55 * len(pairs), title=title)
    axes = figure.add_subplot()
    places = range(len(pairs))
    spread = {"ecolor": INK, "capsize": 3, "elinewidth": 1}
    axes.barh(places, values, 0.6, color=colours, xerr=[low, high], error_kw=spread)
    longest = max(ratio["high"] for ratio in ratios)
    for place, ratio in zip(places, ratios, strict=True):
        text = f"{ratio['median']:.2f}"
        x = max(ratio["high"], 1) + 0.015 * longest  # clear of the dashed line
        axes.text(x, place, text, va="center", fontsize=LABEL_SIZE, color=INK)
    axes.axvline(1, color=INK, linewidth=1, linestyle="--")
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(places, labels, fontsize=LABEL_SIZE)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.2, 1.12 * longest))
    if longest < 12:
        axes.xaxis.set_major_locator(MultipleLocator(0.5 if longest < 4 else 1))
    axes.set_xlabel("times as fast (dashed: equally fast)", fontsize=LABEL_SIZE)
    lines = [textwrap.fill(plain(line), _COLUMNS) for line in caption.splitlines()]
    figure.supxlabel("\n".join(lines), fontsize=TICK_SIZE, color=INK)
    return to_png(figure)
