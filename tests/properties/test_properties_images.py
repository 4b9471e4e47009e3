"""Folders of images of every kind and name, and of damaged ones."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from filing import NAMES, given_data, trained_on
from holding import examples, hold, swept
from hypothesis import strategies as st
from PIL import Image
from test_properties_tables import OPTIONS

MODES = [
    "1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F",
    "I;16",
]  # fmt: skip
FORMATS = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "tif": "TIFF",
           "webp": "WEBP", "ppm": "PPM", "PNG": "PNG"}  # fmt: skip
OF_IMAGES: list[dict[str, Any]] = [
    {}, {"unusable": "skip"}, {"unusable": "skip", "size": 4}, {"size": [3, 5]},
    {"size": 1}, {"size": []}, {"size": [1, 1, 1]}, {"colour": "grey"},
    {"colour": "rgb", "unusable": "skip"},
]  # fmt: skip
SIZES = [(1, 1), (1, 4096), (4096, 1), (3, 2), (2, 3), (8, 8)]
_ORIENTATION = 0x0112


@st.composite
def _images(draw: st.DrawFn, size: tuple[int, int]) -> tuple[str, bytes]:
    """A suffix and the bytes of an image, some of them damaged."""
    usual = st.sampled_from(["L", "RGB"])
    mode = draw(st.one_of(usual, usual, usual, st.sampled_from(MODES)))
    suffix = draw(st.one_of(st.just("png"), st.sampled_from(sorted(FORMATS))))
    pixels = np.random.default_rng(draw(st.integers(0, 3))).integers(0, 256, size)
    if draw(st.integers(0, 3)) == 0:
        pixels[...] = draw(st.sampled_from([0, 255, 7]))
    grey = Image.fromarray(pixels.astype(np.uint8).T)
    extra: dict[str, Any] = {}
    if draw(st.integers(0, 2)) == 0:
        exif = Image.Exif()
        exif[_ORIENTATION] = draw(st.sampled_from([0, 1, 3, 5, 6, 8, 9, 99]))
        extra["exif"] = exif
    if suffix in ("gif", "tif", "png") and draw(st.integers(0, 19)) == 0:
        extra |= {"save_all": True, "append_images": [grey, grey.copy()]}
    stored = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = (
                grey.convert("I").convert(mode)
                if mode == "I;16"
                else grey.convert(mode)
            )
            made.save(stored, FORMATS[suffix], **extra)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            stored = io.BytesIO()  # a mode that this format does not have
            grey.save(stored, "PNG")
    content = bytearray(stored.getvalue())
    if draw(st.integers(0, 19)) == 0:
        where = draw(st.integers(0, len(content) - 1))
        with_bytes = draw(st.binary(min_size=1, max_size=6))
        content[where : where + len(with_bytes)] = with_bytes
    if draw(st.integers(0, 29)) == 0:
        del content[draw(st.integers(0, len(content))) :]
    return suffix, bytes(content)


def _name(name: str) -> str:
    """A name that a file may have."""
    return (
        name.replace("/", "_").encode()[:200].decode(errors="ignore").strip(".") or "x"
    )


@st.composite
def folders(draw: st.DrawFn) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Files by their relative paths, and options to read them with."""
    size = draw(st.sampled_from(SIZES))
    number = draw(st.sampled_from([0, 2, 3, 3, 4, 4, 5, 6]))
    places = draw(
        st.lists(st.sampled_from([*NAMES, "train", "test", ".x"]), max_size=2)
    )
    found: dict[str, bytes] = {}
    for i in range(number):
        odd = draw(st.integers(0, 29)) == 0
        suffix, content = draw(_images(draw(st.sampled_from(SIZES)) if odd else size))
        folder = f"{_name(places[i % len(places)])}/" if places else ""
        named = _name(draw(st.sampled_from(NAMES)))
        found[f"{folder}{named}{i}.{suffix}"] = content
    if draw(st.integers(0, 4)) == 0:
        found["notes.txt"] = b"x"
    options = draw(st.sampled_from(OF_IMAGES))
    options = options | draw(st.sampled_from(OPTIONS))
    if 4096 in size:
        options.pop("scale", None)  # whitening so many values takes half a minute
    return found, options


def _fill(place: Path, found: dict[str, bytes]) -> Path:
    folder = place / "my images"
    folder.mkdir()
    for name, content in found.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@examples(few=15, many=1200)
def test_a_folder_is_read_or_refused_in_words(alone: Path, number: int) -> None:
    """Any mode, format, size, turn, name and damage: finite pixels, or a message."""

    def check(drawn: tuple[dict[str, bytes], dict[str, Any]]) -> None:
        found, options = drawn
        given_data("image_folder", _fill(alone, found), **options)
        swept(alone)

    hold(number, folders(), check)


@examples(few=2, many=40)
def test_a_folder_that_is_read_trains(alone: Path, number: int) -> None:
    """One image a class, 1x1 and 1x4096 pixels, any name: a whole run, or words."""

    def check(drawn: tuple[dict[str, bytes], dict[str, Any]]) -> None:
        found, options = drawn
        trained_on("image_folder", _fill(alone, found), **options)
        swept(alone)

    hold(number, folders(), check)
