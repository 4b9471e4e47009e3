"""Data of anybody: no code of theirs is run, and memory is taken for what is there."""

import io
import pickle
import struct
import tarfile
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import png, was_run
from numpy.lib import format as npy

from aerun.cli import main
from aerun.data import array, cells, image_files
from aerun.data.idx import read_idx
from aerun.data.image_folder import image_folder
from aerun.data.matlab import read_mat
from aerun.data.pickled import load_arrays
from aerun.data.table import table
from aerun.errors import DataError

pytest_plugins = ["hostile"]

ARRAY, CIFAR10 = (import_module(f"aerun.data.{name}") for name in ("array", "cifar10"))

SING = b"ccanary\nsing\n(tR."
"""A pickle that calls a function of theirs."""


def _header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    file = io.BytesIO()
    form = {"descr": descr, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, form)
    return file.getvalue()


def _object_array() -> bytes:
    return _header((1,), "|O") + SING


def _archive(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(name, content)
    return file.getvalue()


ARRAYS = {
    "a pickle": SING,
    "an array of objects": _object_array(),
    "one in an archive": _archive(("x.npy", _object_array())),
    "labels that are objects": _archive(
        ("x.npy", _header((2, 3)) + b"\0" * 48), ("y.npy", _object_array())
    ),
    "a pickle in an archive": _archive(("x.npy", SING)),
    "more than is there": _header((10**6, 10**6)),
    "more than there can be": _header((2**40, 2**40)),
    "less than nothing": _header((-(10**6), 3)),
    "much of nothing": _header((10**15, 3), "|V0"),
    "more than an archive has": _archive(("x.npy", _header((10**6, 10**6)))),
    "code in a header": b"\x93NUMPY\x01\x00\x20\x00"
    + b"__import__('canary').sing()     \n",
    "a path out of an archive": _archive(("../../x.npy", b"")),
}


@pytest.mark.parametrize("content", ARRAYS.values(), ids=ARRAYS)
def test_arrays_are_numbers_that_are_there(
    place: Path, capsys: Any, content: bytes
) -> None:
    """All else is named in one message, whatever the name of the file."""
    for name in ("data.npy", "data.npz"):
        (place / name).write_bytes(content)
        assert main(["task=inspect", "dataset=array", f"dataset.path={name}"]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"aerun: dataset.path={name}: {name} ")
        assert "Traceback" not in said
    assert not was_run(place)


def test_an_archive_unpacks_to_what_data_can_be(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand times its size is none, beyond what fits anyway."""
    packed = _archive(("x.npy", _header((1000, 1000)) + b"\0" * 8_000_000))
    (place / "x.npz").write_bytes(packed)
    assert array(path="x.npz", test_path=None).train[0].shape == (1000, 1000)
    monkeypatch.setattr(ARRAY, "_LARGE", 10**6)
    with pytest.raises(DataError, match=r"'x' would unpack [\d,]+ bytes to 8,000,128"):
        array(path="x.npz", test_path=None)


def test_a_pickle_of_arrays_calls_nothing_else(place: Path) -> None:
    """Also in the place of a published file, after its hash."""
    (place / "batch").write_bytes(SING)
    with pytest.raises(DataError, match=r"would run canary\.sing"):
        load_arrays(place / "batch")
    (place / "batch").write_bytes(pickle.dumps({"data": np.zeros(3)}))
    assert load_arrays(place / "batch")["data"].tolist() == [0, 0, 0]
    assert not was_run(place)


def test_an_archive_writes_nothing_by_its_own_paths(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither members that climb, nor links, nor devices."""
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)
    for kind in kinds:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as tar:
            for name in (
                "../../out",
                "/tmp/aerun_out",
                "cifar-10-batches-py/test_batch",
            ):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, str(place / "mine.py")
                tar.addfile(member)
        content = file.getvalue()

        def fetch(urls: Any, path: Path, digest: str, content: bytes = content) -> None:
            path.write_bytes(content)

        monkeypatch.setattr(CIFAR10, "download", fetch)
        (place / "scratch").mkdir(exist_ok=True)
        with pytest.raises(OSError, match="is no plain file"):
            CIFAR10._fetch({"test_batch": "md5:0"}, place / "scratch")
        assert [p.name for p in (place / "scratch").iterdir()] == [
            "cifar-10-python.tar.gz"
        ]
    assert not Path("/tmp/aerun_out").exists()


def test_headers_of_published_files_are_believed_by_their_size(place: Path) -> None:
    """IDX files and those of MATLAB; nothing is made that large."""
    huge = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 2**31)
    (place / "x").write_bytes(huge + b"\0" * 10)
    with pytest.raises(DataError, match="announces 2147483648 x"):
        read_idx(place / "x", num_dimensions=3)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x100, b"IM")
    flags = struct.pack("<4I", 6, 8, 9, 0)  # an array of bytes
    size = struct.pack("<2I2i", 5, 8, 2**30, 2**30)
    name = struct.pack("<2I8s", 1, 1, b"X")
    data = struct.pack("<2I", 2, 2**31)
    body = flags + size + name + data
    (place / "x").write_bytes(head + struct.pack("<2I", 14, len(body)) + body)
    with pytest.raises(DataError, match=r"is no readable \.mat file"):
        read_mat(place / "x", {"X": (-1, -1)})


OPTIONS: dict[str, Any] = {"test_path": None, "label": None, "columns": None,
                           "exclude_columns": []}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        f"a,b\n1,{'2' * 200_000}\n",
        f'a,b\n1,"{"x" * 200_000}\n',
        f"{'a' * 200_000}\n1\n",
    ],
    ids=["a number", "a quote without end", "a name"],
)
def test_a_giant_cell_is_refused(place: Path, text: str) -> None:
    """With the limit and the line."""
    (place / "t.csv").write_text(text)
    with pytest.raises(DataError, match=r"field larger than field limit \(131072\)"):
        table(path="t.csv", **OPTIONS)


def test_a_giant_line_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before all of it is in memory; lines up to there are read."""
    monkeypatch.setattr(cells, "_LONGEST", 1000)
    (place / "t.csv").write_text("a,b\n1,2\n" + "1," * 499 + "\n")
    with pytest.raises(DataError, match="line 3: 500 cells"):
        table(path="t.csv", **OPTIONS)
    (place / "t.csv").write_text("a,b\n1,2\n" + "1," * 500 + "1\n")
    with pytest.raises(DataError, match=r"a line has more than 1,000 letters, after"):
        table(path="t.csv", **OPTIONS)


def test_a_picture_of_too_many_pixels_is_refused(place: Path) -> None:
    """By its header, with the limit."""
    (place / "photos").mkdir()
    for number in range(3):
        (place / f"photos/{number}.png").write_bytes(png(50_000, 50_000))
    with pytest.raises(DataError, match=r"has more than [\d,]+ pixels"):
        image_folder(path="photos", test_path=None, size=8, colour="auto",
                     unusable="refuse")  # fmt: skip


def test_a_file_of_too_many_bytes_is_not_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive can make one out of nothing."""
    with open(place / "x.png", "wb") as file:
        file.truncate(2**30 + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("it was read"))
    found = image_files.look_at(place / "x.png", [0, 0, 0, 0])
    assert found.problem == "has 1.07 GB, which is no image; take it out"
