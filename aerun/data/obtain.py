"""Published files: found in a folder, downloaded when absent, verified before use."""

import hashlib
import json
import os
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from aerun.data.cache import cache_folder
from aerun.errors import DataError
from aerun.progress import progress_bar

_KEY = "dataset.root"
_CHUNK = 2**20  # bytes
_LARGE = 50 * 10**6  # bytes from which hashing is shown, and remembered
_PATIENCE = 30  # seconds without a byte

State = list[str | int]
"""Digest, size in bytes, times of change in nanoseconds."""
Fetch = Callable[[Mapping[str, str], Path], None]
"""Puts files, given with their digests, into a scratch folder; OSError if it cannot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """The files of a data set as their makers publish them."""

    folder: str
    """Where they lie below dataset.root, e.g. "MNIST/raw"."""
    digests: Mapping[str, str]
    """Of every file by name: "md5:" or "sha256:" and hexadecimal digits."""
    fetch: Fetch
    """Gets those that are absent."""


def obtain(root: str, published: Published) -> Path:
    """Have all files of a data set in place, each with the right content.

    Args:
        root: The folder that holds, or will hold, ``published.folder``.
        published: Which files, and where they come from.

    Returns:
        The folder of the files. A download that fails leaves nothing there.

    Raises:
        DataError: A file is damaged, or absent and cannot be downloaded.
    """
    folder = Path(os.path.expanduser(root)) / published.folder
    digests = published.digests
    absent = {n: d for n, d in digests.items() if not os.path.isfile(folder / n)}
    if absent:
        try:
            with _scratch(folder) as scratch:
                published.fetch(absent, scratch)
                for name, digest in absent.items():
                    if problem := _difference(digest, _hash(scratch / name, digest)):
                        raise OSError(f"{name} {problem}")
                for name in absent:
                    os.replace(scratch / name, folder / name)
        except OSError as error:
            raise _unobtainable(folder, published, list(absent), error) from None
    for name, digest in digests.items():
        if name not in absent:
            _verify(folder / name, digest)
    return folder


def from_mirrors(*addresses: str) -> Fetch:
    """A way to get files that lie, by their own names, below each of some addresses."""

    def fetch(absent: Mapping[str, str], scratch: Path) -> None:
        for name, digest in absent.items():
            download([a + name for a in addresses], scratch / name, digest)

    return fetch


def download(urls: Sequence[str], path: Path, digest: str) -> None:
    """Get a file from the first address that delivers the right content.

    Raises:
        OSError: None does; says why of each.
    """
    reasons = []
    for url in urls:
        try:
            problem = _difference(digest, _receive(url, path, digest))
        except (OSError, HTTPException) as error:
            problem = _words(error)
        if not problem:
            return
        reasons.append(f"{url} {problem}")
    raise OSError("; ".join(reasons))


def unusable(path: Path, problem: str) -> DataError:
    """An error about a file that is there, but is not what it should be."""
    return DataError(
        f"{path} {problem}; delete it and run again to download it", key=_KEY
    )


def _receive(url: str, path: Path, digest: str) -> str:
    """Write what an address delivers, and hash it on the way."""
    # Some servers turn away the name under which Python calls by default.
    request = urllib.request.Request(url, headers={"User-Agent": "aerun"})
    hasher = _hasher(digest)
    with (
        urllib.request.urlopen(request, timeout=_PATIENCE) as response,
        open(path, "wb") as file,
        progress_bar(response.length or 0, unit="B", description=path.name) as bar,
    ):
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            hasher.update(chunk)
            bar.update(len(chunk))
    return hasher.hexdigest()


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A place on the same disk as ``folder``; folders that stay empty go again."""
    made = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            yield Path(scratch)
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


def _verify(path: Path, digest: str) -> None:
    """Hash a file, a large one only when it is not the one that was hashed before."""
    try:
        stat = path.stat()
        state: State = [digest, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        known = _remembered() if stat.st_size >= _LARGE else {}
        if known.get(str(path.absolute())) == state:
            return
        found = _hash(path, digest)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({_words(error)}); make it readable", key=_KEY
        ) from None
    if problem := _difference(digest, found):
        raise unusable(path, f"is damaged: it {problem}")
    if stat.st_size >= _LARGE:
        _remember(str(path.absolute()), state)


def _hash(path: Path, digest: str) -> str:
    """Hexadecimal digits of a file, by the kind of ``digest``."""
    hasher, size = _hasher(digest), path.stat().st_size
    watched = (
        progress_bar(size, unit="B", description=f"Verifying {path.name}")
        if size >= _LARGE
        else nullcontext()
    )
    with open(path, "rb") as file, watched as bar:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
            if bar is not None:
                bar.update(len(chunk))
    return hasher.hexdigest()


def _hasher(digest: str) -> "hashlib._Hash":
    return hashlib.new(digest.partition(":")[0], usedforsecurity=False)


def _difference(digest: str, found: str) -> str:
    """What is wrong with the hash that was found; "" for nothing."""
    kind, _, expected = digest.partition(":")
    if found == expected:
        return ""
    return f"has the {kind.upper()} {found}, not {expected}"


def _unobtainable(
    folder: Path, published: Published, absent: list[str], error: Exception
) -> DataError:
    """One message about files that are absent and cannot be downloaded."""
    packed = [name for name in absent if name.endswith(".gz")]
    unpacked = [n for n in packed if os.path.isfile(folder / n.removesuffix(".gz"))]
    aside = "the unpacked files there cannot be verified without the .gz; "
    return DataError(
        f"{folder} lacks {', '.join(absent)} and downloading failed ({_words(error)}); "
        f"{aside if unpacked else ''}put the files there, set dataset.root or "
        f"$AERUN_DATA to the folder that holds {published.folder}, or use "
        "dataset=digits, which needs no network",
        key=_KEY,
    )


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _memory() -> Path:
    return cache_folder() / "verified.json"


def _remembered() -> dict[str, object]:
    """The states in which large files were verified, by path.

    A memory that cannot be read costs time, nothing else: the file is hashed again.
    """
    try:
        known = json.loads(_memory().read_text())
    except (OSError, ValueError, DataError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(path: str, state: State) -> None:
    with suppress(OSError, DataError):
        memory = _memory()
        text = json.dumps({**_remembered(), path: state}, indent=1)
        with tempfile.NamedTemporaryFile("w", dir=memory.parent, delete=False) as file:
            file.write(text)
        # Others may read and write at the same time; the last one wins whole.
        os.replace(file.name, memory)
