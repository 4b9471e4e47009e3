"""Folders of images: what is found, in which order, with which labels and pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imaging import encoded, fill, noise, pixels, read, write
from PIL import Image

from aerun.data.image_files import SUFFIXES
from aerun.errors import DataError

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize(
    ("size", "channels"), [((28, 20), 1), ((64, 48), 3), ((33, 47), 3), ((1, 1), 1)]
)
@pytest.mark.parametrize("name", ["plain", "my images (1)", "Füße/画像"])
def test_images_of_any_size_are_read_as_they_are(
    tmp_path: Path, size: tuple[int, int], channels: int, name: str
) -> None:
    """Every pixel of every image arrives, channels first, whatever the folder is."""
    made = np.stack(fill(tmp_path / name, 4, size=size, channels=channels))
    source = read(tmp_path / name)
    wanted = made[:, None] if channels == 1 else made.transpose(0, 3, 1, 2)
    assert pixels(source).dtype == np.uint8
    np.testing.assert_array_equal(pixels(source), wanted)
    assert (source.bounds, source.test, source.train[1]) == ((0, 255), None, None)
    assert source.notes == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_every_suffix_is_read(tmp_path: Path, suffix: str, case: Any) -> None:
    """Files of every kind that messages name are found, in either case."""
    fill(tmp_path, 3, size=(8, 9), suffix=case(suffix[1:]))
    found = pixels(read(tmp_path, colour="grey"))
    assert found.shape == (3, 1, 8, 9)
    assert found.std() > 30


def test_rows_are_in_the_order_of_names(tmp_path: Path) -> None:
    """Examples lie in the order of their paths, not in that of the disk."""
    for i, name in enumerate(["b/2.png", "a/9.png", "b/1.png", "a/10.png", "B/1.png"]):
        write(tmp_path / name, np.full((3, 3), i, dtype=np.uint8))
    source = read(tmp_path)
    assert pixels(source)[:, 0, 0, 0].tolist() == [4, 3, 1, 2, 0]
    assert source.names == ("B/1.png", "a/10.png", "a/9.png", "b/1.png", "b/2.png")


def test_folders_are_classes(tmp_path: Path) -> None:
    """Folders directly in the folder name the labels, whatever lies deeper in them."""
    fill(tmp_path / "cat", 2)
    fill(tmp_path / "a dog" / "deep" / "deeper", 3)
    source = read(tmp_path)
    assert source.classes == ("a dog", "cat")
    assert source.train[1] is not None
    assert source.train[1].tolist() == [0, 0, 0, 1, 1]
    assert source.train[1].dtype == np.int64
    assert source.notes == ("Labels: 2 class folders (a dog, cat).",)


def test_one_class_folder_gives_no_labels(tmp_path: Path) -> None:
    """A single class tells nothing; the user is told."""
    fill(tmp_path / "all", 4)
    source = read(tmp_path)
    assert (source.classes, source.train[1]) == (None, None)
    assert "only one class" in source.notes[0]


def test_images_beside_class_folders_are_told(tmp_path: Path) -> None:
    """Where some images have no class nobody has, and the user is told."""
    fill(tmp_path / "cat", 2)
    fill(tmp_path / "dog", 2)
    fill(tmp_path, 1)
    source = read(tmp_path)
    assert source.train[1] is None
    assert "1 of 5 images, such as 00.png" in source.notes[0]


@pytest.mark.parametrize("beside", [None, "README.txt", ".DS_Store"])
def test_train_and_test_inside_are_the_parts(
    tmp_path: Path, beside: str | None
) -> None:
    """Folders train and test are no classes but the parts, with common labels."""
    fill(tmp_path / "train" / "ant", 2)
    made = fill(tmp_path / "train" / "cat", 2, first=2)
    fill(tmp_path / "test" / "cat", 1, first=9)
    if beside:
        (tmp_path / beside).write_text("not an image")
    source = read(tmp_path)
    np.testing.assert_array_equal(pixels(source)[2:, 0], made)
    assert source.test is not None
    np.testing.assert_array_equal(source.test[0][:][0, 0], noise(9, 6, 5))
    assert source.classes == ("ant", "cat")
    assert source.test[1] is not None
    assert source.test[1].tolist() == [1]


def test_a_third_folder_makes_train_and_test_classes(tmp_path: Path) -> None:
    """Only train and test alone are parts."""
    for name in ("train", "test", "toys"):
        fill(tmp_path / name, 2)
    source = read(tmp_path)
    assert source.test is None
    assert source.classes == ("test", "toys", "train")


def test_a_test_path_is_the_test_part(tmp_path: Path) -> None:
    """All of path is for training then, even where it holds train and test."""
    fill(tmp_path / "mine" / "train", 2)
    fill(tmp_path / "mine" / "test", 2, first=2)
    fill(tmp_path / "other", 3, first=4)
    source = read(tmp_path / "mine", test_path=str(tmp_path / "other"))
    assert source.test is not None
    assert (len(source.train[0]), len(source.test[0])) == (4, 3)


def test_hidden_files_and_others_are_no_examples(tmp_path: Path) -> None:
    """Dot files, text and folders without images are passed over."""
    fill(tmp_path, 3)
    write(tmp_path / ".thumbs" / "x.png", noise(7, 6, 5))
    (tmp_path / "._00.png").write_bytes(b"\0")
    (tmp_path / "labels.csv").write_text("a,b")
    (tmp_path / "empty").mkdir()
    assert len(read(tmp_path).train[0]) == 3


def test_links_are_followed(tmp_path: Path) -> None:
    """Linked folders are folders, each read once under its first name."""
    fill(tmp_path / "store", 2)
    for name in ("b", "a"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "link").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "back").symlink_to(tmp_path / "mine")
    (tmp_path / "mine" / "only.png").symlink_to(tmp_path / "store" / "00.png")
    source = read(tmp_path / "mine")
    assert source.names == ("a/link/00.png", "a/link/01.png", "only.png")
    (said,) = (note for note in source.notes if "once" in note)
    assert "the link a/link/back leads to the folder itself and" in said
    assert said.endswith("left out, and 1 more.")


def test_links_between_sibling_folders_double_nothing(tmp_path: Path) -> None:
    """Each image is there once, whichever way the folders lead to each other."""
    for name, other in (("ant", "bee"), ("bee", "ant")):
        fill(tmp_path / name, 2)
        (tmp_path / name / "other").symlink_to(tmp_path / other)
    assert read(tmp_path).names == (
        "ant/00.png",
        "ant/01.png",
        "ant/other/00.png",
        "ant/other/01.png",
    )


# -- sizes and colours -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "shape"), [([4, 7], (4, 7)), (5, (5, 5)), ([6, 5], (6, 5))]
)
def test_images_are_stretched_to_a_size(
    tmp_path: Path, size: Any, shape: tuple[int, int]
) -> None:
    """Height and width, or one number for both; what changes is told."""
    fill(tmp_path, 3, size=(6, 5))
    source = read(tmp_path, size=size)
    assert source.train[0].shape == (3, 1, *shape)
    told = f"Images are stretched to {shape[0]}x{shape[1]} pixels."
    assert source.notes == (() if shape == (6, 5) else (told,))


def test_stretching_keeps_a_gradient(tmp_path: Path) -> None:
    """Height stays height: dark above, bright below, at any size."""
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[:, None], 7, 1)
    for i in range(3):
        write(tmp_path / f"{i}.png", ramp)
    found = pixels(read(tmp_path, size=[10, 30]))[0, 0].astype(int)
    assert (np.diff(found, axis=0) > 0).all()
    assert (np.ptp(found, axis=1) <= 1).all()


@pytest.mark.parametrize("size", [[], [5], [5, 5, 3]])
def test_a_size_of_another_length_is_refused(tmp_path: Path, size: list[int]) -> None:
    """The message says how a size is given."""
    fill(tmp_path, 3)
    with pytest.raises(DataError, match=r"dataset\.size=\[H,W\]") as caught:
        read(tmp_path, size=size)
    assert caught.value.key == "dataset.size"


@pytest.mark.parametrize(
    ("colour", "kinds", "channels"),
    [
        ("auto", [1, 1, 1], 1),
        ("auto", [1, 3, 1], 3),
        ("grey", [3, 3, 1], 1),
        ("rgb", [1, 1, 1], 3),
    ],
)
def test_channels(tmp_path: Path, colour: str, kinds: list[int], channels: int) -> None:
    """Auto is grey only where all images are; grey and rgb are kept to."""
    for i, kind in enumerate(kinds):
        write(tmp_path / f"{i}.png", noise(i, 6, 5, kind))
    found = pixels(read(tmp_path, colour=colour))
    assert found.shape == (3, channels, 6, 5)
    if channels == 3 and kinds[0] == 1:
        np.testing.assert_array_equal(found[0], np.stack([noise(0, 6, 5)] * 3))
    if channels == 1 and kinds[0] == 3:
        luma = noise(0, 6, 5, 3) @ [0.299, 0.587, 0.114]
        np.testing.assert_allclose(found[0, 0], luma, atol=1)


def test_palettes_become_their_colours(tmp_path: Path) -> None:
    """A palette of greys is grey, another is colour, and neither is its indices."""
    indices = noise(0, 6, 5) % 4
    for name, palette in (
        ("grey", [9, 9, 9, 80, 80, 80, 200, 200, 200, 255, 255, 255]),
        ("colour", [255, 0, 0, 0, 200, 0, 0, 0, 90, 7, 8, 9]),
    ):
        image = Image.fromarray(indices, "L")
        image.putpalette(palette)
        for i in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            image.save(tmp_path / name / f"{i}.png")
        found = pixels(read(tmp_path / name))[0]
        table = np.reshape(palette, (-1, 3))
        wanted = table[indices].transpose(2, 0, 1)
        np.testing.assert_array_equal(found, wanted[:1] if name == "grey" else wanted)


def test_one_bit_images_become_black_and_white(tmp_path: Path) -> None:
    """1-bit images are grey, 0 and 255."""
    bits = noise(0, 6, 5) > 127
    for i in range(3):
        Image.fromarray(bits).save(tmp_path / f"{i}.png")
    np.testing.assert_array_equal(pixels(read(tmp_path))[0, 0], bits * 255)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    """Fully transparent is white whatever is beneath, half is half way to white."""
    rgba = np.zeros((2, 3, 4), dtype=np.uint8)
    rgba[..., 3] = [0, 128, 255]
    for i in range(3):
        write(tmp_path / "rgba" / f"{i}.png", rgba)
        write(tmp_path / "la" / f"{i}.png", rgba[..., 2:])
        write(tmp_path / "key" / f"{i}.png", rgba[..., 0], transparency=0)
    for name, channels in (("rgba", 3), ("la", 1)):
        found = pixels(read(tmp_path / name))
        assert found.shape[1] == channels
        np.testing.assert_allclose(found[0, 0, 0], [255, 127, 0], atol=1)
    assert (pixels(read(tmp_path / "key")) == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["jpeg", "png", "tiff", "webp"])
def test_images_stand_upright(tmp_path: Path, orientation: int, form: str) -> None:
    """What a camera noted of its position is undone, in shape and in pixels."""
    upright = np.zeros((24, 16), dtype=np.uint8)
    upright[:8, :8] = 255  # the upper left corner is bright
    turns = {
        1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1], 5: lambda x: x.T, 6: lambda x: np.rot90(x),
        7: lambda x: x[::-1, ::-1].T, 8: lambda x: np.rot90(x, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(turns[orientation](upright), form, exif=exif)
    for i in range(3):
        (tmp_path / f"{i}.{form}").write_bytes(content)
    found = pixels(read(tmp_path, colour="grey"))
    assert found.shape == (3, 1, 24, 16)
    np.testing.assert_allclose(found[0, 0].astype(int), upright, atol=40)


def test_the_cameras_note_may_be_damaged(tmp_path: Path) -> None:
    """Pixels are used although the metadata beside them cannot be read."""
    for i in range(3):
        content = encoded(
            noise(i, 8, 8), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"
        )
        (tmp_path / f"{i}.jpg").write_bytes(content)
    assert pixels(read(tmp_path)).shape == (3, 1, 8, 8)


def test_a_bitmap_of_16_bits_is_in_colour(tmp_path: Path) -> None:
    """A .bmp of 5, 6 and 5 bits per channel loses nothing and is read."""
    head = b"BM" + np.array([78, 0, 70], "<u4").tobytes()
    sizes = np.array([40, 4, 1, 1 | 16 << 16, 3, 8, 0, 0, 0, 0], "<u4").tobytes()
    masks = np.array([0xF800, 0x07E0, 0x001F, 0], "<u4").tobytes()
    row = np.array([0xF800, 0x07E0, 0x001F, 0xFFFF], "<u2").tobytes()
    for i in range(3):
        (tmp_path / f"{i}.bmp").write_bytes(head + sizes + masks + row)
    found = pixels(read(tmp_path))[0, :, 0].T.tolist()
    assert found == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]
