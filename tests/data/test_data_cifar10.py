"""CIFAR-10: pickles that run nothing, and an archive that writes nowhere else."""

import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torchvision.datasets
from publishing import Web, lay, md5

from aerun.data.pickled import load_arrays
from aerun.errors import DataError

CIFAR10 = import_module("aerun.data.cifar10")
NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


class Python2Pickler(pickle._Pickler):
    """Writes as Python 2 did: text and bytes are byte strings, flags are numbers."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, content: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(content)

    def save_text(self, text: str) -> None:
        self.save_bytes(text.encode("latin1"))

    def save_flag(self, flag: bool) -> None:
        self.write(pickle.BININT1 + bytes([flag]))

    dispatch[bytes], dispatch[str], dispatch[bool] = save_bytes, save_text, save_flag


def python2(value: Any) -> bytes:
    """A pickle as in the published files, which Python 2 and an old NumPy wrote."""
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(value)
    return file.getvalue().replace(b"numpy._core", b"numpy.core")


def batch(start: int, number: int = 3) -> dict[str, Any]:
    """Images that are ``start + i`` in red, 100 in green and 200 in blue."""
    images = np.zeros((number, 3, 32, 32), dtype=np.uint8)
    images[:, 0] = (start + np.arange(number))[:, None, None]
    images[:, 1], images[:, 2] = 100, 200
    images[:, 2, 0, 31] = 7  # the right end of the first row
    labels = [(start + i) % 10 for i in range(number)]
    return {"data": images.reshape(number, -1), "labels": labels, "batch_label": "one"}


@pytest.fixture
def batches() -> dict[str, bytes]:
    """The six files, three images each."""
    return {name: python2(batch(3 * i)) for i, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    "dump",
    [python2, partial(pickle.dumps, protocol=3), partial(pickle.dumps, protocol=4)],
    ids=["python 2", "protocol 3", "protocol 4"],
)
def test_arrays_are_read(tmp_path: Path, dump: Callable[[Any], bytes]) -> None:
    """What Python 2 or 3 wrote comes back, byte for byte and without a warning."""
    wanted = {"data": np.arange(300).astype(np.uint8), "x": np.eye(2), "labels": [1, 2]}
    lay(tmp_path, {"batch": dump(wanted)})
    found = load_arrays(tmp_path / "batch")
    assert found.keys() == wanted.keys()
    np.testing.assert_array_equal(found["data"], wanted["data"])
    np.testing.assert_array_equal(found["x"], np.eye(2))
    assert found["data"].dtype == np.uint8
    assert found["labels"] == [1, 2]


def test_flags_as_numbers_are_taken(tmp_path: Path) -> None:
    """A type whose flags an old NumPy wrote as 1 is read without a warning."""
    lay(tmp_path, {"batch": b"cnumpy\ndtype\n(S'u1'\nI1\nI1\ntR."})
    assert load_arrays(tmp_path / "batch") == np.uint8


class Payload:
    """Runs a command when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.marker}'",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_runs_nothing(tmp_path: Path, protocol: int) -> None:
    """A command is refused by name and not run, though plain unpickling would."""
    marker = tmp_path / "marker"
    content = pickle.dumps({"data": [Payload(marker)]}, protocol=protocol)
    lay(tmp_path, {"batch": content})
    with pytest.raises(DataError, match=r"batch would run \w+\.system"):
        load_arrays(tmp_path / "batch")
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"cnumpy\nload\n(S'x'\ntR.", "would run numpy.load"),
        (b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.", "ndarray.__class__"),
        (b"cnumpy\ndtype\n(S'O'\ntR.", "only numbers are read"),
        (b"Pname\n.", "persistent"),
        (b"", "EOFError"),
        (pickle.dumps(np.zeros(9))[:-20], "no readable pickle"),
        (b"cnumpy\nndarray\n(S'x'\ntR.", "TypeError"),
    ],
)
def test_all_else_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    """Other functions, objects, references to outside and damage are data errors."""
    lay(tmp_path, {"batch": content})
    with pytest.raises(DataError, match=problem) as caught:
        load_arrays(tmp_path / "batch")
    assert caught.value.key == "dataset.root"
    assert str(tmp_path / "batch") in str(caught.value)


def check(source: Any) -> None:
    """That all images of the six files are there, in order."""
    for (images, labels), first, number in (
        (source.train, 0, 15),
        (source.test, 15, 3),
    ):
        assert images.shape == (number, 3, 32, 32)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(
            images[:, 0, 9, 9], np.arange(first, first + number)
        )
        assert np.all(images[:, 1] == 100)
        assert np.all(images[:, 2, 0] == [200] * 31 + [7])
        np.testing.assert_array_equal(labels, np.arange(first, first + number) % 10)
        assert labels.dtype == np.int64


def test_the_batches_are_read(
    tmp_path: Path, web: Web, publish: Callable, batches: dict[str, bytes]
) -> None:
    """Five files make the training set; rows hold red, green and blue in turn."""
    publish(CIFAR10, batches)
    lay(tmp_path / "cifar-10-batches-py", batches)
    source = CIFAR10.cifar10(root=str(tmp_path))
    check(source)
    assert ", ".join(source.classes) == (
        "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"
    )
    assert web.asked == []


def test_the_table_is_torchvisions() -> None:
    """Hashes of files and archive, folder and address are those that it has."""
    theirs = torchvision.datasets.CIFAR10
    known = {name: f"md5:{digest}" for name, digest in
             [*theirs.train_list, *theirs.test_list]}  # fmt: skip
    assert known == CIFAR10.FILES.digests
    assert f"md5:{theirs.tgz_md5}" == CIFAR10._ARCHIVE
    assert theirs.base_folder == CIFAR10.FILES.folder
    assert list(CIFAR10._URLS) == [theirs.url]


@pytest.mark.parametrize(
    "wrong",
    [
        [1, 2],
        {"labels": [1]},
        batch(0) | {"labels": [0, 1]},
        batch(0) | {"labels": [0, 1, 10]},
        batch(0) | {"data": np.zeros((3, 3072))},
        batch(0) | {"data": np.zeros((3, 3071), dtype=np.uint8)},
    ],
)
def test_other_contents_are_refused(
    tmp_path: Path, publish: Callable, batches: dict[str, bytes], wrong: Any
) -> None:
    """A file of the right hash that holds something else is named."""
    batches["data_batch_3"] = python2(wrong)
    publish(CIFAR10, batches)
    lay(tmp_path / "cifar-10-batches-py", batches)
    with pytest.raises(DataError, match="data_batch_3 is no batch of CIFAR-10"):
        CIFAR10.cifar10(root=str(tmp_path))


def archive(members: dict[str, bytes], links: dict[str, str]) -> bytes:
    """A packed archive of files and symbolic links."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return file.getvalue()


@pytest.fixture
def serve(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[bytes], None]]:
    """Let an archive be the one that is published."""

    def served(content: bytes) -> None:
        monkeypatch.setattr(CIFAR10, "_ARCHIVE", md5(content))
        web.pages = dict.fromkeys(CIFAR10._URLS, content)

    return served


def files_below(folder: Path) -> set[str]:
    """Paths of all that lies below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_exactly_six_members_are_extracted(
    tmp_path: Path, publish: Callable, batches: dict[str, bytes], serve: Callable
) -> None:
    """Members that point elsewhere, and all others, are never written."""
    publish(CIFAR10, batches)
    members = {f"cifar-10-batches-py/{name}": c for name, c in batches.items()}
    away = {
        "../evil": b"x",
        "cifar-10-batches-py/../../evil": b"x",
        str(tmp_path / "evil"): b"x",
        "cifar-10-batches-py/readme.html": b"x",
    }
    serve(archive({**away, **members}, {"cifar-10-batches-py/link": "/"}))
    root = tmp_path / "deep" / "root"
    check(CIFAR10.cifar10(root=str(root)))
    assert files_below(tmp_path) == {
        "deep", "deep/root", "deep/root/cifar-10-batches-py",
        *(f"deep/root/cifar-10-batches-py/{name}" for name in NAMES),
    }  # fmt: skip


def test_a_link_in_place_of_a_file_is_refused(
    tmp_path: Path, publish: Callable, batches: dict[str, bytes], serve: Callable
) -> None:
    """A batch that is a link to another file is not followed, and nothing stays."""
    publish(CIFAR10, batches)
    members = {f"cifar-10-batches-py/{name}": c for name, c in batches.items()}
    content = members.pop("cifar-10-batches-py/data_batch_2")
    link = "cifar-10-batches-py/data_batch_2"
    (tmp_path / "target").write_bytes(content)
    serve(archive(members, {link: str(tmp_path / "target")}))
    with pytest.raises(DataError, match=r"data_batch_2 in .* is no plain file"):
        CIFAR10.cifar10(root=str(tmp_path / "root"))
    assert files_below(tmp_path) == {"target"}


@pytest.mark.parametrize("damage", ["lacking", "truncated", "plain"])
def test_a_bad_archive_is_told(
    tmp_path: Path,
    publish: Callable,
    batches: dict[str, bytes],
    serve: Callable,
    damage: str,
) -> None:
    """An archive that lacks a batch, breaks off or is none leaves nothing behind."""
    publish(CIFAR10, batches)
    members = {f"cifar-10-batches-py/{name}": c for name, c in batches.items()}
    whole = archive(members, {})
    del members["cifar-10-batches-py/test_batch"]
    serve({"lacking": archive(members, {}), "truncated": whole[:-200],
           "plain": b"no archive"}[damage])  # fmt: skip
    with pytest.raises(DataError, match="cannot be unpacked"):
        CIFAR10.cifar10(root=str(tmp_path))
    assert files_below(tmp_path) == set()


def test_a_wrong_archive_is_not_opened(
    tmp_path: Path, publish: Callable, batches: dict[str, bytes], web: Web
) -> None:
    """An archive of another hash is refused, whatever it holds."""
    publish(CIFAR10, batches)
    members = {f"cifar-10-batches-py/{name}": c for name, c in batches.items()}
    web.pages = {url: archive(members, {}) for url in CIFAR10._URLS}
    with pytest.raises(DataError, match="not c58f30108f718f92721af3b95e74349a"):
        CIFAR10.cifar10(root=str(tmp_path))
