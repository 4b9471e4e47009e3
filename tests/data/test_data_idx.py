"""IDX files, and the relatives of MNIST that are read from packed ones."""

import gzip
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets
from publishing import Web, family, idx, lay, md5

from aerun.data.idx import read_idx, read_part
from aerun.errors import DataError

ARRAY = np.arange(24).reshape(2, 3, 4)
# By name, because the functions stand for their modules in aerun.data.
MNIST = import_module("aerun.data.mnist")
RELATIVES = [
    ("fashion_mnist", torchvision.datasets.FashionMNIST),
    ("kmnist", torchvision.datasets.KMNIST),
]
relatives = pytest.mark.parametrize(
    ("module", "name", "theirs"),
    [(import_module(f"aerun.data.{name}"), name, theirs) for name, theirs in RELATIVES],
    ids=[name for name, _ in RELATIVES],
)


@pytest.mark.parametrize("name", ["a-idx3-ubyte", "a-idx3-ubyte.gz"])
def test_an_array_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    """Shape and values survive, packed or not, in memory that may be written to."""
    content = idx(ARRAY)
    packed = gzip.compress(content) if name.endswith(".gz") else content
    lay(tmp_path, {name: packed})
    found = read_idx(tmp_path / name, num_dimensions=3)
    np.testing.assert_array_equal(found, ARRAY)
    assert found.dtype == np.uint8
    assert found.flags.writeable


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "begins with nothing"),
        (b"\x00\x00\x0d\x03" + idx(ARRAY)[4:], "begins with 00 00 0d 03"),
        (b"<!DOCTYPE html>", "no IDX file of bytes"),
        (idx(ARRAY[0]), "no header of 3 dimensions"),
        (idx(ARRAY)[:12], "no header of 3 dimensions"),
        (idx(ARRAY)[:-1], "announces 2 x 3 x 4 bytes, but 23 follow"),
        (idx(ARRAY) + b"x", "but 25 follow"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "but 0 follow"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    """Another type, another number of dimensions and other sizes are told."""
    lay(tmp_path, {"file": content})
    with pytest.raises(DataError, match=problem) as caught:
        read_idx(tmp_path / "file", num_dimensions=3)
    assert str(tmp_path / "file") in str(caught.value)
    assert "delete it" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(idx(ARRAY))[:-9],
        b"plain",
        gzip.compress(idx(ARRAY))[:10] + b"\xff" * 20,
    ],
    ids=["truncated", "plain", "garbled"],
)
def test_a_damaged_packed_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A packed file that breaks off, or is none, becomes a data error."""
    lay(tmp_path, {"file.gz": content})
    with pytest.raises(DataError, match=r"file\.gz cannot be read"):
        read_idx(tmp_path / "file.gz", num_dimensions=3)


@pytest.mark.parametrize(
    ("images", "labels", "problem"),
    [
        ((3, 28, 28), [0, 1], "has 2 labels for images of"),
        ((2, 28, 27), [0, 1], r"not \[2, 28, 28\]"),
        ((2, 28, 28), [0, 10], "a label 10"),
    ],
)
def test_images_and_labels_must_agree(
    tmp_path: Path, images: tuple[int, ...], labels: list[int], problem: str
) -> None:
    """As many labels as images of 28x28 pixels, and none above 9."""
    files = {
        "train-images-idx3-ubyte": idx(np.zeros(images)),
        "train-labels-idx1-ubyte": idx(np.asarray(labels)),
    }
    lay(tmp_path, files)
    with pytest.raises(DataError, match=problem):
        read_part(tmp_path, "train")


@relatives
def test_a_relative_of_mnist_is_read(
    tmp_path: Path, web: Web, publish: Callable, module: Any, name: str, theirs: Any
) -> None:
    """Both parts, in order, from the packed files in torchvision's layout."""
    files = family((12, 3), packed=True)
    publish(module, files)
    lay(tmp_path / theirs.__name__ / "raw", files)
    source = getattr(module, name)(root=str(tmp_path))
    assert source.test is not None
    for (images, labels), number in ((source.train, 12), (source.test, 3)):
        assert images.shape == (number, 1, 28, 28)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images[:, 0, 5, 5], np.arange(number))
        np.testing.assert_array_equal(labels, np.arange(number) % 10)
        assert labels.dtype == np.int64
    assert source.bounds == (0, 255)
    assert web.asked == []


@relatives
def test_the_tables_are_torchvisions(module: Any, name: str, theirs: Any) -> None:
    """Hashes, classes and the first address are those that torchvision has."""
    ours = {n: d.removeprefix("md5:") for n, d in module.FILES.digests.items()}
    assert ours == dict(theirs.resources)
    assert list(module._CLASSES) == theirs.classes
    assert module.FILES.folder == f"{theirs.__name__}/raw"


@relatives
def test_a_relative_is_downloaded(
    tmp_path: Path, web: Web, publish: Callable, module: Any, name: str, theirs: Any
) -> None:
    """Packed files from torchvision's mirror are kept packed, beside each other."""
    files = family((2, 1), packed=True)
    publish(module, files)
    web.pages = {theirs.mirrors[0] + file: files[file] for file in files}
    source = getattr(module, name)(root=str(tmp_path))
    assert len(source.train[0]) == 2
    folder = tmp_path / theirs.__name__ / "raw"
    assert {path.name for path in folder.iterdir()} == set(files)


@relatives
def test_unpacked_files_alone_cannot_be_verified(
    tmp_path: Path, web: Web, module: Any, name: str, theirs: Any
) -> None:
    """The message says that the packed ones are needed, and keeps the others."""
    folder = tmp_path / theirs.__name__ / "raw"
    lay(folder, family((2, 1), packed=False))
    with pytest.raises(DataError, match=r"cannot be verified without the \.gz"):
        getattr(module, name)(root=str(tmp_path))
    assert len(list(folder.iterdir())) == 4
    with pytest.raises(DataError) as caught:
        getattr(module, name)(root=str(tmp_path / "elsewhere"))
    assert "verified" not in str(caught.value)


def test_mnist_is_downloaded_and_unpacked(
    tmp_path: Path, web: Web, publish: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed files are verified and unpacked; only the unpacked ones are kept."""
    files, packed = family((4, 2), packed=False), family((4, 2), packed=True)
    publish(MNIST, files)
    digests = {name: md5(packed[f"{name}.gz"]) for name in files}
    monkeypatch.setattr(MNIST, "_PACKED", digests)
    address = torchvision.datasets.MNIST.mirrors[1]
    web.pages = {address + name: content for name, content in packed.items()}
    source = MNIST.mnist(root=str(tmp_path))
    np.testing.assert_array_equal(source.train[0][:, 0, 0, 0], [0, 1, 2, 3])
    folder = tmp_path / "MNIST/raw"
    assert {path.name for path in folder.iterdir()} == set(files)


def test_mnists_tables_are_torchvisions() -> None:
    """Hashes of the packed files and both mirrors are those that torchvision has."""
    module, theirs = MNIST, torchvision.datasets.MNIST
    ours = {f"{n}.gz": d.removeprefix("md5:") for n, d in module._PACKED.items()}
    assert ours == dict(theirs.resources)
    assert list(module._ADDRESSES) == theirs.mirrors
    assert set(module.FILES.digests) == set(module._PACKED)
