"""What is known of the images of a folder, remembered between runs.

A file whose size, times and place on the disk are those remembered is not read again,
so that the second start on a large folder costs no more than listing it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from aerun.data.cache import cache_folder, writing
from aerun.data.image_files import ImageFile, in_threads, look_at
from aerun.progress import progress_bar

_LOOKED = 2  # changes whenever the same file would be looked at differently

Known = dict[str, ImageFile]
"""Files by path relative to their folder, in order."""


def known_files(folder: Path, found: Mapping[str, list[int]]) -> Known:
    """Look at the new and changed ones of the files found in a folder.

    Args:
        folder: Holds them.
        found: Relative paths with their stamps, in order.

    Returns:
        All of them.
    """
    before = _read(folder)
    fresh = [
        name
        for name, stamp in found.items()
        if name not in before
        or before[name].stamp != stamp
        or not before[name].sha256  # it could not be read then, perhaps now
    ]
    if fresh:
        what = f"Looking at {folder.name}"
        with progress_bar(len(fresh), unit="image", description=what) as bar:
            looked = in_threads(lambda n: look_at(folder / n, found[n]), fresh)
            for name, file in zip(fresh, looked, strict=True):
                before[name] = file
                bar.update()
    known = {name: before[name] for name in found}
    if fresh or len(before) > len(known):
        _write(folder, known)
    return known


def remember_problems(folder: Path, known: Known, problems: Mapping[str, str]) -> None:
    """Note why files turned out to be unusable."""
    _write(
        folder, known | {n: replace(known[n], problem=p) for n, p in problems.items()}
    )


def _path(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:24]
    return cache_folder() / f"folder-{name}.json"


def _read(folder: Path) -> Known:
    try:
        stored = json.loads(_path(folder).read_text(encoding="utf-8"))
        if stored["looked"] != _LOOKED:
            return {}
        return {n: ImageFile(**values) for n, values in stored["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # Absent or damaged: everything is looked at again.
        return {}


def _write(folder: Path, known: Known) -> None:
    path = _path(folder)
    beside = path.with_suffix(f".{os.getpid()}.part")
    stored = {"looked": _LOOKED, "files": {n: asdict(f) for n, f in known.items()}}
    try:
        with writing(path.parent):
            beside.write_text(json.dumps(stored), encoding="utf-8")
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
