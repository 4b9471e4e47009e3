"""The map of codes, and the bars of their divergence."""

import numpy as np
import pytest

from aerun.reporting import bars, latent
from aerun.reporting.bars import kl_per_dimension
from aerun.reporting.canvas import CLASS_COLOURS
from aerun.reporting.latent import latent_map

GENERATOR = np.random.default_rng(0)
NAMES = [str(digit) for digit in range(10)]


def legend_of(figure) -> list[str]:
    """Read the names in a figure's legend; none if it has no legend."""
    return [text.get_text() for box in figure.legends for text in box.get_texts()]


def num_drawn(axes) -> int:
    """Count the points of all scatters."""
    return sum(len(points.get_offsets()) for points in axes.collections)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 40])
@pytest.mark.parametrize(
    ("count", "spread", "labelled"),
    [
        (1, 1.0, True),
        (2, 1e6, False),
        (3, 1.0, True),
        (30, 0.0, True),
        (30, 1e-12, False),
    ],
)
def test_any_codes_can_be_drawn(dimensions, count, spread, labelled, decode):
    """Collapsed codes, single ones and more dimensions than codes are no trouble."""
    codes = 0.3 + spread * GENERATOR.normal(size=(count, dimensions))
    labels = np.arange(count) % 10 if labelled else None
    pixels = decode(latent_map(codes, labels, classes=NAMES, title="codes"))
    assert (pixels < 255).any(), "more than white paper"


@pytest.mark.parametrize("dimensions", [1, 2, 3, 8])
@pytest.mark.parametrize(
    ("num_classes", "names"),
    [(3, ["T-shirt", "$_x^", "_hidden"]), (20, None), (12, None)],
)
def test_legend_names_the_classes(dimensions, num_classes, names, figure_of):
    """Up to twenty classes are named, by name where known and else by index."""
    codes = GENERATOR.normal(size=(200, dimensions))
    labels = np.arange(200) % num_classes
    figure = figure_of(latent, "latent_map", codes, labels, classes=names, title="")
    expected = names or [str(label) for label in range(num_classes)]
    assert [text.replace("\\", "") for text in legend_of(figure)] == expected


@pytest.mark.parametrize("labels", [None, np.arange(200) % 21])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 8])
def test_no_legend_without_classes_to_tell_apart(dimensions, labels, figure_of):
    """Unknown classes, or more than twenty, give one colour and no legend."""
    codes = GENERATOR.normal(size=(200, dimensions))
    figure = figure_of(latent, "latent_map", codes, labels, classes=None, title="")
    assert legend_of(figure) == []


def test_labels_outside_the_class_names_are_shown_as_numbers(figure_of):
    """A label without a name, such as -1 for unknown, keeps its number."""
    codes, labels = GENERATOR.normal(size=(4, 2)), np.array([-1, 0, 1, 7])
    figure = figure_of(
        latent, "latent_map", codes, labels, classes=["zero", "one"], title=""
    )
    assert legend_of(figure) == ["-1", "zero", "one", "7"]


@pytest.mark.parametrize(("dimensions", "most"), [(2, 5000), (3, 500), (6, 5000)])
def test_large_sets_are_thinned_evenly(dimensions, most, figure_of):
    """Of many codes an evenly spaced subset is drawn, of every class."""
    codes = GENERATOR.normal(size=(12000, dimensions))
    labels = np.repeat(np.arange(10), 1200)
    figure = figure_of(latent, "latent_map", codes, labels, classes=NAMES, title="")
    assert num_drawn(figure.axes[0]) == most
    assert len(legend_of(figure)) == 10


def test_space_shows_short_names_as_letters_and_long_ones_as_markers(decode):
    """Codes in space are drawn as their labels, unless a name is too long."""
    codes, labels = GENERATOR.normal(size=(300, 3)), np.arange(300) % 2
    as_ones = latent_map(codes, labels, classes=["1", "1"], title="")
    as_eights = latent_map(codes, labels, classes=["8", "8"], title="")
    inks = [(decode(png) < 200).sum() for png in (as_ones, as_eights)]
    assert inks[1] > 1.1 * inks[0]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_axes_fit_the_codes(dimensions, figure_of):
    """The axes reach from just below the smallest code to just above the largest."""
    codes = 5 + GENERATOR.random((300, dimensions)) * [100.0, 10.0, 1.0][:dimensions]
    labels = np.zeros(300, dtype=int)
    figure = figure_of(latent, "latent_map", codes, labels, classes=NAMES, title="")
    for index, letter in enumerate("xyz"[:dimensions]):
        low, high = getattr(figure.axes[0], f"get_{letter}lim")()
        extent = np.ptp(codes[:, index])
        assert codes[:, index].min() - 0.1 * extent < low < codes[:, index].min()
        assert codes[:, index].max() < high < codes[:, index].max() + 0.1 * extent


@pytest.mark.parametrize(("stretch", "aspect"), [(1.0, 1.0), (20.0, "auto")])
def test_equal_aspect_only_where_it_does_not_squash(stretch, aspect, figure_of):
    """Both axes share a scale unless one range is much the larger."""
    codes = GENERATOR.random((300, 2)) * [stretch, 1.0]
    figure = figure_of(latent, "latent_map", codes, None, classes=None, title="")
    assert figure.axes[0].get_aspect() == aspect


@pytest.mark.parametrize("spread", [1, 2, 5])
@pytest.mark.parametrize("count", [100, 359, 2000])
def test_the_name_of_the_upright_axis_is_whole(count, spread, decode):
    """Whatever the ticks say once both axes have the same scale."""
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(count, 4)) * [1.5, 1.5, 0.5, 0.5]
    prior = spread * generator.normal(size=(5000, 4))
    labels = generator.integers(0, 3, count)
    pixels = decode(
        latent_map(codes, labels, classes=NAMES, title="codes", prior=prior)
    )
    dark = (pixels < 200).any(axis=(0, 2))
    assert np.flatnonzero(dark)[0] >= 4


def test_many_dimensions_are_reduced_by_principal_components(figure_of):
    """The title tells of the reduction, the labels give each share of variance."""
    codes = GENERATOR.normal(size=(5000, 5)) * [3.0, 2.0, 0.0, 0.0, 0.0]
    figure = figure_of(latent, "latent_map", codes, None, classes=None, title="run")
    assert figure.get_suptitle() == "run (2 of 5 dimensions, PCA)"
    shares = 100 * codes.var(axis=0)[:2] / codes.var(axis=0).sum()
    axes = figure.axes[0]
    for text, share in zip((axes.get_xlabel(), axes.get_ylabel()), shares, strict=True):
        assert float(text.split("(")[1].rstrip("%)")) == pytest.approx(share, abs=0.5)


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        (np.zeros(5), None),
        (np.zeros((0, 2)), None),
        (np.full((3, 2), np.nan), None),
        (np.zeros((3, 2)), np.zeros(4, dtype=int)),
    ],
    ids=["no matrix", "no codes", "not finite", "too many labels"],
)
def test_codes_that_cannot_be_drawn_are_refused(codes, labels):
    """Wrong shapes and values that are not finite raise an error."""
    with pytest.raises(ValueError, match="expected"):
        latent_map(codes, labels, classes=None, title="")


def test_bars_stand_in_descending_order(figure_of):
    """Bars fall from left to right, numbered by their dimension."""
    kl = np.array([0.2, 0.001, 1.5, 0.0])
    axes = figure_of(bars, "kl_per_dimension", kl, title="").axes[0]
    heights = [path.vertices[:, 1].max() for path in axes.collections[0].get_paths()]
    assert heights == [1.5, 0.2, 0.001, 0.0]
    assert [text.get_text() for text in axes.get_xticklabels()] == list("2013")


def test_only_active_dimensions_are_coloured(figure_of):
    """A dimension of exactly 0.01 nats is grey, and the title counts the others."""
    figure = figure_of(bars, "kl_per_dimension", np.array([0.01, 0.011]), title="kl")
    first, second = figure.axes[0].collections[0].get_facecolors()[:, :3]
    expected = [int(CLASS_COLOURS[0][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    np.testing.assert_allclose(first, expected)
    assert np.ptp(second) == 0
    assert figure.get_suptitle() == "kl (1 of 2 dimensions active)"
    assert "nats" in figure.axes[0].get_ylabel()


@pytest.mark.parametrize("kl", [np.zeros(0), np.zeros((2, 2)), np.array([np.nan])])
def test_divergences_that_cannot_be_drawn_are_refused(kl):
    """Anything but a vector of finite numbers raises an error."""
    with pytest.raises(ValueError, match="expected"):
        kl_per_dimension(kl, title="")


@pytest.mark.parametrize("far", [0.0, 40.0])
def test_contours_hold_their_share_of_the_prior(far, figure_of):
    """Half of a Gaussian lies within 1.18 deviations, 95 % within 2.45."""
    prior = GENERATOR.normal(size=(20_000, 2))
    codes = GENERATOR.normal(size=(300, 2)) + far
    figure = figure_of(
        latent, "latent_map", codes, None, classes=None, title="", prior=prior
    )
    assert legend_of(figure) == ["95% of prior", "50% of prior"]
    (contours,) = [c for c in figure.axes[0].collections if hasattr(c, "levels")]
    for path, radius in zip(contours.get_paths(), (2.448, 1.177), strict=True):
        found = np.linalg.norm(path.vertices, axis=1).mean()
        assert found == pytest.approx(radius, rel=0.05)


def test_a_prior_of_one_point_is_marked(figure_of):
    """Without a width of its own it gets a small one."""
    figure = figure_of(
        latent, "latent_map", GENERATOR.normal(size=(9, 2)), None, classes=None,
        title="", prior=np.zeros((100, 2)),
    )  # fmt: skip
    (contours,) = [c for c in figure.axes[0].collections if hasattr(c, "levels")]
    assert np.abs(contours.get_paths()[0].vertices).max() < 0.1
