"""Many examples in one piece of a page: a picture of tiles, or a table of values."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from aerun.reporting.groups import evenly_spaced
from aerun.reporting.page.page import data_uri
from aerun.reporting.tiles import near_square, reduced, to_tiles

_SIDE = 64  # pixels of the longer side of a tile, at most
_BLOCK = 8  # pixels of JPEG's blocks, which tiles do not share
_QUALITIES = (88, 75, 60, 40, 20)
_LOSSLESS = 2_000_000  # bytes of pixels up to which PNG is tried first
_SMOOTH = 40  # pixels from which a tile is enlarged smoothly
FEATURES = 256  # values of a vector that are kept, evenly spaced

Blocks = Iterator[np.ndarray]
"""Examples in order, [n, *shape] at a time, in the units of the data."""


def image_sheet(
    blocks: Blocks, *, low: float, high: float, most_bytes: int
) -> dict[str, Any]:
    """Pack images into one picture.

    Args:
        blocks: Images [n, C, H, W] with C = 1 or 3; large ones are reduced.
        low: Value drawn black.
        high: Value drawn white.
        most_bytes: Of the picture; to keep to it, quality and then size are lowered.

    Returns:
        For the page: the picture as ``image``, and where its tiles are.
    """
    single = (block[i : i + 1] for block in blocks for i in range(len(block)))
    tiles = np.concatenate([_small(to_tiles(x, low=low, high=high)) for x in single])
    while True:
        sheet, where = _laid_out(tiles)
        for encode in _encoders(sheet):
            content = encode()
            if len(content) <= most_bytes:
                smooth = max(where["size"]) >= _SMOOTH
                return {"image": data_uri(content), "smooth": smooth, **where}
        tiles = reduced(tiles, 2)


def vector_sheet(blocks: Blocks, names: Sequence[str] | None) -> dict[str, Any]:
    """Keep vectors as numbers of four digits.

    Args:
        blocks: Vectors [n, D]; of long ones 256 evenly spaced values are kept.
        names: Of the D features; None for their numbers.

    Returns:
        For the page: ``values`` [N, D'], and ``names``, ``low``, ``high`` [D'].
    """
    whole = np.concatenate([block.reshape(len(block), -1) for block in blocks])
    places = evenly_spaced(whole.shape[1], FEATURES)
    values = np.nan_to_num(whole[:, places], posinf=0.0, neginf=0.0)
    return {
        "values": [[float(f"{v:.4g}") for v in row] for row in values.tolist()],
        "names": [str(i) if names is None else names[i] for i in places.tolist()],
        "low": [float(f"{v:.4g}") for v in values.min(0)],
        "high": [float(f"{v:.4g}") for v in values.max(0)],
    }


def fitted(picture: bytes, most_bytes: int) -> bytes:
    """A PNG file as it is, or one that looks alike and is small enough."""
    if len(picture) <= most_bytes:
        return picture
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    while True:
        for quality in _QUALITIES:
            content = _jpeg(image, quality)
            if len(content) <= most_bytes:
                return content
        image = image.reduce(2)


def _small(tiles: np.ndarray) -> np.ndarray:
    return reduced(tiles, -(-max(tiles.shape[1:3]) // _SIDE))


def _laid_out(tiles: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Tiles [N, H, W, 3] on one canvas, each in whole blocks of its own."""
    count, height, width, _ = tiles.shape
    down, right = -height % _BLOCK, -width % _BLOCK
    padded = np.pad(tiles, ((0, 0), (0, down), (0, right), (0, 0)), mode="edge")
    _, tall, wide, _ = padded.shape
    columns = near_square(count, height=tall, width=wide)
    padded = np.pad(padded, ((0, -count % columns), (0, 0), (0, 0), (0, 0)))
    grid = padded.reshape(-1, columns, tall, wide, 3).transpose(0, 2, 1, 3, 4)
    where = {"columns": columns, "size": [width, height], "pitch": [wide, tall]}
    return grid.reshape(-1, columns * wide, 3), where


def _encoders(sheet: np.ndarray) -> Iterator[Callable[[], bytes]]:
    """Ways to write a picture, the best first."""
    grey = bool((sheet == sheet[..., :1]).all())
    image = Image.fromarray(np.ascontiguousarray(sheet[..., 0] if grey else sheet))
    if sheet[..., : 1 if grey else 3].size <= _LOSSLESS:
        yield lambda: _png(image)
    for quality in _QUALITIES:
        yield lambda quality=quality: _jpeg(image, quality)  # type: ignore[misc]


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _jpeg(image: Image.Image, quality: int) -> bytes:
    """Without the coarser colours that would bleed from tile to tile."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
