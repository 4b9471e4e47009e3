"""Arrays of the user's own: every layout that is read, every file that is refused."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aerun.data import DatasetOptions, Source, prepare
from aerun.data import array as read_array
from aerun.errors import DataError

RANDOM = np.random.default_rng(0)


def array(*, path: str, test_path: str | None = None) -> Source:
    """The source, without a file of test examples where none is given."""
    return read_array(path=path, test_path=test_path)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., str]:
    """Give a function that stores one array, or several by name, and says where."""

    def store(alone: np.ndarray | None = None, /, **arrays: Any) -> str:
        path = tmp_path / ("mine.npz" if alone is None else "mine.npy")
        if alone is not None:
            np.save(path, alone)
        else:
            np.savez(path, **arrays)
        return str(path)

    return store


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ((9, 4), (9, 4)),
        ((9, 6, 5), (9, 1, 6, 5)),
        ((9, 6, 5, 1), (9, 1, 6, 5)),
        ((9, 6, 5, 3), (9, 3, 6, 5)),
        ((9, 1, 6, 5), (9, 1, 6, 5)),
        ((9, 3, 6, 5), (9, 3, 6, 5)),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i8", "f2", "f4", "f8", ">f4"])
@pytest.mark.parametrize("form", ["npy", "npz"])
def test_every_layout_is_read(
    save: Callable[..., str],
    stored: tuple[int, ...],
    read: tuple[int, ...],
    dtype: str,
    form: str,
) -> None:
    """Vectors and images, channels last, second or absent, come out as [N, C, H, W]."""
    x = RANDOM.integers(0, 200, stored).astype(dtype)
    found = array(path=save(x) if form == "npy" else save(x=x)).train[0]
    if len(stored) == 4 and stored[-1] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
    assert found.shape == read
    precise = {"u1": np.uint8, "i8": np.float64, "f8": np.float64}
    assert found.dtype == precise.get(dtype, np.float32)
    np.testing.assert_array_equal(found, x.reshape(read))


@pytest.mark.parametrize("shape", [(60, 4), (60, 6, 5), (60, 6, 5, 3)])
def test_what_is_read_can_be_prepared(
    save: Callable[..., str], shape: tuple[int, ...]
) -> None:
    """Every layout goes all the way to a batch."""
    options = DatasetOptions(
        validation=0.1,
        test=0.2,
        split_seed=0,
        limit=None,
        exclude_classes=[],
        scale="unit",
        zca_epsilon=0.1,
        binarize="none",
    )
    data = prepare(array(path=save(RANDOM.random(shape))), options)
    batch = data.train.gather(slice(8))
    assert batch.shape == (8, *data.spec.shape)
    assert batch.min() >= -1e-6
    assert batch.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("dtype", "bounds"), [("u1", (0, 255)), ("f4", None), ("i4", None)]
)
def test_bytes_know_their_bounds(
    save: Callable[..., str], dtype: str, bounds: tuple[int, int] | None
) -> None:
    """8-bit images lie in 0 to 255, whatever is in the file; others are measured."""
    x = RANDOM.integers(0, 17, (9, 4, 4)).astype(dtype)
    assert array(path=save(x)).bounds == bounds


def test_booleans_become_0_and_1(save: Callable[..., str]) -> None:
    """A black-and-white mask fills the unit interval, not a 255th of it."""
    source = array(path=save(RANDOM.random((9, 4, 4)) > 0.5))
    assert set(np.unique(source.train[0])) == {0, 1}
    assert source.bounds in (None, (0, 1))


@pytest.mark.parametrize("name", ["x", "images", "data", "x_train", "arr_0"])
@pytest.mark.parametrize("labels", ["y", "labels", "y_train", None])
def test_arrays_are_found_by_name(
    save: Callable[..., str], name: str, labels: str | None
) -> None:
    """Usual names of examples and labels are understood."""
    x = RANDOM.random((6, 4))
    y = {} if labels is None else {labels: np.array([0, 1, 2, 0, 1, 2])}
    source = array(path=save(**{name: x}, **y))
    assert source.train[0].shape == (6, 4)
    assert (source.train[1] is None) == (labels is None)


@pytest.mark.parametrize(
    ("y", "numbers", "names"),
    [
        (["eel", "ant", "eel"], [1, 0, 1], ("ant", "eel")),
        ([7, 5, 7], [1, 0, 1], ("5", "7")),
        ([True, False, True], [1, 0, 1], ("False", "True")),
    ],
)
def test_labels_become_numbers_with_names(
    save: Callable[..., str], y: list[Any], numbers: list[int], names: tuple[str, ...]
) -> None:
    """Labels of any kind are numbered from 0 and keep their names."""
    source = array(path=save(x=RANDOM.random((3, 4)), y=np.array(y)))
    assert source.train[1] is not None
    assert source.train[1].tolist() == numbers
    assert source.train[1].dtype == np.int64
    assert source.classes == names


def test_a_test_set_in_the_file_is_the_test_set(save: Callable[..., str]) -> None:
    """``x_test`` and ``y_test`` are kept apart from the training part."""
    x, x_test = RANDOM.random((6, 5, 5)), RANDOM.random((3, 5, 5))
    source = array(path=save(x_train=x, x_test=x_test, y_test=np.array([0, 1, 0])))
    assert source.test is not None
    np.testing.assert_allclose(source.test[0][:, 0], x_test, rtol=1e-6)
    assert source.test[1] is not None
    assert source.test[1].tolist() == [0, 1, 0]


def test_labels_mean_the_same_in_both_parts(save: Callable[..., str]) -> None:
    """A test set that lacks a class still numbers the others as training does."""
    y, y_test = np.array(["ant", "bee", "cat"]), np.array(["cat", "bee"])
    path = save(x=RANDOM.random((3, 4)), y=y, x_test=RANDOM.random((2, 4)),
                y_test=y_test)  # fmt: skip
    source = array(path=path)
    assert source.test is not None
    assert source.test[1] is not None
    assert source.test[1].tolist() == [2, 1]


# -- refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros(5)}, ["[5]", "[N, D]"]),
        ({"x": np.zeros((1,) * 5)}, ["[1, 1, 1, 1, 1]", "[N, H, W]"]),
        ({"x": np.array(3.0)}, ["[]", "[N, D]"]),
        ({"x": np.zeros((0, 4))}, ["[0, 4]"]),
        ({"x": np.zeros((4, 0, 3))}, ["[4, 0, 3]"]),
        ({"x": np.zeros((4, 5, 5, 5))}, ["[4, 5, 5, 5]", "1 or 3 channels"]),
        ({"x": np.array([["a", "b"]])}, ["numbers"]),
        ({"x": np.ones((3, 2)) * 1j}, ["complex128", "numbers"]),
        ({"x": np.zeros((4, 4), "M8[s]")}, ["datetime64", "numbers"]),
        ({"x": np.array([[1, np.nan]])}, ["NaN", "[0, 1]"]),
        ({"x": np.array([[1, 2], [np.inf, 2]])}, ["infinite", "[1, 0]"]),
        ({"x": np.array([[1, 2], [1e300, 2]])}, ["[1, 0]"]),
        ({"x": np.zeros((9, 4)), "y": np.zeros(8)}, ["9 examples", "[8]"]),
        ({"x": np.zeros((9, 4)), "y": np.zeros((9, 1))}, ["9 examples", "[9, 1]"]),
        ({"x": np.zeros((9, 4)), "x_test": np.zeros((5, 3))}, ["[3]", "[4]"]),
        (
            {"x": np.zeros((9, 4)), "x_test": np.zeros((5, 4)), "y_test": np.zeros(4)},
            ["5 examples", "[4]"],
        ),
        ({"pixels": np.zeros((9, 4))}, ["pixels", "'x'"]),
        ({}, ["nothing", "'x'"]),
    ],
)
def test_arrays_that_are_no_examples_are_refused(
    save: Callable[..., str], arrays: dict[str, np.ndarray], said: list[str]
) -> None:
    """The message names the file, what is in it and what would be right."""
    path = save(**arrays)
    with pytest.raises(DataError) as caught:
        array(path=path)
    assert caught.value.key == "dataset.path"
    message = str(caught.value)
    assert [part for part in [path, *said] if part not in message] == []


def zip_with_text(path: Path) -> None:
    """A zip file whose member x is no array."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", "hello")


def zip_with_damage(path: Path) -> None:
    """A compressed file with zeros where its middle was."""
    np.savez_compressed(path, x=RANDOM.random((500, 20)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)


def zip_of_noise(path: Path) -> None:
    """A compressed file whose packed bytes no longer unpack."""
    np.savez_compressed(path, x=np.zeros((500, 20)))
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    """The first half of a file."""
    with open(path, "wb") as file:
        (np.savez if path.suffix == ".npz" else np.save)(file, RANDOM.random((50, 20)))
    path.write_bytes(path.read_bytes()[:4000])


def too_large(path: Path) -> None:
    """A header that promises petabytes."""
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 1000)}"
    head = f"{head:117}\n"
    path.write_bytes(
        b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()
    )


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("text.npy", lambda path: path.write_text("1,2,3\n")),
        ("text.npz", lambda path: path.write_text("1,2,3\n")),
        ("empty.npy", lambda path: path.touch()),
        ("folder.npy", lambda path: path.mkdir()),
        ("cut.npy", cut_off),
        ("cut.npz", cut_off),
        ("damaged.npz", zip_with_damage),
        ("noise.npz", zip_of_noise),
        ("member.npz", zip_with_text),
        ("large.npy", too_large),
        ("absent.npy", lambda path: None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_that_are_no_arrays_are_refused(
    tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    """A corrupt, renamed or absent file gives a data error that names it."""
    spoil(tmp_path / name)
    with pytest.raises(DataError, match=name) as caught:
        array(path=str(tmp_path / name))
    assert caught.value.key == "dataset.path"
    assert "allow_pickle" not in str(caught.value)


class Trap:
    """Leaves a file behind when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("form", ["x", "y", "npy"])
def test_pickles_are_never_executed(
    tmp_path: Path, save: Callable[..., str], form: str
) -> None:
    """An array of objects is refused without a look at what it would do."""
    trap = np.empty(2, object)
    trap[:] = [Trap(tmp_path / "sprung"), 1]
    x = np.zeros((2, 2))
    path = {
        "x": lambda: save(x=trap),
        "y": lambda: save(x=x, y=trap),
        "npy": lambda: save(trap),
    }[form]()
    with pytest.raises(DataError, match=r"mine\.np. holds Python objects") as caught:
        array(path=path)
    assert "allow_pickle" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()
    # The trap works: whoever trusts the file springs it.
    loaded = np.load(path, allow_pickle=True)
    if form != "npy":
        loaded = loaded[form]
    assert (tmp_path / "sprung").exists()
