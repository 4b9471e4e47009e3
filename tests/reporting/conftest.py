"""Ways to look at a figure: its pixels, or the drawn objects just before encoding."""

from collections.abc import Callable
from io import BytesIO
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread


@pytest.fixture
def decode() -> Callable[[bytes], np.ndarray]:
    """Give a function from a PNG file to pixels [H, W, 3], uint8."""

    def decode_png(png: bytes) -> np.ndarray:
        assert png.startswith(b"\x89PNG")
        return np.rint(255 * imread(BytesIO(png))[..., :3]).astype(np.uint8)

    return decode_png


@pytest.fixture
def figure_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Figure]:
    """Give a function that draws as usual and returns the figure itself."""

    def draw(module: ModuleType, name: str, *args: object, **kwargs: object) -> Figure:
        kept: list[Figure] = []

        def keep(figure: Figure) -> bytes:
            kept.append(figure)
            figure.draw_without_rendering()  # which puts everything in its place
            return b""

        monkeypatch.setattr(module, "to_png", keep)
        getattr(module, name)(*args, **kwargs)
        return kept[0]

    return draw
