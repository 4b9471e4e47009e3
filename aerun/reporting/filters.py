"""The first level's weights, drawn as the images they respond to."""

import numpy as np

from aerun.reporting.tiles import draw_tiles, near_square, to_tiles

MAXIMUM_TILES = 100


def filter_grid(weights: np.ndarray, *, title: str) -> bytes:
    """Show each unit's incoming weights as a tile: mid-grey is zero.

    Every tile is scaled by its own largest weight in size, because units differ
    more in size than in pattern, and the pattern is what the eye is asked for.
    Dark is negative, light is positive; in colour, each channel by itself.

    Args:
        weights: One filter per unit, [U, C, H, W] with C = 1 or 3.
        title: Text above the grid, to which "(shown of U)" is added.

    Returns:
        A PNG file with the first 100 filters at most; one of zeros only (a dead
        unit) is mid-grey all over.

    Raises:
        ValueError: ``weights`` have no image shape.
    """
    shown = np.asarray(weights, dtype=np.float64)[:MAXIMUM_TILES]
    # A diverged weight must not blank its neighbours; the tile marks it in red.
    sizes = np.where(np.isfinite(shown), np.abs(shown), 0.0)
    largest = sizes.max(axis=tuple(range(1, shown.ndim)), keepdims=True, initial=0.0)
    scaled = shown / np.where(largest > 0, largest, 1.0)
    tiles = to_tiles(scaled, low=-1.0, high=1.0)
    count, height, width, _ = tiles.shape
    columns = near_square(count, height=height, width=width)
    return draw_tiles(
        tiles, columns=columns, title=f"{title} ({count} of {len(weights)})"
    )
