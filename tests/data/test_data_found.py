"""Data that drawn examples once found to end otherwise than in a message."""

import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imaging import noise
from imaging import read as read_images
from PIL import Image

from aerun.data import DatasetOptions, Source, array, prepare, table
from aerun.errors import DataError

OPTIONS: dict[str, Any] = {
    "validation": 0.2, "test": 0.2, "split_seed": 0, "limit": None,
    "exclude_classes": [], "scale": "unit", "zca_epsilon": 0.1, "binarize": "none",
}  # fmt: skip


def _refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        array(path=str(path), test_path=None)
    return str(caught.value)


def _gathered(source: Source, **options: Any) -> np.ndarray:
    data = prepare(source, DatasetOptions(**{**OPTIONS, **options}))
    return data.train.gather(slice(None)).numpy()


@pytest.mark.parametrize(
    "header", ["{", "{'descr': '<f4'", "'" * 9, "(" * 900, "-" * 990]
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: str) -> None:
    """Whatever Python's parser raises on it becomes a message."""
    text = header.ljust(1023).encode() + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
    (tmp_path / "mine.npy").write_bytes(start + text + bytes(64))
    assert "is no " in _refusal(tmp_path / "mine.npy")


def test_an_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    """Zipfile calls it a RuntimeError."""
    stored = io.BytesIO()
    np.savez(stored, x=np.zeros((9, 4)))
    content = bytearray(stored.getvalue())
    for mark in (b"PK\x01\x02", b"PK\x03\x04"):
        flags = content.index(mark) + (8 if mark == b"PK\x01\x02" else 6)
        content[flags] |= 1
    (tmp_path / "mine.npz").write_bytes(content)
    assert "password" in _refusal(tmp_path / "mine.npz")


def test_a_damaged_member_is_refused_however_it_is_packed(tmp_path: Path) -> None:
    """LZMA's error is of none of Python's usual kinds."""
    path, stored = tmp_path / "mine.npz", io.BytesIO()
    np.save(stored, np.zeros((9, 4)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("x.npy", stored.getvalue())
    content = bytearray(path.read_bytes())
    content[50:60] = b"\xff" * 10
    path.write_bytes(content)
    assert "is no readable" in _refusal(path)
    assert issubclass(lzma.LZMAError, Exception)


def test_labels_that_are_missing_are_refused(tmp_path: Path) -> None:
    """NaN is how a missing label is stored; it is no class."""
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.eye(4), y=[0, 1, np.nan, np.nan])
    assert "2 labels that are NaN, the first at [2]" in _refusal(path)


@pytest.mark.parametrize("y", [np.zeros(4, "i4,f4"), np.arange(4) * 1j])
def test_labels_of_no_known_kind_are_refused(tmp_path: Path, y: np.ndarray) -> None:
    """Records and complex numbers name no classes."""
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.eye(4), y=y)
    assert "numbers or texts are needed" in _refusal(path)


def test_labels_in_bytes_are_texts(tmp_path: Path) -> None:
    """Classes are called a and b, not b'a' and b'b'."""
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.eye(4), y=np.array([b"a", b"b", b"a", b"a"]))
    assert array(path=str(path), test_path=None).classes == ("a", "b")


def test_a_nan_of_any_bits_is_no_more_than_refused(tmp_path: Path) -> None:
    """Some make the processor raise a flag, of which NumPy would warn."""
    x = np.zeros((4, 3))
    x.view(np.uint64)[0, 0] = 0x7FF0000000000001
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(DataError, match="1 values that are NaN or infinite"):
        array(path=str(tmp_path / "x.npy"), test_path=None)


def test_durations_are_no_numbers(tmp_path: Path) -> None:
    """NumPy counts them among the whole numbers."""
    path = tmp_path / "mine.npy"
    np.save(path, np.arange(12).reshape(4, 3).astype("m8[s]"))
    assert "numbers are needed" in _refusal(path)


def test_a_cell_beyond_float32_is_refused(tmp_path: Path) -> None:
    """A column of them would be infinitely wide."""
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n1,2\n3,-1e300\n")
    options: dict[str, Any] = {"label": None, "columns": None, "exclude_columns": []}
    with pytest.raises(
        DataError, match=r"line 3, column 'b': '-1e300' is beyond 3\.4e"
    ):
        table(path=str(path), test_path=None, **options)
    with pytest.raises(DataError, match="1 values that are NaN or infinite"):
        _gathered(Source(train=(np.array([[1.0], [2], [1e300], [1]]), None)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("scale", ["unit", "standard"])
def test_a_column_of_almost_no_width_is_constant(scale: str, dtype: str) -> None:
    """Dividing by 1e-40 would give infinity, and NaN where the column is zero."""
    x = np.zeros((20, 2), dtype=dtype)
    x[::2, 1] = 1e-40
    found = _gathered(Source(train=(x, None)), scale=scale)
    np.testing.assert_allclose(found, 0, atol=1e-30)


def test_a_constant_column_is_zero_when_standardised() -> None:
    """Not plus or minus one by the rounding of its mean."""
    x = np.full((7, 2), 0.1)
    x[:, 1] = np.arange(7)
    found = _gathered(Source(train=(x, None)), scale="standard", test=1, validation=1)
    np.testing.assert_allclose(found[:, 0], 0, atol=1e-12)
    assert found[:, 1].std() == pytest.approx(1)


def test_whitening_by_almost_nothing_is_refused() -> None:
    """Its matrix would be infinite along axes without variance."""
    x = np.random.default_rng(0).random((20, 3))
    x[:, 2] = 0.5
    with pytest.raises(DataError, match="is too small for axes") as caught:
        _gathered(Source(train=(x, None)), scale="zca", zca_epsilon=1e-310)
    assert caught.value.key == "dataset.zca_epsilon"


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path: Path) -> None:
    """Neither the pixels nor, as once, the height and width alone."""
    exif = Image.Exif()
    exif[0x0112] = 99
    for i in range(4):
        Image.fromarray(noise(i, 3, 8)).save(tmp_path / f"{i}.png", exif=exif)
    found = read_images(tmp_path).train[0][:]
    assert found.shape == (4, 1, 3, 8)
    np.testing.assert_array_equal(found[1, 0], noise(1, 3, 8))
