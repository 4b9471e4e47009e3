"""Maps of codes for pages: points, the plane, and what is decoded on it."""

import base64
import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from aerun.reporting.code_map import Look, code_map, shown_places
from aerun.reporting.groups import group_by_class
from aerun.reporting.plane import plane_of
from aerun.reporting.sheets import fitted, image_sheet, vector_sheet

CODES = np.random.default_rng(0).normal(size=(300, 6)) * [5, 1, 3, 0.1, 0.2, 0.3]
LABELS = np.arange(300) % 4
GREY = Look(shape=(1, 5, 4), low=0.0, high=1.0, names=None)


def mapped(codes, labels=LABELS, *, look=GREY, decode=None, classes=None) -> dict:
    """A map of codes, whose examples are noise."""
    places = shown_places(len(codes), look)
    examples = np.random.default_rng(1).random((len(places), *look.shape))
    return code_map(codes, labels, places=places, classes=classes, look=look,
                    examples=iter([examples]), decode=decode)  # fmt: skip


def pixels(sheet: dict) -> np.ndarray:
    """The picture of a sheet, [H, W, 3]."""
    content = base64.b64decode(sheet["image"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def constant(codes: np.ndarray) -> np.ndarray:
    """Images that show the first number of codes."""
    return np.repeat(codes[:, :1], 20, 1).reshape(-1, 1, 5, 4)


def tile(sheet: dict, index: int) -> np.ndarray:
    """One of its tiles, found as the page finds it."""
    (width, height), (wide, tall) = sheet["size"], sheet["pitch"]
    x, y = index % sheet["columns"] * wide, index // sheet["columns"] * tall
    return pixels(sheet)[y : y + height, x : x + width]


# -- the plane -------------------------------------------------------------------------


def test_the_plane_of_long_codes_is_that_of_pca() -> None:
    """Through the mean, along the first two components; shares are in the names."""
    plane, oracle = plane_of(CODES), PCA(2).fit(CODES)
    np.testing.assert_allclose(plane.project(CODES), oracle.transform(CODES))
    points = np.random.default_rng(2).normal(size=(7, 2))
    np.testing.assert_allclose(plane.codes(points), oracle.inverse_transform(points))
    np.testing.assert_allclose(plane.project(plane.codes(points)), points, atol=1e-9)
    share = f"{oracle.explained_variance_ratio_[0]:.1%}"
    assert plane.names[0] == f"component 1 ({share})"


@pytest.mark.parametrize("size", [1, 2])
def test_short_codes_are_their_own_plane(size: int) -> None:
    """Nothing is turned or moved."""
    plane = plane_of(CODES[:, :size])
    np.testing.assert_array_equal(plane.project(CODES[:, :size]), CODES[:, :size])
    np.testing.assert_array_equal(plane.codes(CODES[:, :size]), CODES[:, :size])
    assert plane.names == ("code 0", "code 1")[:size]


def test_a_collapsed_code_has_a_map() -> None:
    """All points are at one place, and around it there is something to decode."""
    made = mapped(np.ones((40, 6)), LABELS[:40], decode=constant)
    assert set(made["points"]) == {0.0}
    assert all(low < 0 < high for low, high in made["frame"])


# -- the map ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 6])
def test_what_is_decoded_lies_on_the_frame(size: int) -> None:
    """Corners first: the sheet's cells are the codes at the grid's places."""
    seen: list[np.ndarray] = []

    def decode(codes: np.ndarray) -> np.ndarray:
        seen.append(codes)
        return np.zeros((len(codes), 1, 5, 4))

    codes = CODES[:, :size]
    made = mapped(codes, decode=decode)
    asked, plane = np.concatenate(seen), plane_of(codes)
    columns, rows = made["grid"]
    assert len(asked) == columns * rows == 441
    (left, right), (bottom, top) = made["frame"]
    corners = [[left, bottom], [right, bottom], [left, top], [right, top]]
    places = [0, columns - 1, columns * (rows - 1), columns * rows - 1]
    np.testing.assert_allclose(asked[places], plane.codes(np.array(corners)), rtol=1e-4)


def test_a_code_of_one_number_is_a_line() -> None:
    """Classes stand above each other, and decoding moves along one side."""
    made = mapped(CODES[:, :1], decode=constant)
    assert made["grid"] == [41, 1]
    heights = np.array(made["points"]).reshape(-1, 2)[:, 1]
    np.testing.assert_array_equal(heights.round(), made["group"])
    assert made["names"] == ["code 0", "class"]
    row = [int(tile(made["decoded"], i)[0, 0, 0]) for i in range(41)]
    assert row == sorted(row)
    assert row[0] < row[-1]


def test_classes_look_as_in_the_pictures() -> None:
    """The same number means the same colour and marker there."""
    labels = np.arange(300) % 13
    made = mapped(CODES, labels, classes=["<b>"] * 13)
    groups = group_by_class(labels, None, count=300)
    assert [g["style"] for g in made["groups"]] == [g.style for g in groups]
    assert [g.marker for g in groups] == ["o"] * 10 + ["^"] * 3
    assert made["group"] == (np.arange(300) % 13).tolist()
    assert made["groups"][0]["name"] == "<b>"


def test_too_many_classes_are_told_not_coloured() -> None:
    """Each point has its name."""
    made = mapped(CODES, np.arange(300), classes=[f"class {i}" for i in range(300)])
    assert made["groups"] == [{"name": "", "style": 0}]
    assert made["labels"][17] == f"class {made['numbers'][17]}"


def test_a_model_without_decoder_has_points_alone() -> None:
    """And examples to hover over."""
    made = mapped(CODES)
    assert "decoded" not in made
    assert len(made["points"]) == 2 * len(made["group"]) == 600


@pytest.mark.parametrize(
    ("shape", "number"),
    [((1, 28, 28), 2000), ((3, 64, 64), 976), ((3, 128, 128), 976), ((5,), 2000),
     ((1000,), 585)],
)  # fmt: skip
def test_how_many_points_there_are(shape: tuple[int, ...], number: int) -> None:
    """At most 2000, spread over all examples, fewer of large ones."""
    look = Look(shape=shape, low=0.0, high=1.0, names=None)
    places = shown_places(5000, look)
    assert len(places) == number
    assert (places[0], places[-1]) == (0, 4999)


# -- the sheets ------------------------------------------------------------------------


def test_tiles_are_the_images() -> None:
    """Exactly, where the picture is small."""
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 7, 9))
    sheet = image_sheet(iter([images[:20], images[20:]]), low=0, high=255,
                        most_bytes=10**6)  # fmt: skip
    for index in (0, 13, 29):
        np.testing.assert_array_equal(
            tile(sheet, index), images[index].transpose(1, 2, 0)
        )


def test_a_sheet_keeps_to_its_size() -> None:
    """Colour noise, the hardest to pack, first in quality and then in pixels."""
    images = np.random.default_rng(0).integers(0, 256, (300, 3, 64, 64))
    sheet = image_sheet(iter([images]), low=0, high=255, most_bytes=300_000)
    assert len(sheet["image"]) < 410_000
    assert sheet["image"].startswith("data:image/jpeg")
    assert tile(sheet, 299).shape[1::-1] == tuple(sheet["size"])


def test_large_images_are_reduced() -> None:
    """To at most 64 pixels a side, by averaging."""
    images = np.zeros((2, 1, 200, 100))
    images[1, :, ::2] = 1
    sheet = image_sheet(iter([images]), low=0, high=1, most_bytes=10**6)
    assert sheet["size"] == [25, 50]
    np.testing.assert_allclose(tile(sheet, 1), 127.5, atol=1)


def test_vectors_are_numbers() -> None:
    """Of four digits; of long ones, evenly spaced features with their names."""
    x = np.random.default_rng(0).normal(size=(9, 1001))
    sheet = vector_sheet(iter([x[:5], x[5:]]), [f"f{i}" for i in range(1001)])
    assert np.shape(sheet["values"]) == (9, 256)
    assert (sheet["names"][0], sheet["names"][-1]) == ("f0", "f1000")
    np.testing.assert_allclose(np.array(sheet["values"])[:, -1], x[:, -1], rtol=1e-3)
    np.testing.assert_allclose(sheet["low"][0], x[:, 0].min(), rtol=1e-3)


def test_large_pictures_are_made_to_fit() -> None:
    """Small ones stay byte for byte."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    png = buffer.getvalue()
    assert fitted(png, len(png)) == png
    assert len(fitted(png, 50_000)) <= 50_000


def test_a_sheet_takes_little_memory() -> None:
    """Large images are reduced one by one, not in several copies of all."""
    images = np.zeros((64, 3, 256, 256), dtype=np.uint8)
    tracemalloc.start()
    image_sheet(iter([images]), low=0, high=255, most_bytes=10**6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * images.nbytes
