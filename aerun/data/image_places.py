"""Which folders hold the images of each part, and which of their files can be used."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aerun.data.image_files import SUFFIXES, find
from aerun.data.image_index import Known, known_files
from aerun.errors import DataError

_NAMED = 3  # unusable files that a message names


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """Images of one part of the data."""

    path: Path
    key: str
    """The option that named it."""
    files: Known
    twice: Mapping[str, str]
    """Linked folders in it that were entered under another name before: that name."""


def places_of(path: str, test_path: str | None) -> list[tuple[Path, str]]:
    """The folders of the training and perhaps the test part, with their options."""
    places = {"dataset.path": path}
    if test_path is not None:
        places["dataset.test_path"] = test_path
    for key, given in places.items():
        _check_folder(given, key)
    found = [(Path(os.path.expanduser(given)), key) for key, given in places.items()]
    folder = found[0][0]
    if test_path is None:
        inside = [p for p in folder.iterdir() if not p.name.startswith(".")]
        folders = sorted(p.name for p in inside if p.is_dir())
        loose = any(p.name.lower().endswith(SUFFIXES) for p in inside)
        if folders == ["test", "train"] and not loose:
            return [(folder / name, "dataset.path") for name in ("train", "test")]
    return found


def _check_folder(given: str, key: str) -> None:
    """There is a folder that can be listed."""
    path = Path(os.path.expanduser(given))
    if not given.strip():
        raise DataError("this is empty; give a folder of images", key=key)
    try:
        os.scandir(path).close()
    except FileNotFoundError:
        problem = f"{path} does not exist; give a folder of images"
    except NotADirectoryError:
        there = os.path.lexists(path)
        what = "is a file; give the folder that holds it"
        problem = f"{path} {what if there else 'does not exist; give a folder'}"
    except OSError as error:
        problem = _unreadable(path, error)
    else:
        return
    raise DataError(problem, key=key)


def _unreadable(path: Path, error: OSError) -> str:
    return (
        f"{error.filename or path} cannot be read ({error.strerror}); change its "
        "permissions, or move the images elsewhere"
    )


def look_in(path: Path, key: str) -> Folder:
    """The images of a folder.

    Raises:
        DataError: There are none, or it cannot be read.
    """
    try:
        found, others, twice = find(path)
    except OSError as error:
        raise DataError(_unreadable(path, error), key=key) from None
    if not found:
        kinds = ", ".join(suffix.removeprefix(".") for suffix in SUFFIXES)
        inside = f"only other files such as {others[0]}" if others else "nothing"
        raise DataError(
            f"{path} holds {inside}; give a folder of images ({kinds})", key=key
        )
    files = known_files(path, found)
    return Folder(path=path, key=key, files=files, twice=twice)


def usable(folders: Sequence[Folder], *, skip: bool) -> tuple[list[Folder], list[str]]:
    """The folders without unusable files; these are refused or noted."""
    kept, notes = [], []
    for folder in folders:
        bad = {n: f.problem for n, f in folder.files.items() if f.problem is not None}
        good = {n: f for n, f in folder.files.items() if n not in bad}
        told = "; ".join(
            f"{folder.path / name} {problem}"
            for name, problem in list(bad.items())[:_NAMED]
        )
        more = f"; and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        count = f"{len(bad)} of {len(folder.files)} files"
        if bad and (not skip or not good):
            out = "" if not good else "; dataset.unusable=skip leaves such files out"
            raise DataError(
                f"{count} cannot be used: {told}{more}{out}", key=folder.key
            )
        if bad:
            notes.append(f"{count} are left out: {told}{more}.")
        if folder.twice:
            again, first = next(iter(folder.twice.items()))
            more = f", and {len(folder.twice) - 1} more" * (len(folder.twice) > 1)
            notes.append(
                f"Each folder is read once: in {folder.path} the link {again} leads to "
                f"{first} and is left out{more}."
            )
        kept.append(replace(folder, files=good))
    return kept, notes


def check_enough(folders: Sequence[Folder]) -> None:
    """Refuse fewer images than there are parts."""
    train = folders[0]
    least = 2 if len(folders) > 1 else 3
    if len(train.files) < least:
        raise DataError(
            f"{train.path} holds {len(train.files)} usable image"
            f"{'s' * (len(train.files) > 1)} ({', '.join(train.files)}); training, "
            f"validation {'' if least == 2 else 'and test '}need one each at the "
            "least, and hundreds to learn anything: add images",
            key=train.key,
        )


def names_of(folders: Sequence[Folder]) -> tuple[str, ...]:
    """Relative paths of all images, those of two parts below train/ and test/."""
    if len(folders) == 1:
        return tuple(folders[0].files)
    parts = zip(("train", "test"), folders, strict=True)
    return tuple(f"{part}/{name}" for part, f in parts for name in f.files)
