"""Folders and image files that cannot be used: what is said, what is left out."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from imaging import encoded, fill, noise, pixels, read, write
from PIL import Image

from aerun.data import image_folder
from aerun.data.image_files import ImageProblem, decode, look_at
from aerun.errors import DataError

pytestmark = pytest.mark.usefixtures("cache")


def refusal(path: Path | str, key: str = "dataset.path", **options: object) -> str:
    """The message of a refused folder."""
    with pytest.raises(DataError) as caught:
        read(path, **options)  # type: ignore[arg-type]
    assert caught.value.key == key
    return str(caught.value)


# -- folders ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "does not exist; give a folder of images"),
        ("~nobody-here/x", "does not exist; give a folder of images"),
        ("a.png", "is a file; give the folder that holds it"),
        ("a.png/deeper", "does not exist; give a folder"),
        ("empty", "holds nothing; give a folder of images (png, jpg"),
        ("texts", "holds only other files such as a.txt; give a folder of images"),
    ],
)
@pytest.mark.parametrize("as_test", [False, True])
def test_what_is_no_folder_of_images_is_refused(
    tmp_path: Path, name: str, said: str, as_test: bool
) -> None:
    """The message names the place, what is there and what to give instead."""
    write(tmp_path / "a.png", noise(0, 4, 4))
    fill(tmp_path / "good", 3)
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("hello")
    path = name if name.startswith("~") else str(tmp_path / name)
    if as_test:
        message = refusal(tmp_path / "good", "dataset.test_path", test_path=path)
    else:
        message = refusal(path)
    assert message.startswith(f"{path} {said}")


def test_an_empty_path_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``dataset.path=$UNSET`` reads nothing."""
    fill(tmp_path, 3)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="empty; give a folder"):
        image_folder(path="", test_path=None, size=None, colour="auto", unusable="skip")


@pytest.mark.parametrize("which", ["", "deeper"])
def test_a_folder_that_cannot_be_listed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Missing permission is told, before anything else and also by ``stamp``."""
    fill(tmp_path / "mine", 3)
    fill(tmp_path / "mine" / "deeper", 3)
    closed, scandir = str(tmp_path / "mine" / which).rstrip("/"), os.scandir

    def guarded(path: object) -> object:
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", guarded)
    message = refusal(tmp_path / "mine")
    assert message.startswith(f"{closed} cannot be read (Permission denied); change")
    assert image_folder.stamp({"path": str(tmp_path / "mine"), "test_path": None})


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_images_are_refused(tmp_path: Path, number: int) -> None:
    """One or two images cannot be three parts; they are named."""
    fill(tmp_path, number)
    message = refusal(tmp_path)
    assert f"{tmp_path} holds {number} usable image" in message
    assert "00.png" in message
    assert "add images" in message


def test_two_images_are_enough_beside_test_images(tmp_path: Path) -> None:
    """Nothing has to be held out for the test part then."""
    fill(tmp_path / "mine" / "train", 2)
    fill(tmp_path / "mine" / "test", 1)
    assert len(read(tmp_path / "mine").train[0]) == 2
    (tmp_path / "mine" / "train" / "01.png").unlink()
    assert "training, validation need one each" in refusal(tmp_path / "mine")


def test_mixed_sizes_are_refused(tmp_path: Path) -> None:
    """A file of each size is named, and the option that brings all to one."""
    fill(tmp_path, 3, size=(6, 5))
    write(tmp_path / "odd.png", noise(0, 9, 8))
    message = refusal(tmp_path, "dataset.size")
    for part in ("2 sizes", "00.png is 6x5", "odd.png is 9x8", "dataset.size=[6,5]"):
        assert part in message
    assert pixels(read(tmp_path, size=[6, 5])).shape == (4, 1, 6, 5)


# -- files -----------------------------------------------------------------------------


def cut_jpeg() -> bytes:
    """A JPEG whose header is whole and whose pixels end half way."""
    content = encoded(noise(0, 64, 64), "JPEG", quality=95)
    return content[: len(content) // 2]


def bad_chunk() -> bytes:
    """A PNG with bytes changed among its pixels."""
    content = bytearray(encoded(noise(0, 64, 64), "PNG"))
    content[41:71] = b"\xff" * 30
    return bytes(content)


def wide_png() -> bytes:
    """An RGB image of 16 bits per channel, which PIL would cut to 8."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress((b"\0" + bytes(24)) * 4))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


def frames(form: str) -> bytes:
    """An image file with two pictures."""
    other = Image.fromarray(noise(1, 6, 5))
    return encoded(noise(0, 6, 5), form, save_all=True, append_images=[other])


def as_mode(mode: str, form: str) -> bytes:
    """Colours in another space than RGB."""
    import io

    buffer = io.BytesIO()
    Image.fromarray(noise(0, 6, 5, 3)).convert(mode).save(buffer, form)
    return buffer.getvalue()


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "zero.png": (lambda: b"", "is empty (0 bytes)"),
    "text.png": (lambda: b"hello there", "is no readable image"),
    "cut.jpg": (cut_jpeg, "is no readable image (image file is truncated"),
    "chunk.png": (bad_chunk, "is no readable image"),
    "deep.png": (
        lambda: encoded(noise(0, 6, 5).astype(np.uint16), "PNG"),
        "has 16 bits per channel, of which 8 would be kept; convert it to 8 bits",
    ),
    "wide.png": (wide_png, "has 16 bits per channel"),
    "wide.ppm": (lambda: b"P6 4 4 65535\n" + bytes(96), "has 16 bits per channel"),
    "wide.pgm": (lambda: b"P5 4 4 65535\n" + bytes(32), "has 16 bits per channel"),
    "float.tif": (
        lambda: encoded(noise(0, 6, 5).astype(np.float32), "TIFF"),
        "has 32 bits per channel, of which 8 would be kept; convert it to 8 bits, or "
        "keep them all in a .npy file with dataset=array",
    ),
    "print.jpg": (lambda: as_mode("CMYK", "JPEG"), "is in CMYK, not in RGB; convert"),
    "lab.tif": (lambda: as_mode("LAB", "TIFF"), "is in LAB, not in RGB; convert"),
    "moving.gif": (lambda: frames("GIF"), "is animated or has several pages (2); save"),
    "moving.png": (lambda: frames("PNG"), "is animated or has several pages (2); save"),
    "pages.tif": (lambda: frames("TIFF"), "is animated or has several pages (2); save"),
}


@pytest.mark.parametrize("name", FILES)
def test_unusable_files_are_refused_or_left_out(tmp_path: Path, name: str) -> None:
    """The message names the file, its trouble and the way out; skip takes that."""
    made = fill(tmp_path, 3)
    content, said = FILES[name]
    (tmp_path / name).write_bytes(content())
    message = refusal(tmp_path, size=[6, 5])
    assert message.startswith(f"1 of 4 files cannot be used: {tmp_path / name} {said}")
    assert message.endswith("; dataset.unusable=skip leaves such files out")
    source = read(tmp_path, size=[6, 5], unusable="skip")
    np.testing.assert_array_equal(pixels(source)[:, 0], made)
    told = [note for note in source.notes if "left out" in note]
    assert told[0].startswith(f"1 of 4 files are left out: {tmp_path / name} {said}")


def test_a_link_that_leads_nowhere_is_no_silent_loss(tmp_path: Path) -> None:
    """A broken link is told, and is looked at again once it leads somewhere."""
    fill(tmp_path / "mine", 3)
    (tmp_path / "mine" / "x.png").symlink_to(tmp_path / "away.png")
    message = refusal(tmp_path / "mine")
    assert "x.png cannot be read (No such file or directory)" in message
    write(tmp_path / "away.png", noise(9, 6, 5))
    assert len(read(tmp_path / "mine").train[0]) == 4


def test_a_file_that_could_not_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk's moment of weakness is not remembered as damage of the file."""
    fill(tmp_path, 3)

    def weak(path: Path) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", weak)
        message = refusal(tmp_path)
    assert "00.png cannot be read (Input/output error)" in message
    assert message.count("00.png") == 1
    assert len(read(tmp_path).train[0]) == 3


def test_many_unusable_files_are_counted(tmp_path: Path) -> None:
    """Three are named, the others counted."""
    fill(tmp_path, 3)
    for i in range(5):
        (tmp_path / f"bad{i}.png").touch()
    message = refusal(tmp_path)
    assert message.startswith("5 of 8 files cannot be used")
    assert "bad2.png is empty" in message
    assert "bad3.png" not in message
    assert "; and 2 more; dataset.unusable=skip" in message


@pytest.mark.parametrize("unusable", ["refuse", "skip"])
@pytest.mark.parametrize("content", [b"", cut_jpeg()], ids=["seen", "decoded"])
def test_nothing_usable_is_refused(
    tmp_path: Path, unusable: str, content: bytes
) -> None:
    """Leaving out all files leaves nothing, so it is not offered."""
    for i in range(4):
        (tmp_path / f"{i}.jpg").write_bytes(content)
    message = refusal(tmp_path, unusable=unusable)
    assert message.startswith("4 of 4 files cannot be used")
    assert "skip" not in message


def test_a_damaged_test_image_is_left_out(tmp_path: Path) -> None:
    """What only decoding finds in the test part is left out there."""
    fill(tmp_path / "train", 3, size=(64, 64))
    fill(tmp_path / "test", 2, size=(64, 64))
    (tmp_path / "test" / "cut.jpg").write_bytes(cut_jpeg())
    source = read(tmp_path, unusable="skip")
    assert source.test is not None
    assert (len(source.train[0]), len(source.test[0])) == (3, 2)
    assert "1 of 3 files are left out" in source.notes[0]


def test_damage_of_any_kind_is_an_image_problem(tmp_path: Path) -> None:
    """Whatever bytes are changed, a file is read or refused; nothing else is raised."""
    chance, array = random.Random(0), noise(0, 20, 24, 3)
    options = {"TIFF": {"compression": "tiff_deflate"}, "GIF": {}, "PNG": {}, "BMP": {}}
    path, refused = tmp_path / "x", 0
    for form, chosen in options.items():
        whole = encoded(array, form, **chosen)
        for _ in range(30):
            content = bytearray(whole)
            for _ in range(chance.choice([1, 2, 5])):
                content[chance.randrange(min(len(content), 200))] = chance.randrange(
                    256
                )
            path.write_bytes(content[: chance.choice([len(content), 150])])
            refused += look_at(path, []).problem is not None
            try:
                decode(path, size=(20, 24), is_grey=False)
            except ImageProblem:
                refused += 1
    assert refused > 50


def test_an_image_beyond_pils_limit_is_to_be_made_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word of attacks: the user's own photo is large."""
    fill(tmp_path, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    message = refusal(tmp_path)
    assert "00.png has more than 20 pixels, which are not decoded; make it" in message
    assert "attack" not in message


def test_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    """Also where the folder has such a name."""
    folder = tmp_path / os.fsdecode(b"gr\xfcn")
    fill(folder, 3)
    assert len(read(folder).train[0]) == 3
