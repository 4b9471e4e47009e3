"""Examples in a file: the same as in memory, without staying there."""

import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aerun.data.mapped import Mapped, block_slices, blocks
from aerun.errors import DataError

RANDOM = np.random.default_rng(0)


def stored(path: Path, x: np.ndarray, *, offset: int = 0) -> Mapped:
    """An array in a file, and that file opened."""
    path.write_bytes(bytes(offset) + x.tobytes())
    return Mapped(path, shape=x.shape, dtype=x.dtype, offset=offset)


@pytest.mark.parametrize(
    "index",
    [
        slice(None), slice(3, 9), slice(-4, None), slice(0, 0), slice(9, 3),
        slice(2, 99), slice(1, 20, 3), slice(None, None, -1), slice(-1, 3, -2),
        np.array([3, 0, 3]), np.array([-1, -20, 19]), np.array([], dtype=np.int64),
        np.array([[1, 2], [3, 4]]), [5, 4], np.arange(20) % 3 == 0, 7, -1,
        np.int32(4), np.array([2, 3], dtype=np.uint8),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
@pytest.mark.parametrize("offset", [0, 128, 7])
def test_rows_are_those_of_the_array(
    tmp_path: Path, index: Any, dtype: str, offset: int
) -> None:
    """Whatever NumPy takes as an index gives what it would give."""
    x = (RANDOM.random((20, 3, 5)) * 200).astype(dtype)
    found = stored(tmp_path / "x", x, offset=offset)
    assert (len(found), found.ndim, found.shape) == (20, 3, (20, 3, 5))
    np.testing.assert_array_equal(found[index], x[index])
    assert found[index].dtype == dtype


def test_rows_are_copies(tmp_path: Path) -> None:
    """Whoever writes into a batch changes neither the file nor the next batch."""
    x = RANDOM.integers(0, 255, (9, 4), dtype=np.uint8)
    found = stored(tmp_path / "x", x)
    found[2:4][:] = 0
    found[np.array([2, 3])][:] = 0
    np.testing.assert_array_equal(found[:], x)


@pytest.mark.parametrize("index", [np.array([9]), np.array([0, -10]), 9, [1, 99]])
def test_an_index_beyond_the_end_is_refused(tmp_path: Path, index: Any) -> None:
    """As with any array."""
    found = stored(tmp_path / "x", np.zeros((9, 4)))
    with pytest.raises(IndexError):
        found[index]


def test_a_file_that_is_cut_meanwhile_is_an_error(tmp_path: Path) -> None:
    """Reading stops with a message, not with a crash of the process."""
    found = stored(tmp_path / "x", np.ones((1000, 100)))
    os.truncate(tmp_path / "x", 4096)
    assert found[:2].sum() == 200
    with pytest.raises(DataError, match=r"x became shorter; start again"):
        found[:]


def resident() -> int:
    """Bytes of files in the memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssFile"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize("at_random", [False, True])
def test_what_was_read_does_not_stay_in_memory(tmp_path: Path, at_random: bool) -> None:
    """A pass over 100 MB leaves memory as it was, in order and in batches."""
    path, number = tmp_path / "x", 100_000
    with open(path, "wb") as file:
        file.truncate(number * 1000)
    found = Mapped(path, shape=(number, 1000), dtype=np.dtype(np.uint8))
    before, largest = resident(), 0
    for start in range(0, number, 5000):
        rows = slice(start, start + 5000)
        found[RANDOM.integers(0, number, 5000) if at_random else rows]
        largest = max(largest, resident())
    assert largest - before < 20e6


def test_files_are_closed(tmp_path: Path) -> None:
    """An array that nobody uses any more holds no file open."""

    def open_files() -> int:
        gc.collect()
        return len(os.listdir("/dev/fd"))

    before = open_files()
    many = [stored(tmp_path / "x", np.zeros((2, 2))) for _ in range(20)]
    assert open_files() == before + 20
    del many
    assert open_files() == before


def test_blocks_cover_everything_once(tmp_path: Path) -> None:
    """Blocks follow each other, each of about 16 MiB, in memory and in a file."""
    x = np.zeros((50, 1000, 1000), dtype=np.uint8)
    x[:, 0, 0] = np.arange(50)
    for source in (x, stored(tmp_path / "x", x)):
        found = list(blocks(source))
        assert [len(block) for block in found] == [16, 16, 16, 2]
        assert np.concatenate(found)[:, 0, 0].tolist() == list(range(50))


@pytest.mark.parametrize(
    ("number", "shape", "most", "lengths"),
    [
        (0, (4,), None, []),
        (3, (2**26,), None, [1, 1, 1]),
        (10, (4,), 4, [4, 4, 2]),
        (10, (4,), None, [10]),
    ],
)
def test_slices_cut_into_blocks(
    number: int, shape: tuple[int, ...], most: int | None, lengths: list[int]
) -> None:
    """One example at the least, ``most`` at the most."""
    found = list(block_slices(number, shape, 8, most=most))
    assert [part.stop - part.start for part in found] == lengths
    assert [part.start for part in found] == [
        sum(lengths[:i]) for i in range(len(found))
    ]
