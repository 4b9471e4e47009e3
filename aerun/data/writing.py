"""Reconstructions in the form in which the examples came."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Writer = Callable[[Path, Iterable[np.ndarray]], None]


def images_like(names: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Writer:
    """Writes PNG files of the names and sizes of the image files that were read.

    Args:
        names: Relative paths, with their endings.
        sizes: Height and width of each.
    """
    stems = [str(Path(name).with_suffix("")) for name in names]
    twice = {stem for stem, count in Counter(stems).items() if count > 1}
    places = [
        f"{name if stem in twice else stem}.png"
        for name, stem in zip(names, stems, strict=True)
    ]

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
                path = folder / place
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)

    return write


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
