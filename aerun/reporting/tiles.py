"""Grids of small images, composed in NumPy and drawn with a single call.

One axes per image costs milliseconds each; one canvas for all of them keeps a
figure of a hundred tiles as cheap as a figure of one.
"""

import math
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from aerun.reporting.canvas import (
    DPI,
    INK,
    LABEL_SIZE,
    TITLE_SIZE,
    plain,
    shorten,
    text_width,
    to_png,
    wrap_title,
)

GAP = 4  # pixels between tiles
FRAME = 1  # pixels of grey around a tile, so that white images have an edge
FRAME_LEVEL = 190
MARGIN = 14  # pixels around the grid
MINIMUM_PITCH = 22  # pixels per row, enough for a line of text
NOT_FINITE = (214, 39, 40)  # red: neither a grey nor likely in an image


def to_tiles(images: np.ndarray, *, low: float, high: float) -> np.ndarray:
    """Turn images into displayable pixels.

    Args:
        images: Any real values, [N, C, H, W] with C = 1 (grey) or 3 (colour).
        low: Value drawn black; smaller ones are clipped.
        high: Value drawn white, > ``low``; larger ones are clipped.

    Returns:
        Pixels [N, H, W, 3], uint8; those with a NaN or infinity are red.

    Raises:
        ValueError: The shape is not that of images, or the range is empty.
    """
    images = np.asarray(images, dtype=np.float64)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.size == 0:
        raise ValueError(
            f"images have shape {list(images.shape)}; expected [N, C, H, W] with "
            "C = 1 or 3 and no size 0; reshape them before drawing"
        )
    if not low < high:
        raise ValueError(f"low = {low}, high = {high}; expected low < high")
    finite = np.isfinite(images)
    level = (np.where(finite, images, low) - low) / (high - low)
    pixels = np.rint(255 * np.clip(level, 0, 1)).astype(np.uint8)
    pixels = np.repeat(pixels.transpose(0, 2, 3, 1), 3 // images.shape[1], axis=3)
    pixels[~finite.all(axis=1)] = NOT_FINITE
    return pixels


def near_square(count: int, *, height: int, width: int) -> int:
    """Choose the columns that make a grid of equal tiles about as wide as high.

    Args:
        count: Number of tiles, >= 1.
        height: Height of a tile in pixels.
        width: Width of a tile in pixels.

    Returns:
        Number of columns, in 1..count.
    """
    return min(count, max(1, math.ceil(math.sqrt(count * height / width) - 1e-9)))


def draw_tiles(
    tiles: np.ndarray, *, columns: int, title: str, labels: list[str] | None = None
) -> bytes:
    """Draw tiles row by row under a title.

    Args:
        tiles: Pixels [N, H, W, 3], uint8, N >= 1.
        columns: Number of tiles per row, >= 1.
        title: Wrapped to the width of the grid, which sets the figure's width.
        labels: One text per row, drawn at its left; None for none.

    Returns:
        A PNG file; each pixel of a small image becomes a sharp square.
    """
    tiles = _resize(tiles, side=min(180, max(64, 720 // columns)))
    pitch = max(tiles.shape[1] + 2 * FRAME + GAP, MINIMUM_PITCH if labels else 0)
    canvas = _compose(tiles, columns=columns, pitch=pitch)
    height, width = canvas.shape[:2]

    shown = [plain(shorten(label, 24)) for label in labels or []]
    widest = max((text_width(label, LABEL_SIZE) for label in shown), default=0.0)
    left = MARGIN + (math.ceil(widest * DPI) + 10 if shown else 0)
    full_width = max(left + width + MARGIN, 420)
    # A grid narrower than its title stands in the middle of the figure.
    left += (full_width - left - width - MARGIN) // 2
    lines = wrap_title(title, full_width / DPI)
    title_height = 16 + 22 * len(lines.splitlines())
    full_height = title_height + height + MARGIN

    figure = Figure(figsize=(full_width / DPI, full_height / DPI), dpi=DPI)
    FigureCanvasAgg(figure)
    box = np.array([left, MARGIN, width, height], dtype=float)
    axes = figure.add_axes(box / ([full_width, full_height] * 2))
    axes.set_axis_off()
    axes.imshow(canvas, aspect="auto", interpolation="nearest")
    look: dict[str, Any] = {"color": INK, "fontsize": TITLE_SIZE}
    figure.text(0.5, 1 - 10 / full_height, lines, ha="center", va="top", **look)
    look = {"color": INK, "fontsize": LABEL_SIZE}
    for index, label in enumerate(shown):
        centre = title_height + index * pitch + tiles.shape[1] / 2 + FRAME
        place = ((left - 10) / full_width, 1 - centre / full_height)
        figure.text(*place, label, ha="right", va="center", **look)
    return to_png(figure)


def _resize(tiles: np.ndarray, *, side: int) -> np.ndarray:
    """Scale tiles by a whole factor so that their longer side is near ``side``.

    Args:
        tiles: Pixels [N, H, W, 3], uint8.
        side: Wanted length in pixels.

    Returns:
        Pixels [N, H', W', 3], uint8: repeated when enlarged, averaged when reduced.
    """
    _, height, width, _ = tiles.shape
    factor = max(1, round(side / max(height, width)))
    if factor > 1:
        return tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    return reduced(tiles, max(1, round(max(height, width) / (1.5 * side))))


def reduced(tiles: np.ndarray, divisor: int) -> np.ndarray:
    """Average blocks of pixels.

    Args:
        tiles: Pixels [N, H, W, 3], uint8.
        divisor: Side of a block, >= 1; blocks at the rim repeat its pixels.

    Returns:
        Pixels [N, ceil(H / divisor), ceil(W / divisor), 3], uint8.
    """
    if divisor == 1:
        return tiles
    count, height, width, _ = tiles.shape
    down, right = -height % divisor, -width % divisor
    padded = np.pad(tiles, ((0, 0), (0, down), (0, right), (0, 0)), mode="edge")
    blocks = padded.reshape(count, (height + down) // divisor, divisor, -1, divisor, 3)
    return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)


def _compose(tiles: np.ndarray, *, columns: int, pitch: int) -> np.ndarray:
    """Lay framed tiles out on one white canvas.

    Args:
        tiles: Pixels [N, H, W, 3], uint8.
        columns: Number of tiles per row.
        pitch: Pixels from the top of a row to the top of the next.

    Returns:
        Pixels [rows * pitch, columns * (W + frame and gap), 3], less the gap at the
        right, uint8.
    """
    edge = ((0, 0), (FRAME, FRAME), (FRAME, FRAME), (0, 0))
    framed = np.pad(tiles, edge, constant_values=FRAME_LEVEL)
    blank = -len(tiles) % columns
    below = pitch - framed.shape[1]
    around = ((0, blank), (0, below), (0, GAP), (0, 0))
    cells = np.pad(framed, around, constant_values=255)
    _, height, width, _ = cells.shape
    grid = cells.reshape(-1, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(-1, columns * width, 3)[:, :-GAP]
