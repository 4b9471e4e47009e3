"""SVHN and the Olivetti faces, which are published as .mat files."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets._olivetti_faces as theirs
import torchvision.datasets
from publishing import Web, lay
from scipy.io import savemat

from aerun.data.matlab import read_mat
from aerun.errors import DataError

SVHN, OLIVETTI = (import_module(f"aerun.data.{name}") for name in ("svhn", "olivetti"))
TRAIN, TEST = "train_32x32.mat", "test_32x32.mat"


def mat(**variables: Any) -> bytes:
    """A .mat file of some variables, packed as the published ones are."""
    file = io.BytesIO()
    savemat(file, variables, do_compression=True)
    return file.getvalue()


def numbers(labels: list[int]) -> bytes:
    """House numbers: image i is i in red, its row in green, its column in blue."""
    images = np.zeros((32, 32, 3, len(labels)), dtype=np.uint8)
    images[:, :, 0] = np.arange(len(labels))
    images[:, :, 1] = np.arange(32)[:, None, None]
    images[:, :, 2] = np.arange(32)[None, :, None]
    return mat(X=images, y=np.asarray(labels, dtype=np.uint8)[:, None])


@pytest.mark.parametrize("folder", ["SVHN", "."])
def test_house_numbers_are_read(
    tmp_path: Path, web: Web, publish: Callable, folder: str
) -> None:
    """Channels first, upright, label ten is the digit 0; in either folder."""
    files = {TRAIN: numbers([1, 10, 9]), TEST: numbers([10])}
    publish(SVHN, files)
    lay(tmp_path / folder, files)
    source = SVHN.svhn(root=str(tmp_path))
    images, labels = source.train
    assert images.shape == (3, 3, 32, 32)
    assert images.dtype == np.uint8
    assert labels.tolist() == [1, 0, 9]
    assert labels.dtype == np.int64
    assert images[2, :, 5, 7].tolist() == [2, 5, 7]
    assert images.flags.c_contiguous
    assert source.test[0].shape == (1, 3, 32, 32)
    assert source.test[1].tolist() == [0]
    assert source.classes == tuple("0123456789")
    assert web.asked == []


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("damaged", ["SVHN", "."])
def test_the_folder_of_their_own_comes_first(
    tmp_path: Path, publish: Callable, damaged: str
) -> None:
    """Of two complete folders only the one inside is read; of an incomplete, none."""
    files = {TRAIN: numbers([1]), TEST: numbers([2])}
    publish(SVHN, files)
    lay(tmp_path / "SVHN", files)
    lay(tmp_path, files)
    lay(tmp_path / damaged, {TEST: b"other"})
    if damaged == "SVHN":
        with pytest.raises(DataError, match=r"SVHN/test_32x32\.mat is damaged"):
            SVHN.svhn(root=str(tmp_path))
        (tmp_path / "SVHN" / TEST).unlink()
        lay(tmp_path, files)
    assert SVHN.svhn(root=str(tmp_path)).test[1].tolist() == [2]


def test_house_numbers_go_into_a_folder_of_their_own(
    tmp_path: Path, web: Web, publish: Callable
) -> None:
    """Absent files are downloaded to SVHN, also where the root has one of them."""
    files = {TRAIN: numbers([1]), TEST: numbers([2])}
    publish(SVHN, files)
    lay(tmp_path, {TRAIN: files[TRAIN]})
    known = torchvision.datasets.SVHN.split_list
    web.pages = {known[part][0]: files[known[part][1]] for part in ("train", "test")}
    SVHN.svhn(root=str(tmp_path))
    assert sorted(p.name for p in (tmp_path / "SVHN").iterdir()) == [TEST, TRAIN]


def test_the_hashes_of_house_numbers_are_torchvisions() -> None:
    """The table is that of torchvision."""
    known = torchvision.datasets.SVHN.split_list
    assert SVHN.FILES.digests == {
        known[part][1]: f"md5:{known[part][2]}" for part in ("train", "test")
    }


@pytest.mark.parametrize("labels", [[0, 1], [1, 11]])
def test_house_numbers_have_ten_labels(
    tmp_path: Path, publish: Callable, labels: list[int]
) -> None:
    """A label that is not 1 to 10 is told."""
    files = {TRAIN: numbers([1]), TEST: numbers(labels)}
    publish(SVHN, files)
    lay(tmp_path / "SVHN", files)
    with pytest.raises(DataError, match=f"{TEST} has no label from 1 to 10"):
        SVHN.svhn(root=str(tmp_path))


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """400 pretended faces [400, 64, 64], published as a file and put into place."""
    random = np.random.default_rng(0).integers(0, 256, (400, 64, 64), dtype=np.uint8)
    columns = np.stack([face.ravel(order="F") for face in random], axis=1)
    content = mat(faces=columns)
    digests = {"olivettifaces.mat": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    monkeypatch.setattr(OLIVETTI, "FILES", replace(OLIVETTI.FILES, digests=digests))
    lay(tmp_path / "olivetti", {"olivettifaces.mat": content})
    return random


def test_faces_are_read(tmp_path: Path, faces: np.ndarray) -> None:
    """Every face is upright, and belongs to one of 40 people, ten each in order."""
    source = OLIVETTI.olivetti(root=str(tmp_path))
    images, labels = source.train
    np.testing.assert_array_equal(images[:, 0], faces)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.repeat(np.arange(40), 10))
    assert labels.dtype == np.int64
    assert source.bounds == (0, 255)
    assert source.classes[0] == "person 1"
    assert source.classes[39] == "person 40"
    assert source.test is None


def test_faces_are_scikit_learns(tmp_path: Path, web: Web) -> None:
    """Address and hash are those that scikit-learn has."""
    with pytest.raises(DataError, match="dataset=digits"):
        OLIVETTI.olivetti(root=str(tmp_path))
    assert web.asked == [theirs.FACES.url]
    assert OLIVETTI.FILES.digests == {
        "olivettifaces.mat": f"sha256:{theirs.FACES.checksum}"
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (mat(other=np.zeros((4, 2))), "has no array 'faces'"),
        (mat(faces="text"), "has no array 'faces'"),
        (mat(faces=np.zeros((4, 3))), r"of shape \[4, 3\], not \[n, 2\]"),
        (mat(faces=np.full((4, 2), 0.5)), "other numbers than"),
        (mat(faces=np.full((4, 2), 256)), "other numbers than"),
        (mat(faces=np.full((4, 2), -1)), "other numbers than"),
        (mat(faces=np.full((4, 2), np.nan)), "other numbers than"),
        (mat(faces=np.zeros((4, 2)))[:-9], "is no readable .mat file"),
        (b"", "is no readable .mat file"),
        (b"<!DOCTYPE html>" * 20, "is no readable .mat file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    """Other variables, shapes, numbers and damage are told with the file's name."""
    lay(tmp_path, {"file.mat": content})
    with pytest.raises(DataError, match=problem) as caught:
        read_mat(tmp_path / "file.mat", {"faces": (-1, 2)})
    assert str(tmp_path / "file.mat") in str(caught.value)


@pytest.mark.parametrize("dtype", ["u1", "i4", "f8"])
def test_whole_numbers_are_bytes(tmp_path: Path, dtype: str) -> None:
    """Bytes that were written as wider numbers are the same bytes."""
    values = np.asarray([[0, 255], [7, 1]])
    lay(tmp_path, {"file.mat": mat(faces=values.astype(dtype))})
    found = read_mat(tmp_path / "file.mat", {"faces": (2, 2)})["faces"]
    np.testing.assert_array_equal(found, values)
    assert found.dtype == np.uint8
