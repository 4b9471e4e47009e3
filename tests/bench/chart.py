"""The ratios as a picture."""

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.ticker import MaxNLocator

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


def draw_ratios(nets: Mapping[str, Any], *, caption: str) -> bytes:
    """Show one bar per comparison, with the spread over the repeats.

    Args:
        nets: By name, what was found of each: ``ratios`` by contender and rival.
        caption: About the machine and the measurement, below the bars.

    Returns:
        A PNG file.
    """
    found = [
        (f"{net}: {own}\nagainst {rival}", ratio, CLASS_COLOURS[index])
        for index, (net, about) in enumerate(nets.items())
        for own, rivals in about["ratios"].items()
        for rival, ratio in rivals.items()
        if rival not in about["ratios"]
    ]
    labels = [label for label, _, _ in found]
    ratios = [ratio for _, ratio, _ in found]
    values = [ratio["median"] for ratio in ratios]
    low = [ratio["median"] - ratio["low"] for ratio in ratios]
    high = [ratio["high"] - ratio["median"] for ratio in ratios]
    title = "Training steps per second, as a multiple of the others'"
    figure = new_figure(_WIDTH, 1.9 + 0.55 * len(found), title=title)
    axes = figure.add_subplot()
    places = range(len(found))
    axes.barh(
        places,
        values,
        0.6,
        color=[colour for _, _, colour in found],
        xerr=[low, high],
        error_kw={"ecolor": INK, "capsize": 3, "elinewidth": 1},
    )
    longest = max(ratio["high"] for ratio in ratios)
    for place, ratio in zip(places, ratios, strict=True):
        x = max(ratio["high"], 1) + 0.015 * longest  # clear of the dashed line
        text = f"{ratio['median']:.2f}"
        axes.text(x, place, text, va="center", fontsize=LABEL_SIZE, color=INK)
    axes.axvline(1, color=INK, linewidth=1, linestyle="--")
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(places, labels, fontsize=LABEL_SIZE)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.2, 1.12 * longest))
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.set_xlabel("times as fast (dashed: equally fast)", fontsize=LABEL_SIZE)
    lines = [textwrap.fill(plain(line), _COLUMNS) for line in caption.splitlines()]
    figure.supxlabel("\n".join(lines), fontsize=TICK_SIZE, color=INK)
    return to_png(figure)
