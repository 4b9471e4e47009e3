"""The gallery: pictures cut out of those of runs, kept small, with their commands."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from carrying import Place, standing
from gallery import draw, gallery
from penalties import WANTED, cost_and_slope
from pictures import (
    Absent,
    Picture,
    Strip,
    asked_of,
    keep_picture,
    read_pictures,
    tiles_of,
)
from PIL import Image
from pretending import row
from targets import Row, read

from aerun.reporting.canvas import CLASS_COLOURS
from aerun.reporting.images import image_grid, sample_grid
from aerun.reporting.latent import latent_map
from aerun.reporting.tiles import FRAME_LEVEL
from aerun.sparsity import KLSparsity, SquaredSparsity

GENERATOR = np.random.default_rng(0)
DIGITS = GENERATOR.random((10, 1, 28, 28))
WHOLE = Picture(name="all", title="Digits", shows="What they are.", file="a.png")
LINES = Picture(
    name="lines",
    title="Lines",
    shows="Two.",
    strips=[
        Strip(label="input", of="a.png", line=1),
        Strip(label="plain", of="plain/a.png", line=2),
    ],
)
OF_TASK = Picture(name="chain", title="Chain", shows="It.", file="evaluate/a.png")


def drawn(first: np.ndarray = DIGITS, second: np.ndarray = 1 - DIGITS) -> bytes:
    """Two labelled lines of images under a title."""
    rows = {"input": first, "reconstruction": second}
    return image_grid(rows, low=0, high=1, title="Test examples, epoch 1")


@pytest.fixture
def finish(place: Place) -> Callable[..., Path]:
    """Leave what a finished run leaves."""

    def leave(mine: Row, name: str = "run", png: bytes | None = None) -> Path:
        folder = place.folder(mine, 0) / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "a.png").write_bytes(png or drawn())
        (folder / "summary.json").write_text(json.dumps({"status": "completed"}))
        return folder

    return leave


def page(mine: Row, place: Place, *pictures: Picture) -> tuple[str, list[str]]:
    """The page after drawing, and what could not be drawn."""
    where, of = [standing(mine, place)], {"mine": pictures}
    said = draw(where, of, place)
    return gallery(where, of, place), said


# -- cutting ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 3, 10])
def test_a_grid_is_cut_into_the_images_that_it_was_drawn_of(number: int) -> None:
    """Pixel by pixel, enlarged as they were drawn."""
    images = DIGITS[:number]
    grid = tiles_of(drawn(images, 1 - images))
    assert grid.shape[:2] == (2, number)
    factor = grid.shape[2] // 28
    found = grid[:, :, factor // 2 :: factor, factor // 2 :: factor, 0]
    expected = np.stack([images, 1 - images])[:, :, 0]
    assert found.shape == expected.shape
    assert np.abs(found - 255 * expected).max() <= 0.51


def test_places_without_an_image_are_white() -> None:
    """The last line of a grid need not be full."""
    images = np.zeros((7, 1, 8, 8))
    grid = tiles_of(sample_grid(images, low=0, high=1, title="Seven"))
    assert grid.shape[:2] == (3, 3)
    assert grid[:2].max() == grid[2, 0].max() == 0
    assert grid[2, 1:].min() == 255


def test_what_is_no_grid_is_refused() -> None:
    """Curves for example: a page without frames, and one of odd lines."""
    for lines in ([], [3, 9, 15]):
        pixels = np.full((20, 30, 3), 255, dtype=np.uint8)
        pixels[lines] = FRAME_LEVEL
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        with pytest.raises(Absent, match="no grid"):
            tiles_of(buffer.getvalue())


# -- what is shown ---------------------------------------------------------------------


def test_pictures_of_finished_runs_are_kept_and_shown(
    place: Place, finish: Callable[..., Path]
) -> None:
    """A whole file, and strips of two runs, each with its commands."""
    mine = row()
    finish(mine)
    finish(mine, "plain")
    text, said = page(mine, place, WHOLE, LINES)
    assert said == []
    assert "![Digits](gallery/mine_all.png)\n\n*Digits.* What they are. " in text
    ours, beside = "`aerun model=vae`", "`aerun model=simple`"
    assert f"{ours}; or `make reproduce ONLY=mine`.\n" in text
    assert f"Two. {ours}, {beside}; or `make reproduce ONLY=mine`.\n" in text
    strips = tiles_of((place.gallery / "mine_lines.png").read_bytes())
    assert strips.shape[:2] == (2, 10)
    assert np.array_equal(strips, tiles_of(drawn()))
    assert tiles_of((place.gallery / "mine_all.png").read_bytes()).shape == strips.shape


def test_pictures_keep_a_byte_per_pixel_and_their_colours(tmp_path: Path) -> None:
    """Greys as they are; classes are told apart on a map of codes."""
    path = tmp_path / "a.png"
    keep_picture(drawn(), path, "")
    with Image.open(path) as image, Image.open(io.BytesIO(drawn())) as before:
        assert image.mode == "L"
        assert image.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    labels = np.arange(200) % 10
    codes = GENERATOR.normal(size=(200, 2))
    names = [str(i) for i in range(10)]
    png = latent_map(codes, labels, classes=names, title="Codes", prior=None)
    keep_picture(png, path, "")
    with Image.open(path) as image, Image.open(io.BytesIO(png)) as before:
        assert image.mode == "P"
        pixels = np.asarray(before.convert("RGB"), dtype=int)
        found = np.asarray(image.convert("RGB"), dtype=int)
    for colour in CLASS_COLOURS:
        there = (pixels == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=2)
        assert there.any()
        assert np.abs(found - pixels)[there].max() < 12


def test_the_same_runs_give_the_same_files(
    place: Place, finish: Callable[..., Path]
) -> None:
    """Nothing is written that is there; pages are the same."""
    mine = row()
    finish(mine)
    path = place.gallery / "mine_all.png"
    first = page(mine, place, WHOLE), path.read_bytes(), path.stat().st_mtime_ns
    assert (page(mine, place, WHOLE), path.read_bytes(), path.stat().st_mtime_ns) == (
        first
    )
    path.unlink()
    page(mine, place, WHOLE)
    assert path.read_bytes() == first[1]
    finish(mine, png=drawn(1 - DIGITS))
    page(mine, place, WHOLE)
    assert path.read_bytes() != first[1]


def test_pictures_stay_when_runs_are_gone_and_say_when_they_are_stale(
    place: Place, finish: Callable[..., Path]
) -> None:
    """Other options make other runs, of which there is no picture yet."""
    mine = row()
    finish(mine)
    fresh, _ = page(mine, place, WHOLE)
    elsewhere = replace(place, runs=place.runs / "none")
    assert page(mine, elsewhere, WHOLE) == (fresh, [])
    other = replace(mine, request=["model=vae", "model.code=3"])
    stale, said = page(other, place, WHOLE)
    assert "*Digits (stale: options changed since).* What" in stale
    assert said == []
    assert asked_of(place.gallery / "mine_all.png") == mine.fingerprint()


def test_what_cannot_be_drawn_is_named(
    place: Place, finish: Callable[..., Path]
) -> None:
    """Runs that are not finished, and files or lines that are not there."""
    mine = row()
    folder = finish(mine)
    third = replace(LINES, strips=[Strip(of="a.png", line=3)])
    text, said = page(mine, place, replace(WHOLE, file="b.png"), LINES, third)
    assert [line.partition(" ")[0] for line in said] == [
        "mine_all.png:", "mine_lines.png:", "mine_lines.png:"
    ]  # fmt: skip
    assert said[0].endswith("run has no b.png")
    assert said[1].endswith("plain is not finished")
    assert said[2].endswith("a.png has 2 lines, not 3")
    assert text.count("not drawn yet") == 3
    (folder / "summary.json").write_text(json.dumps({"status": "interrupted"}))
    assert page(mine, place, WHOLE)[1] == [f"mine_all.png: {folder} is not finished"]


def test_the_newest_picture_of_a_task_is_shown(
    place: Place, finish: Callable[..., Path]
) -> None:
    """A task that was killed left a folder of its own."""
    mine = row()
    folder = finish(mine)
    for name, png in (("evaluate", drawn(1 - DIGITS)), ("evaluate_2", drawn())):
        (folder / name).mkdir()
        (folder / name / "a.png").write_bytes(png)
    text, _ = page(mine, place, WHOLE, OF_TASK)
    one, other = (place.gallery / f"mine_{name}.png" for name in ("all", "chain"))
    assert one.read_bytes() == other.read_bytes()
    shown = "`aerun model=vae`, `aerun task=evaluate run=last`; or"
    assert f"*Chain.* It. {shown}" in text


# -- what is to be shown ---------------------------------------------------------------


def test_every_picture_belongs_to_a_row() -> None:
    """Names are those of one file each; lines of strips are labelled or none is."""
    rows = read()
    pictures = read_pictures(rows)
    names = [f"{key}_{one.name}" for key, many in pictures.items() for one in many]
    assert len(set(names)) == len(names) > 20
    for row_ in rows:
        for picture in pictures.get(row_.key, ()):
            for file in picture.files:
                first, _, rest = file.partition("/")
                known = {*row_.beside, *row_.tasks, "reconstructions"}
                assert not rest or first in known, file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("other: []", "there is no row other"),
        ("pca: [{name: a, title: b, shows: c}]", "pca: a: needs one of file"),
        ("pca: [{name: a, title: b, shows: c, fil: d}]", "pca: .*fil"),
        ("pca: [{name: a, title: b, shows: c, strips: [{of: d}]}]", "pca: .*line"),
    ],
)
def test_a_mistake_in_the_pictures_names_its_row(
    tmp_path: Path, text: str, said: str
) -> None:
    """Before anything is drawn."""
    path = tmp_path / "pictures.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_pictures(read(), path)


def test_what_is_kept_is_small() -> None:
    """Under 6 MB together."""
    folder = Path(__file__).parents[2] / "docs/gallery"
    assert sum(path.stat().st_size for path in folder.glob("*")) < 6_000_000


# -- penalties -------------------------------------------------------------------------


def test_penalties_are_those_of_the_formulas() -> None:
    """Beside their closed forms, and slopes beside differences."""
    m = np.linspace(0.01, 0.99, 50)
    r = WANTED
    divergence = r * np.log(r / m) + (1 - r) * np.log((1 - r) / (1 - m))
    cost, slope = cost_and_slope(KLSparsity, m)
    assert np.allclose(cost, divergence)
    assert np.allclose(slope, np.abs((1 - r) / (1 - m) - r / m))
    cost, slope = cost_and_slope(SquaredSparsity, m)
    assert np.allclose(cost, (m - r) ** 2)
    assert np.allclose(slope, 2 * np.abs(m - r))
    assert torch.is_grad_enabled()


def test_penalty_curves_need_no_run(place: Place) -> None:
    """And are never stale."""
    picture = Picture(
        name="p", title="Penalties", shows="Two.", drawn_by="penalties.penalty_curves"
    )
    text, said = page(row(), place, picture)
    assert said == []
    assert "*Penalties.* Two. `make reproduce PAGES=1` draws it without a run." in text
    assert asked_of(place.gallery / "mine_p.png") == ""
