"""Decoded images are kept: when they are used again, when they are made anew."""

import errno
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imaging import kept, noise, pixels, read, write

from aerun.data import DatasetOptions, image_folder, image_index, prepare
from aerun.data import cache as cache_module
from aerun.errors import DataError


class Calls:
    """Counts the files that are looked at and decoded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looked: list[str] = []
        self.decoded: list[str] = []
        module = sys.modules[image_folder.__module__]
        look, decode = image_index.look_at, module.decode

        def count_look(path: Path, stamp: list[int]) -> Any:
            self.looked.append(path.name)
            return look(path, stamp)

        def count_decode(path: Path, **options: Any) -> Any:
            self.decoded.append(path.name)
            return decode(path, **options)

        monkeypatch.setattr(image_index, "look_at", count_look)
        monkeypatch.setattr(module, "decode", count_decode)

    def take(self) -> tuple[int, int]:
        """How many were looked at and decoded since the last time."""
        counts = len(self.looked), len(self.decoded)
        self.looked.clear()
        self.decoded.clear()
        return counts


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Watch the reading of image files."""
    return Calls(monkeypatch)


def test_a_second_start_reads_no_image(cache: Path, mine: Path, calls: Calls) -> None:
    """Listing the folder is enough when nothing changed in it."""
    first = pixels(read(mine))
    assert calls.take() == (4, 4)
    np.testing.assert_array_equal(pixels(read(mine)), first)
    assert calls.take() == (0, 0)


def test_the_same_bytes_elsewhere_are_decoded_once(
    cache: Path, mine: Path, calls: Calls
) -> None:
    """A renamed folder and copied files share the cache file and the fingerprint."""
    first = read(mine)
    copy = mine.with_name("copy")
    shutil.copytree(mine, copy)
    moved = mine.rename(mine.with_name("moved"))
    calls.take()
    for place in (copy, moved):
        again = read(place)
        assert calls.take() == (4, 0)
        assert again.content == first.content
        assert fingerprint(again) == fingerprint(first)
    assert len(kept(cache)) == 1


def test_another_decoder_decodes_anew(
    cache: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions of PIL may differ a little; the data are the same to a run."""
    first = read(mine)
    monkeypatch.setattr("PIL.__version__", "0.1")
    assert read(mine).content == first.content
    assert len(list(cache.glob("*.u8"))) == 2


def test_another_request_is_another_file(cache: Path, mine: Path) -> None:
    """Size and channels are part of what is kept."""
    for options in ({}, {"size": 3}, {"size": [3, 4]}, {"colour": "rgb"}):
        read(mine, **options)
    assert len(kept(cache)) == 4


@pytest.mark.parametrize("disguised", [False, True])
def test_a_changed_file_is_seen(
    cache: Path, mine: Path, calls: Calls, disguised: bool
) -> None:
    """New content is new data, also with the size and the times of the old."""
    before, path = read(mine), mine / "02.png"
    content, status = path.read_bytes(), path.stat()
    stamp = image_folder.stamp({"path": str(mine), "test_path": None})
    other = noise(77, 6, 5)
    write(path, other)
    if disguised:
        assert len(path.read_bytes()) == len(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    calls.take()
    after = read(mine)
    assert calls.take() == (1, 4)
    np.testing.assert_array_equal(pixels(after)[2, 0], other)
    assert fingerprint(after) != fingerprint(before)
    assert image_folder.stamp({"path": str(mine), "test_path": None}) != stamp


def test_files_that_come_and_go_are_seen(cache: Path, mine: Path) -> None:
    """Added and removed files are other data; the old come back from the cache."""
    first = pixels(read(mine))
    write(mine / "zz.png", noise(50, 6, 5))
    assert len(read(mine).train[0]) == 5
    (mine / "zz.png").unlink()
    np.testing.assert_array_equal(pixels(read(mine)), first)
    assert len(kept(cache)) == 2


def test_a_file_that_changes_while_it_is_decoded_is_refused(
    cache: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that nobody looked at are never kept under the name of others."""
    module = sys.modules[image_folder.__module__]
    decode = module.decode

    def late(path: Path, **options: Any) -> np.ndarray:
        if path.name == "01.png":
            write(path, noise(99, 6, 5))
        found: np.ndarray = decode(path, **options)
        return found

    monkeypatch.setattr(module, "decode", late)
    with pytest.raises(DataError, match=r"01\.png changed while it was read; start"):
        read(mine)
    assert kept(cache) == []


def fingerprint(source: Any, **changes: Any) -> str:
    """What a run would record of the data."""
    options: dict[str, Any] = {"validation": 0.25, "test": 0.25, "split_seed": 0}
    options |= {"limit": None, "exclude_classes": [], "scale": "unit"}
    made = DatasetOptions(
        **{**options, "zca_epsilon": 0.1, "binarize": "none", **changes}
    )
    return prepare(source, made).spec.fingerprint


def test_fingerprints_move_with_the_split(cache: Path, mine: Path) -> None:
    """The same images split otherwise are other data."""
    source = read(mine)
    assert fingerprint(source) == fingerprint(read(mine))
    assert len({fingerprint(source, split_seed=seed) for seed in range(8)}) > 4


# -- damage and trouble ----------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b""]
)
def test_a_cache_file_of_another_length_is_made_anew(
    cache: Path, mine: Path, change: Any
) -> None:
    """Half a file is not taken for whole."""
    first = pixels(read(mine))
    (path,) = kept(cache)
    path.write_bytes(change(path.read_bytes()))
    np.testing.assert_array_equal(pixels(read(mine)), first)
    assert path.stat().st_size == first.nbytes


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "3", '{"looked": 2}', '{"looked": 2, "files": []}', "{\0", "null",
     '{"looked": 2, "files": {"00.png": 3}}', '{"looked": 2, "files": {"00.png": {}}}'],
)  # fmt: skip
def test_a_damaged_index_is_made_anew(
    cache: Path, mine: Path, calls: Calls, text: str
) -> None:
    """Whatever is in the memory of a folder, its files are looked at again."""
    read(mine)
    (index,) = cache.glob("folder-*.json")
    index.write_text(text)
    calls.take()
    assert len(read(mine).train[0]) == 4
    assert calls.take() == (4, 0)
    assert set(json.loads(index.read_text())["files"]) == {
        f"0{i}.png" for i in range(4)
    }


def test_an_index_of_another_version_is_made_anew(
    cache: Path, mine: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an older program saw in a file is not believed."""
    read(mine)
    calls.take()
    monkeypatch.setattr(image_index, "_LOOKED", -1)
    read(mine)
    assert calls.take() == (4, 0)


@pytest.mark.parametrize("place", ["write", "fsync", "replace", "index"])
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no room left for decoded images"),
        (errno.EDQUOT, "no room left for decoded images"),
        (errno.EROFS, "cannot be written (Read-only file system)"),
    ],
)
def test_a_full_disk_is_one_clear_error(
    cache: Path,
    mine: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    number: int,
    said: str,
) -> None:
    """Wherever the disk gives up, folder and way out are named and no trace is left."""

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if place == "write":
            patch.setattr(cache_module, "_write_all", full)
        elif place == "index":
            patch.setattr(Path, "write_text", full)
        else:
            patch.setattr(os, place, full)
        with pytest.raises(DataError) as caught:
            read(mine)
    message = str(caught.value)
    for part in (said, str(cache), "$AERUN_CACHE"):
        assert part in message
    assert kept(cache) + list(cache.glob("*.part")) == []
    assert len(read(mine).train[0]) == 4


def test_a_disk_without_room_is_refused_before_decoding(
    cache: Path, mine: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room that is needed and free is told before hours of work."""
    free = shutil.disk_usage(mine)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    with pytest.raises(DataError, match=r"need 0\.00 GB .*\$AERUN_CACHE"):
        read(mine)
    assert calls.take() == (4, 0)


def test_a_cache_folder_that_cannot_be_is_refused(
    tmp_path: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the folder and the variable that moves it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError) as caught:
        read(mine)
    assert str(tmp_path / "file" / "cache") in str(caught.value)
    assert "set $AERUN_CACHE to a folder that can" in str(caught.value)
