"""Published files: what is there is verified, what is absent is downloaded whole."""

import json
import os
from pathlib import Path

import pytest
from publishing import Web, count_hashing, lay, md5

from aerun.data import obtain as module
from aerun.data.obtain import Published, download, from_mirrors, obtain
from aerun.errors import DataError

ONE, TWO = b"first content", b"second content"
FIRST, SECOND = "http://first.example/", "http://second.example/"
FILES = Published(
    folder="some/raw",
    digests={"one.bin": md5(ONE), "two.bin": md5(TWO)},
    fetch=from_mirrors(FIRST, SECOND),
)


def left(folder: Path) -> list[str]:
    """Names of everything below a folder."""
    return sorted(path.name for path in folder.rglob("*"))


def test_what_is_there_is_not_downloaded(tmp_path: Path, web: Web) -> None:
    """Complete files are found in their folder, and no address is asked."""
    lay(tmp_path / "some/raw", {"one.bin": ONE, "two.bin": TWO})
    assert obtain(str(tmp_path), FILES) == tmp_path / "some/raw"
    assert web.asked == []


def test_only_what_is_absent_is_downloaded(tmp_path: Path, web: Web) -> None:
    """One file is there and stays; the other arrives, and nothing else is left."""
    lay(tmp_path / "some/raw", {"one.bin": ONE})
    web.pages = {f"{FIRST}two.bin": TWO}
    folder = obtain(str(tmp_path), FILES)
    assert web.asked == [f"{FIRST}two.bin"]
    assert (folder / "two.bin").read_bytes() == TWO
    assert left(folder) == ["one.bin", "two.bin"]


@pytest.mark.parametrize("bad", [b"an error page", TimeoutError("timed out")])
def test_the_next_mirror_is_asked(
    tmp_path: Path, web: Web, bad: bytes | Exception
) -> None:
    """A mirror that breaks off or delivers something else is not the last word."""
    web.pages = {f"{FIRST}one.bin": bad, f"{SECOND}one.bin": ONE}
    path = tmp_path / "one.bin"
    download([f"{FIRST}one.bin", f"{SECOND}one.bin"], path, md5(ONE))
    assert path.read_bytes() == ONE


def test_without_network_one_message_says_all(tmp_path: Path, web: Web) -> None:
    """It names files, folder, addresses and all ways out; no folder is left."""
    root = tmp_path / "absent"
    with pytest.raises(DataError) as caught:
        obtain(str(root), FILES)
    for part in (
        f"{root}/some/raw lacks one.bin, two.bin",
        f"{FIRST}one.bin <urlopen error no route to host>",
        f"{SECOND}one.bin",
        "dataset.root",
        "$AERUN_DATA to the folder that holds some/raw",
        "dataset=digits",
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.key == "dataset.root"
    assert left(tmp_path) == []


def test_a_partial_download_is_not_kept(tmp_path: Path, web: Web) -> None:
    """Where the second file cannot be had, the first one is not left either."""
    lay(tmp_path / "some/raw", {"notes.txt": b"mine"})
    web.pages = {f"{FIRST}one.bin": ONE, f"{FIRST}two.bin": TWO[:-1]}
    with pytest.raises(DataError, match=md5(TWO).removeprefix("md5:")):
        obtain(str(tmp_path), FILES)
    assert left(tmp_path / "some/raw") == ["notes.txt"]


def test_an_interrupted_download_leaves_nothing(tmp_path: Path, web: Web) -> None:
    """Pressing Ctrl-C while bytes arrive is not told as an error of the data."""

    def interrupt(*_: object) -> None:
        lay(next((tmp_path / "some/raw").iterdir()), {"one.bin": b"half"})
        raise KeyboardInterrupt

    broken = Published(folder="some/raw", digests=FILES.digests, fetch=interrupt)
    with pytest.raises(KeyboardInterrupt):
        obtain(str(tmp_path), broken)
    assert left(tmp_path) == []


def test_what_a_fetch_makes_is_verified(tmp_path: Path) -> None:
    """Also files that were unpacked from a good archive are hashed before the move."""
    wrong = Published(
        folder="raw",
        digests={"one.bin": md5(ONE)},
        fetch=lambda absent, scratch: lay(scratch, {"one.bin": TWO}),
    )
    with pytest.raises(DataError, match=r"one\.bin has the MD5"):
        obtain(str(tmp_path), wrong)
    assert left(tmp_path) == []


def test_a_wrong_hash_is_told(tmp_path: Path, web: Web) -> None:
    """The message names file, kind, expected hash and remedy; the file stays."""
    lay(tmp_path / "some/raw", {"one.bin": ONE, "two.bin": b"other"})
    with pytest.raises(DataError) as caught:
        obtain(str(tmp_path), FILES)
    path = tmp_path / "some/raw/two.bin"
    expected = md5(TWO).removeprefix("md5:")
    for part in (f"{path} is damaged", "MD5", f"not {expected}", "delete it"):
        assert part in str(caught.value)
    assert caught.value.key == "dataset.root"
    assert path.read_bytes() == b"other"
    assert web.asked == []


def test_other_kinds_of_hash_are_known(tmp_path: Path) -> None:
    """The digest says how to hash; SHA-256 of the empty file is a known number."""
    known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    lay(tmp_path / "raw", {"one.bin": b""})
    files = Published(
        folder="raw", digests={"one.bin": f"sha256:{known}"}, fetch=from_mirrors()
    )
    obtain(str(tmp_path), files)
    lay(tmp_path / "raw", {"one.bin": b"x"})
    with pytest.raises(DataError, match=f"SHA256 .* not {known}"):
        obtain(str(tmp_path), files)


def test_a_root_that_is_a_file_is_told(tmp_path: Path, web: Web) -> None:
    """Where no folder can be made, that is the reason given."""
    (tmp_path / "root").write_bytes(b"")
    with pytest.raises(DataError, match="Not a directory"):
        obtain(str(tmp_path / "root"), FILES)
    assert web.asked == []


@pytest.mark.usefixtures("cache", "web")
def test_large_files_are_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unchanged file is not hashed again, a touched one is, a small one always."""
    monkeypatch.setattr(module, "_LARGE", len(TWO))
    lay(tmp_path / "some/raw", {"one.bin": ONE, "two.bin": TWO})
    hashed = count_hashing(monkeypatch)
    obtain(str(tmp_path), FILES)
    assert hashed == ["one.bin", "two.bin"]
    obtain(str(tmp_path), FILES)
    assert hashed == ["one.bin", "two.bin", "one.bin"]
    # The same size and time of change, as a careless copy would have them.
    stat = (tmp_path / "some/raw/two.bin").stat()
    lay(tmp_path / "some/raw", {"two.bin": TWO[::-1]})
    os.utime(tmp_path / "some/raw/two.bin", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(DataError, match=r"two\.bin is damaged"):
        obtain(str(tmp_path), FILES)


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("memory", ["", "[]", "{", "\xff"])
def test_a_broken_memory_costs_only_time(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, memory: str
) -> None:
    """A memory that cannot be read is written anew, and the files hashed again."""
    monkeypatch.setattr(module, "_LARGE", 0)
    lay(cache, {"verified.json": memory.encode("latin1")})
    lay(tmp_path / "some/raw", {"one.bin": ONE, "two.bin": TWO})
    hashed = count_hashing(monkeypatch)
    obtain(str(tmp_path), FILES)
    assert hashed == ["one.bin", "two.bin"]
    assert len(json.loads((cache / "verified.json").read_text())) == 2
    assert left(cache) == ["verified.json"]


@pytest.mark.usefixtures("web")
def test_no_cache_folder_is_needed_to_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be remembered, large files are hashed each time."""
    monkeypatch.setattr(module, "_LARGE", 0)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path / "file/cache"))
    lay(tmp_path / "some/raw", {"one.bin": ONE, "two.bin": TWO})
    hashed = count_hashing(monkeypatch)
    for _ in range(2):
        obtain(str(tmp_path), FILES)
    assert hashed == ["one.bin", "two.bin"] * 2
