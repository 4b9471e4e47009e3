"""Grids of images and filters, and plain vectors."""

import numpy as np
import pytest

from aerun.reporting import images
from aerun.reporting.filters import filter_grid
from aerun.reporting.images import image_grid, sample_grid, vector_grid
from aerun.reporting.tiles import FRAME_LEVEL, NOT_FINITE, near_square, to_tiles


def find_colours(pixels: np.ndarray) -> set[tuple[int, ...]]:
    """Collect the colours that cover 1000 pixels or more, page and frames aside."""
    codes = pixels.astype(int) @ [65536, 256, 1]
    values, counts = np.unique(codes, return_counts=True)
    large = values[counts >= 1000].tolist()
    colours = {(value >> 16, value >> 8 & 255, value & 255) for value in large}
    return colours - {(255,) * 3, (FRAME_LEVEL,) * 3}


def flat(*levels: float, channels: int = 1, side: int = 8) -> np.ndarray:
    """Make one image of a single grey per level, [N, C, side, side]."""
    return np.array(levels)[:, None, None, None] * np.ones((1, channels, side, side))


@pytest.mark.parametrize("side", [2, 8, 28, 300])
def test_every_tile_keeps_its_own_grey(side, decode):
    """Different images are different pixels, exact in level, at every size."""
    rows = {"input": flat(0.0, 0.2, side=side), "output": flat(0.4, 0.6, side=side)}
    pixels = decode(image_grid(rows, low=0.0, high=1.0, title=""))
    assert find_colours(pixels) == {(g, g, g) for g in (0, 51, 102, 153)}


def test_tiles_stand_in_rows_of_examples(decode):
    """The first row's tiles lie above the second's, left to right as given."""
    rows = {"input": flat(0.0, 0.2), "reconstruction": flat(0.4, 0.6)}
    pixels = decode(image_grid(rows, low=0.0, high=1.0, title=""))[..., 0]
    centres = {g: np.argwhere(pixels == g).mean(axis=0) for g in (0, 51, 102, 153)}
    np.testing.assert_allclose(centres[0][0], centres[51][0], atol=15)
    np.testing.assert_allclose(centres[51][1], centres[153][1], atol=15)
    assert centres[102][0] > centres[0][0] + 50
    assert centres[51][1] > centres[0][1] + 50


@pytest.mark.parametrize(
    ("low", "high", "levels"), [(-1.0, 1.0, (-1.0, 0.0)), (0.0, 255.0, (-9.0, 127.5))]
)
def test_range_is_mapped_to_black_and_white(low, high, levels, decode):
    """The lower limit and what lies below is black, the middle is mid-grey."""
    pixels = decode(sample_grid(flat(*levels), low=low, high=high, title=""))
    assert find_colours(pixels) == {(0, 0, 0), (128, 128, 128)}


def test_colour_channels_are_red_green_blue(decode):
    """Three channels are shown in colour, in the order red, green, blue."""
    image = np.array([0.2, 0.4, 0.6])[None, :, None, None] * np.ones((1, 1, 9, 9))
    pixels = decode(sample_grid(image, low=0.0, high=1.0, title=""))
    assert find_colours(pixels) == {(51, 102, 153)}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_red(value):
    """A diverged pixel is shown as such, and does not disturb its neighbours."""
    image = flat(0.0)
    image[0, 0, 0, 0] = value
    tile = to_tiles(image, low=0.0, high=1.0)[0]
    assert tuple(tile[0, 0]) == NOT_FINITE
    assert not tile[1:].any()


@pytest.mark.parametrize(
    ("shape", "columns"),
    [((64, 8, 8), 8), ((10, 8, 8), 4), ((1, 8, 8), 1), ((8, 20, 10), 4)],
)
def test_sample_grid_is_about_square(shape, columns):
    """The number of columns makes width and height of the whole grid alike."""
    count, height, width = shape
    assert near_square(count, height=height, width=width) == columns


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"input": flat(0.0, 1.0), "output": flat(0.0)},
        {"input": flat(0.0), "output": flat(0.0, side=9)},
        {"input": np.zeros((1, 2, 8, 8))},
        {"input": np.zeros((0, 1, 8, 8))},
    ],
    ids=["none", "counts differ", "sizes differ", "two channels", "no examples"],
)
def test_what_are_not_matching_images_is_refused(rows):
    """Rows that differ in shape, or hold no images, raise an error."""
    with pytest.raises(ValueError, match="expected"):
        image_grid(rows, low=0.0, high=1.0, title="")


def test_empty_range_is_refused():
    """A range without extent cannot be mapped and raises an error."""
    with pytest.raises(ValueError, match="low < high"):
        sample_grid(flat(0.0), low=1.0, high=1.0, title="")


@pytest.mark.parametrize("channels", [1, 3])
def test_dead_filter_is_mid_grey(channels, decode):
    """A filter of zeros is mid-grey all over."""
    pixels = decode(filter_grid(np.zeros((1, channels, 8, 8)), title=""))
    assert find_colours(pixels) == {(128, 128, 128)}


def test_filters_are_scaled_one_by_one(decode):
    """A filter and its thousandfold look the same; the sign is light or dark."""
    pattern = np.ones((8, 8))
    pattern[:4] = -0.5
    weights = np.stack([pattern, 1000 * pattern])[:, None]
    pixels = decode(filter_grid(weights, title=""))
    assert find_colours(pixels) == {(64, 64, 64)}


@pytest.mark.parametrize("num_units", [99, 100, 101, 500])
def test_at_most_a_hundred_filters_are_drawn(num_units, decode):
    """Filters past the hundredth leave no trace in the grid."""
    weights = -flat(*np.ones(num_units))
    weights[100:] = 0.0
    pixels = decode(filter_grid(weights, title=""))
    assert find_colours(pixels) == {(0, 0, 0)}


@pytest.mark.parametrize("num_features", [2, 3])
def test_low_dimensional_vectors_share_one_scatter(num_features, figure_of):
    """Points in the plane or in space are drawn all together, named by row."""
    points = np.random.default_rng(0).normal(size=(50, num_features))
    rows = {"input": points, "reconstruction": points + 0.1}
    names = ["left", "up", "out"][:num_features]
    figure = figure_of(images, "vector_grid", rows, feature_names=names, title="")
    (axes,) = figure.axes
    assert [axes.get_xlabel(), axes.get_ylabel()] == ["left", "up"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["input", "reconstruction"]


@pytest.mark.parametrize(("count", "panels"), [(1, 1), (4, 4), (9, 6)])
def test_vectors_have_a_panel_per_example(count, panels, figure_of):
    """Up to six examples get a panel each, with one line per row."""
    points = np.random.default_rng(0).normal(size=(count, 5))
    rows = {"input": points, "corrupted": -points, "reconstruction": points / 2}
    names = ["a", "b", "c", "d", "$e_{"]
    figure = figure_of(images, "vector_grid", rows, feature_names=names, title="")
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert len(visible) == panels
    assert [len(axes.get_lines()) for axes in visible] == [3] * panels
    assert visible[-1].get_xticklabels()[0].get_text() == "a"


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ({"input": np.zeros((2, 3)), "output": np.zeros((2, 4))}, None),
        ({"input": np.full((2, 3), np.nan)}, None),
        ({"input": np.zeros((2, 3))}, ["a", "b"]),
    ],
    ids=["shapes differ", "not finite", "too few names"],
)
def test_vectors_that_cannot_be_drawn_are_refused(rows, names):
    """Rows that differ, values that are not finite and missing names are errors."""
    with pytest.raises(ValueError, match="expected"):
        vector_grid(rows, feature_names=names, title="")
