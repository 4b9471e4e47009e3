"""Reconstructions in the form in which the examples came."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Writer = Callable[[Path, Iterable[np.ndarray]], None]


def images_like(names: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Writer:
    """Writes PNG files of the names and sizes of those that were read, in images/.

    Args:
        names: Relative paths, with their endings.
        sizes: Height and width of each.
    """
    places = places_for(names)

    def write(folder: Path, examples: Iterable[np.ndarray]) -> None:
        todo = zip(places, sizes, strict=True)
        for block in examples:
            for pixels in block:
                place, (height, width) = next(todo)
                pixels = np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)
                grey = len(pixels) == 1
                image = Image.fromarray(
                    pixels[0] if grey else pixels.transpose(1, 2, 0)
                )
                if image.size != (width, height):
                    image = image.resize((width, height), Image.Resampling.LANCZOS)
                path = folder / "images" / place
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)

    return write


def places_for(names: Sequence[str]) -> list[str]:
    """A .png file of its own for each of some names, beside the folders among them.

    It has the name without its ending; with it where others would have the same, or a
    folder has; and a number where even that is taken.
    """
    folders = {str(above) for name in names for above in Path(name).parents}
    whole = [f"{name}.png" for name in names]
    wanted = [str(Path(name).with_suffix(".png")) for name in names]
    for _ in range(2):  # a whole name may be what another has without its ending
        count = Counter([*wanted, *folders])
        wanted = [
            full if count[place] > 1 else place
            for place, full in zip(wanted, whole, strict=True)
        ]
    places: list[str] = []
    taken = set(folders)
    for place in wanted:
        free, number = place, 1
        while free in taken:
            number += 1
            free = f"{place.removesuffix('.png')}_{number}.png"
        places.append(free)
        taken.add(free)
    assert len(set(places)) == len(names), "no image may replace another"
    return places


def table_like(columns: Sequence[str]) -> Writer:
    """Writes a .csv file with the columns that were read."""

    def write(folder: Path, examples: Iterable[np.ndarray]) -> None:
        path = folder / "reconstructions.csv"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for block in examples:
                writer.writerows(block.tolist())

    return write


def array_like(shape: Sequence[int]) -> Writer:
    """Writes a .npy file of examples of a shape, [H, W], [H, W, C] or as they are."""

    def write(folder: Path, examples: Iterable[np.ndarray]) -> None:
        blocks = [_in_layout(block, shape) for block in examples]
        np.save(folder / "reconstructions.npy", np.concatenate(blocks))

    return write


def _in_layout(block: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Examples [n, C, H, W] or [n, D] in the layout in which they were given."""
    if len(shape) == 2:
        return block[:, 0]
    if len(shape) == 3 and shape[-1] in (1, 3):  # the last axis is asked first
        return np.moveaxis(block, 1, -1)
    return block
