"""A folder of the user's own images."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL

from aerun.data.cache import cached
from aerun.data.image_files import ImageProblem, decode, find, in_threads, stamp_of
from aerun.data.image_index import remember_problems
from aerun.data.image_places import (
    Folder,
    check_enough,
    look_in,
    names_of,
    places_of,
    usable,
)
from aerun.data.mapped import Mapped
from aerun.data.splits import Source
from aerun.data.writing import images_like
from aerun.errors import DataError
from aerun.options import Count
from aerun.progress import progress_bar

_DECODED = "1"  # changes whenever the same bytes would be decoded differently


class _Undecodable(Exception):
    """Files that only decoding showed to be damaged; they are remembered now."""


def image_folder(
    *,
    path: str,
    test_path: str | None,
    size: Count | list[Count] | None,
    colour: Literal["auto", "grey", "rgb"],
    unusable: Literal["refuse", "skip"],
    shape: Sequence[int] | None = None,
) -> Source:
    """Any image files below a folder; folders directly in it are classes.

    Args:
        path: The folder; where the folders in it are ``train`` and ``test`` and it
            holds no image itself, these are the two parts.
        test_path: A folder of test images; None: a share is held out.
        size: Height and width, or one number for both, that images are stretched to;
            None: all have one size.
        colour: Channels: "auto" is grey where all images are.
        unusable: Whether files that are no images of 8 bits are an error or left out.
        shape: [C, H, W] of the examples that a trained model takes, if it is to be
            given these images; instead of ``size`` and ``colour``, and no image is
            held out then.

    Returns:
        Bytes [N, C, H, W] in a file of the cache, decoded on the first call.

    Raises:
        DataError: There is no folder or no image, one cannot be used, sizes differ.
    """
    if shape is not None:
        if len(shape) != 3:
            ours = "x".join(map(str, shape))
            raise DataError(f"has images; the run's model takes vectors of {ours}")
        size, colour = [shape[1], shape[2]], "grey" if shape[0] == 1 else "rgb"
    places = places_of(path, test_path)
    while True:
        folders = [look_in(place, key) for place, key in places]
        folders, notes = usable(folders, skip=unusable == "skip")
        if shape is None:
            check_enough(folders)
        pixels = _size(folders, size)
        everything = [file for folder in folders for file in folder.files.values()]
        grey = all(file.is_grey for file in everything)
        is_grey = grey if colour == "auto" else colour == "grey"
        if any((file.height, file.width) != pixels for file in everything):
            notes.append(f"Images are stretched to {pixels[0]}x{pixels[1]} pixels.")
        try:
            images = [_pixels(folder, pixels, is_grey=is_grey) for folder in folders]
            break
        except _Undecodable:
            continue
    classes, labels, said = _labels(folders)
    parts = list(zip(images, labels, strict=True))
    return Source(
        train=parts[0],
        test=parts[1] if len(parts) > 1 else None,
        bounds=(0, 255),
        classes=classes,
        content=" ".join(_key(folder, pixels, is_grey=is_grey) for folder in folders),
        notes=(*notes, *said),
        names=(names := names_of(folders)),
        path=str(folders[0].path),
        write=images_like(names, [(file.height, file.width) for file in everything]),
    )


def _stamp(options: Mapping[str, Any]) -> str:
    """Tells whether anything in the folders changed since the last call."""

    def found_in(path: str) -> dict[str, list[int]] | None:
        try:
            return find(Path(os.path.expanduser(path)))[0]
        except OSError:
            return None  # the source itself says what is wrong

    found = [found_in(options[k]) for k in ("path", "test_path") if options[k]]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


image_folder.stamp = _stamp  # type: ignore[attr-defined]
image_folder.settled = ("size", "colour")  # type: ignore[attr-defined]


# -- their classes ---------------------------------------------------------------------


def _labels(
    folders: Sequence[Folder],
) -> tuple[tuple[str, ...] | None, list[np.ndarray | None], list[str]]:
    """Names of classes, each part's labels, and what to say of them."""
    names = [list(folder.files) for folder in folders]
    none: list[np.ndarray | None] = [None for _ in folders]
    everything = [name for part in names for name in part]
    loose = [name for name in everything if "/" not in name]
    if loose:
        said = (
            f"{len(loose)} of {len(everything)} images, such as {loose[0]}, lie in no "
            "class folder, so there are no labels."
        )
        return None, none, [said] if len(loose) < len(everything) else []
    tops = [[name.partition("/")[0] for name in part] for part in names]
    classes = tuple(sorted({top for part in tops for top in part}))
    if len(classes) == 1:
        said = (
            f"All images of {folders[0].path} lie in one folder, {classes[0]}: there "
            "is only one class, so there are no labels."
        )
        return None, none, [said]
    number = {name: i for i, name in enumerate(classes)}
    labels = [np.asarray([number[t] for t in part], dtype=np.int64) for part in tops]
    shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
    return classes, list(labels), [f"Labels: {len(classes)} class folders ({shown})."]


# -- their pixels ----------------------------------------------------------------------


def _size(folders: Sequence[Folder], size: int | list[int] | None) -> tuple[int, int]:
    """Height and width of every example."""
    if isinstance(size, int):
        return size, size
    if size is not None:
        if len(size) != 2:
            problem = (
                "give height and width, dataset.size=[H,W], or one number for both"
            )
            raise DataError(problem, key="dataset.size")
        return size[0], size[1]
    first: dict[tuple[int, int], Path] = {}
    counts: Counter[tuple[int, int]] = Counter()
    for folder in folders:
        for name, file in folder.files.items():
            shape = (file.height, file.width)
            first.setdefault(shape, folder.path / name)
            counts[shape] += 1
    (usual, _), *rest = counts.most_common()
    if rest:
        odd = rest[0][0]
        raise DataError(
            f"the images have {len(counts)} sizes (height x width): {first[usual]} is "
            f"{usual[0]}x{usual[1]}, {first[odd]} is {odd[0]}x{odd[1]}; bring all to "
            f"one with dataset.size=[{usual[0]},{usual[1]}]",
            key="dataset.size",
        )
    return usual


def _key(folder: Folder, shape: tuple[int, int], *, is_grey: bool) -> str:
    """Names the decoded bytes by all that they are made from."""
    digest = hashlib.sha256(f"{_DECODED} {shape} {is_grey}".encode())
    for file in folder.files.values():
        digest.update(file.sha256.encode())
    return f"images-{digest.hexdigest()[:32]}"


def _pixels(folder: Folder, shape: tuple[int, int], *, is_grey: bool) -> Mapped:
    """The decoded images of a folder, [N, C, H, W].

    Raises:
        _Undecodable: Some are damaged.
    """
    problems: dict[str, str] = {}
    blank = np.zeros((1 if is_grey else 3, *shape), dtype=np.uint8)

    def one(name: str) -> np.ndarray:
        path, pixels = folder.path / name, blank
        try:
            pixels = decode(path, size=shape, is_grey=is_grey)
        except ImageProblem as problem:
            problems[name] = str(problem)
        # Other bytes must not be kept under the name of those that were looked at.
        if stamp_of(path) != folder.files[name].stamp:
            raise DataError(
                f"{path} changed while it was read; start again when nothing writes "
                "to the folder any more",
                key=folder.key,
            )
        return pixels

    def make() -> Iterator[np.ndarray]:
        names = list(folder.files)
        what = f"Decoding {folder.path.name}"
        with progress_bar(len(names), unit="image", description=what) as bar:
            for pixels in in_threads(one, names):
                yield pixels
                bar.update()
        if problems:
            remember_problems(folder.path, folder.files, problems)
            raise _Undecodable

    # Another version of PIL may decode the same file a little differently.
    key = f"{_key(folder, shape, is_grey=is_grey)}-pil{PIL.__version__}"
    return cached(key, (len(folder.files), *blank.shape), make)
