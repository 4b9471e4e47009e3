"""The house look of every figure, and the step from a figure to PNG bytes.

Figures are built as objects: pyplot would keep them in a global registry and pick
a backend from the environment.
"""

import math
import textwrap
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine

DPI = 120
TITLE_SIZE = 11.0  # points, as all sizes here
LABEL_SIZE = 9.5
TICK_SIZE = 8.5

INK = "#222222"
GREY = "#9a9a9a"
LIGHT = "#dddddd"

# Ordered so that neighbours differ in lightness too, which is what remains of a
# colour for readers who do not see the hue, and in print.
CLASS_COLOURS = (
    "#1f6fb4",
    "#e58606",
    "#117733",
    "#cc3d6f",
    "#5ab4e5",
    "#4b2991",
    "#a3a82b",
    "#8c4a1f",
    "#2fbf9f",
    "#222222",
)

_CHARACTERS_PER_INCH = 72 / (0.6 * TITLE_SIZE)


def to_png(figure: Figure, *, dpi: int = DPI) -> bytes:
    """Render a figure.

    Args:
        figure: Complete figure; drawn with the Agg backend.
        dpi: Resolution in pixels per inch.

    Returns:
        A PNG file; the same figure gives the same bytes.
    """
    buffer = BytesIO()
    # Matplotlib's default metadata would put its version into the file.
    FigureCanvasAgg(figure).print_figure(
        buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None}
    )
    return buffer.getvalue()


def new_figure(width: float, height: float, *, title: str) -> Figure:
    """Start a figure whose axes, title and outside legend share out the space.

    Args:
        width: Figure width in inches.
        height: Figure height in inches, title included.
        title: Wrapped to the width; taken literally, not as mathematics.

    Returns:
        A figure without axes, bound to an Agg canvas.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.04, hspace=0.06)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(wrap_title(title, width), fontsize=TITLE_SIZE, color=INK)
    return figure


def new_panels(
    lines: int,
    columns: int,
    *,
    size: tuple[float, float],
    left: float,
    below: float,
    shared: bool,
    title: str,
    labels: Sequence[str] = (),
) -> tuple[Figure, np.ndarray]:
    """Start a figure of equal panels at fixed places, with room for a legend below.

    Measuring every label, as :func:`new_figure` does, would double the time here.

    Args:
        lines: Number of rows of panels.
        columns: Number of columns of panels.
        size: Width and height of a panel in inches.
        left: Room for the tick labels of the vertical axis, inches.
        below: Room for the labels under the lowest panels, inches.
        shared: Whether all panels have the same axes, labelled at the rim only.
        title: Wrapped to the width; taken literally, not as mathematics.
        labels: Of the legend, where it may need more than one row.

    Returns:
        The figure, and its axes [lines, columns].
    """
    between = 0.2 if shared else left
    gap = 0.45 if shared else 0.3 + below
    width = left + columns * size[0] + (columns - 1) * between + 0.2
    text = wrap_title(title, width)
    above = 0.5 + 0.19 * len(text.splitlines())
    rows = math.ceil(len(labels) / _legend_columns(labels, width)) if labels else 1
    under = below + 0.4 + 0.18 * (rows - 1)
    height = above + lines * size[1] + (lines - 1) * gap + under

    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.suptitle(text, y=1 - 0.12 / height, va="top", fontsize=TITLE_SIZE, color=INK)
    places = {
        "left": left / width,
        "right": 1 - 0.2 / width,
        "bottom": under / height,
        "top": 1 - above / height,
        "wspace": between / size[0],
        "hspace": gap / size[1],
    }
    figure.subplots_adjust(**places)
    share: dict[str, Any] = {"sharex": shared, "sharey": shared}
    axes = figure.subplots(lines, columns, squeeze=False, **share)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Give axes the house look: open frame, small grey ticks, faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=TICK_SIZE, color=GREY, labelcolor=INK)
    axes.grid(visible=True, color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)


def add_legend(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], *, side: str
) -> None:
    """Put one legend outside all axes, where it cannot hide data.

    Args:
        figure: Made by :func:`new_figure` or, for side "bottom", :func:`new_panels`.
        handles: One drawn example per label.
        labels: Taken literally; long ones are shortened.
        side: "right" (one column) or "bottom" (one row, or as many as it takes).
    """
    place = {"right": "outside right center", "bottom": "outside lower center"}[side]
    if figure.get_layout_engine() is None:
        place = place.removeprefix("outside ")
    look: dict[str, Any] = {"loc": place, "fontsize": TICK_SIZE, "labelcolor": INK}
    figure.legend(
        handles=list(handles),
        labels=[plain(shorten(label, 24)) for label in labels],
        ncols=_legend_columns(labels, figure.get_figwidth()) if side == "bottom" else 1,
        frameon=False,
        **look,
    )


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """How many entries of a legend stand beside each other in a width in inches."""
    widest = max(text_width(plain(shorten(label, 24)), TICK_SIZE) for label in labels)
    # Before an entry stands its line, and around both is some space.
    return max(1, min(len(labels), int((width - 0.2) / (widest + 0.6))))


def fitted_limits(values: np.ndarray) -> tuple[float, float]:
    """Find axis limits that show all values with a margin, even constant ones.

    Args:
        values: Finite numbers of any shape, at least one.

    Returns:
        Lower and upper limit, lower < upper; one unit (or the value's own size, if
        larger) apart where the values hardly differ.
    """
    low, high = float(np.min(values)), float(np.max(values))
    scale = max(1.0, abs(low), abs(high))
    # A collapsed code differs by rounding only; zooming in on that would show noise.
    margin = 0.06 * (high - low) if high - low > 1e-6 * scale else 0.5 * scale
    return low - margin, high + margin


def plain(text: str) -> str:
    """Make a text safe to draw: no mathematics, no glyph the font lacks.

    Args:
        text: Any text, such as a class name taken from a folder.

    Returns:
        One line; dollar signs are escaped, and what the font cannot draw is "?".
    """
    line = " ".join(str(text).split())
    known = _drawable_characters()
    drawable = "".join(letter if ord(letter) in known else "?" for letter in line)
    return drawable.replace("$", r"\$")


def shorten(text: str, length: int) -> str:
    """Cut a text to at most ``length`` characters, with a final ellipsis if cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def wrap_title(title: str, width: float) -> str:
    """Break a title into lines that fit a figure.

    Args:
        title: Any text.
        width: Figure width in inches.

    Returns:
        The title with newlines, safe to draw.
    """
    columns = max(12, int((width - 0.3) * _CHARACTERS_PER_INCH))
    return "\n".join(plain(line) for line in textwrap.wrap(title, columns))


def text_width(text: str, size: float) -> float:
    """Measure a text in the default font.

    Args:
        text: One line, safe to draw.
        size: Font size in points.

    Returns:
        Width in inches.
    """
    renderer = FigureCanvasAgg(Figure(figsize=(1, 1), dpi=DPI)).get_renderer()
    font = FontProperties(size=size)
    return renderer.get_text_width_height_descent(text, font, ismath=False)[0] / DPI


@cache
def _drawable_characters() -> frozenset[int]:
    """List the code points of the default font."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())
