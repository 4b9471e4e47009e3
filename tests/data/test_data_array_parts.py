"""Arrays with test examples in a file of their own, and how much memory they take."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aerun.data import Source, array
from aerun.errors import DataError

RANDOM = np.random.default_rng(0)


def save(path: Path, **arrays: Any) -> str:
    """Store one array x as .npy, or several as .npz."""
    if set(arrays) == {"x"} and path.suffix == ".npy":
        np.save(path, arrays["x"])
    else:
        np.savez(path, **arrays)
    return str(path)


def read(path: str, test_path: str) -> Source:
    """The source of two files; its test part is there."""
    source = array(path=path, test_path=test_path)
    assert source.test is not None
    return source


@pytest.mark.parametrize("name", ["x", "images", "x_test", "arr_0", "x_train"])
@pytest.mark.parametrize("labels", ["y", "labels", "y_test"])
def test_test_examples_come_from_their_file(
    tmp_path: Path, name: str, labels: str
) -> None:
    """Names of either part are understood there; labels mean the same in both."""
    x, test = RANDOM.random((6, 5, 4)), RANDOM.random((3, 5, 4))
    path = save(tmp_path / "a.npz", x=x, y=np.array(list("bacbac")))
    held = save(tmp_path / "t.npz", **{name: test, labels: np.array(list("cac"))})
    source = read(path, held)
    np.testing.assert_array_equal(source.train[0][:, 0], x)
    np.testing.assert_array_equal(source.test[0][:, 0], test)  # type: ignore[index]
    assert source.classes == ("a", "b", "c")
    assert source.test[1].tolist() == [2, 0, 2]  # type: ignore[index, union-attr]


def test_a_plain_file_has_test_examples_without_labels(tmp_path: Path) -> None:
    """Two .npy files are enough."""
    x = RANDOM.integers(0, 255, (9, 8, 8), dtype=np.uint8)
    source = read(save(tmp_path / "a.npy", x=x), save(tmp_path / "t.npy", x=x[:2]))
    assert source.bounds == (0, 255)
    assert source.test[0].shape == (2, 1, 8, 8)  # type: ignore[index]
    assert source.test[1] is None  # type: ignore[index]


def test_a_test_file_goes_before_a_test_array(tmp_path: Path) -> None:
    """What is named on the command line counts, not what else the file holds."""
    x = RANDOM.random((6, 4))
    path = save(tmp_path / "a.npz", x=x, x_test=x[:5])
    assert len(read(path, save(tmp_path / "t.npy", x=x[:2])).test[0]) == 2  # type: ignore[index]


def test_labels_of_two_kinds_are_compared_as_text(tmp_path: Path) -> None:
    """The number 1 and the text "1" are one class."""
    x = RANDOM.random((3, 4))
    path = save(tmp_path / "a.npz", x=x, y=np.array([1, 2, 1]))
    source = read(path, save(tmp_path / "t.npz", x=x, y=np.array(["2", "1", "2"])))
    assert source.classes == ("1", "2")
    assert source.train[1].tolist() == [0, 1, 0]  # type: ignore[union-attr]
    assert source.test[1].tolist() == [1, 0, 1]  # type: ignore[index, union-attr]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((2, 5))}, "x has examples of [5], x of [4]; make them"),
        ({"x": np.zeros((2, 4), "u1")}, "store both in the same type"),
        ({"x": np.zeros((2, 4)), "y": np.zeros(3)}, "2 examples but labels of shape"),
        ({"x": np.full((2, 4), np.nan)}, "8 values that are NaN or infinite"),
        ({"pixels": np.zeros((2, 4))}, "holds pixels; name the array"),
        ({"y": np.zeros(4)}, "holds y; name the array"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    """The message names that file and its option."""
    held = save(tmp_path / "t.npz", **arrays)
    with pytest.raises(DataError) as caught:
        read(save(tmp_path / "a.npy", x=np.ones((6, 4))), held)
    assert caught.value.key == "dataset.test_path"
    assert str(caught.value).startswith(held)
    assert said in str(caught.value)


def test_an_absent_test_file_is_refused(tmp_path: Path) -> None:
    """It is no reason to hold out a share in silence."""
    with pytest.raises(DataError, match="does not exist; give the path") as caught:
        read(save(tmp_path / "a.npy", x=np.ones((6, 4))), str(tmp_path / "t.npy"))
    assert caught.value.key == "dataset.test_path"


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_the_file_does_not_matter(tmp_path: Path, order: str) -> None:
    """Arrays that were stored column by column are read as they were."""
    x = RANDOM.random((7, 3, 4))
    np.save(tmp_path / "a.npy", np.asarray(x, order=order))  # type: ignore[call-overload]
    source = array(path=str(tmp_path / "a.npy"), test_path=None)
    np.testing.assert_array_equal(source.train[0][:, 0], x)


@pytest.mark.parametrize(
    ("dtype", "most"), [("u1", 1e6), ("f4", 30e6), ("f8", 30e6), ("i2", 120e6)]
)
def test_a_file_is_not_copied_into_memory(
    tmp_path: Path, dtype: str, most: float
) -> None:
    """Of 40 MB only what has to become another type is; checks go over blocks."""
    number = 40_000_000 // np.dtype(dtype).itemsize
    np.save(tmp_path / "a.npy", np.ones((number // 1000, 1000), dtype=dtype))
    tracemalloc.start()
    source = array(path=str(tmp_path / "a.npy"), test_path=None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(source.train[0]) == number // 1000
    assert peak < most


def test_other_arrays_in_a_file_are_not_read(tmp_path: Path) -> None:
    """A file may hold more than examples, also what could not be read."""
    odd = np.empty(1, dtype=object)
    path = save(tmp_path / "a.npz", x=np.ones((6, 4)), notes=odd)
    assert len(array(path=path, test_path=None).train[0]) == 6
