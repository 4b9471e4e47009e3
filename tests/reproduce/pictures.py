"""docs/pictures.yaml: which pictures of the runs are shown, and how they are cut."""

import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from carrying import finished
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from targets import ROOT, Row

from aerun.reporting.tiles import FRAME_LEVEL, draw_tiles
from aerun.rundir import RunDirectory

PICTURES = ROOT / "docs/pictures.yaml"
_COLOURS = 256  # of a palette; with fewer, those of classes run together
_ASKED = "asked"  # what a picture calls the fingerprint of its row


class Absent(Exception):
    """A picture cannot be made; says what is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """A line of small images out of a picture of a run."""

    label: str = ""
    of: str
    """A file; ``plain/filters.png`` is that of the run beside it called plain, and
    ``evaluate/chain.png`` that of a task on the run."""
    line: int
    """From 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One picture of the gallery: a whole file, strips, or what a function draws."""

    name: str
    """Of its file, after that of the row."""
    title: str
    shows: str
    """In one sentence or two."""
    file: str | None = None
    """As in ``Strip.of``."""
    strips: list[Strip] = field(default_factory=list)
    drawn_by: str | None = None
    """``module.function`` beside this file, which needs no run for its PNG file."""

    def __post_init__(self) -> None:
        """Refuse a picture of nothing, or of two things."""
        given = [self.file, self.strips, self.drawn_by]
        if sum(map(bool, given)) != 1:
            raise ValueError(f"{self.name}: needs one of file, strips and drawn_by")

    @property
    def files(self) -> list[str]:
        """What is needed of runs."""
        return [self.file] if self.file else [strip.of for strip in self.strips]

    def drawn(self, row: Row, folder: Path) -> bytes:
        """A PNG file.

        Args:
            row: To which it belongs.
            folder: That of the row's runs with one seed.

        Raises:
            Absent: A run is not finished, or has no such file.
        """
        if self.drawn_by:
            module, _, name = self.drawn_by.rpartition(".")
            drawn: bytes = getattr(importlib.import_module(module), name)()
            return drawn
        if self.file:
            return _found(self.file, row, folder).read_bytes()
        lines = []
        for strip in self.strips:
            grid = tiles_of(_found(strip.of, row, folder).read_bytes())
            if not 0 < strip.line <= len(grid):
                raise Absent(f"{strip.of} has {len(grid)} lines, not {strip.line}")
            lines.append(grid[strip.line - 1])
        if len({line.shape for line in lines}) != 1:
            raise Absent(f"the lines of {self.name} differ in their images")
        labels = [strip.label for strip in self.strips]
        return draw_tiles(
            np.concatenate(lines),
            columns=len(lines[0]),
            title=self.title,
            labels=labels if any(labels) else None,
        )


def read_pictures(
    rows: Sequence[Row], path: Path = PICTURES
) -> dict[str, list[Picture]]:
    """Pictures by the key of their row.

    Raises:
        ValueError: There is a mistake.
    """
    content: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text("utf-8"))
    if unknown := content.keys() - {row.key for row in rows}:
        raise ValueError(f"{path.name}: there is no row {', '.join(sorted(unknown))}")
    pictures = {}
    for key, about in content.items():
        try:
            pictures[key] = [_picture(one) for one in about]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path.name}: {key}: {error}") from None
    return pictures


def _picture(about: dict[str, Any]) -> Picture:
    strips = [Strip(**strip) for strip in about.get("strips", [])]
    return Picture(**{**about, "strips": strips})


def _found(file: str, row: Row, folder: Path) -> Path:
    """The newest file of such a name in a finished run.

    Raises:
        Absent: There is none.
    """
    first, _, rest = file.partition("/")
    name, file = (first, rest) if first in row.beside else ("run", file)
    directory = folder / name
    if not finished(directory):
        raise Absent(f"{directory} is not finished")
    inside, _, last = file.rpartition("/")
    paths = (
        RunDirectory(directory).by_age(inside, last) if inside else [directory / last]
    )
    if not paths or not paths[-1].is_file():
        raise Absent(f"{directory} has no {file}")
    return paths[-1]


def tiles_of(png: bytes) -> np.ndarray:
    """Cut a grid of framed images into these, as ``draw_tiles`` drew it.

    Args:
        png: A PNG file.

    Returns:
        Pixels [lines, columns, H, W, 3], uint8; places without an image are white.

    Raises:
        Absent: There is no grid.
    """
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    frame = (pixels == FRAME_LEVEL).all(axis=2)
    across = _between_lines(frame.sum(axis=0))
    # The last line may have its first image only.
    down = _between_lines(frame[:, across[0]].sum(axis=1))
    return np.array([[pixels[y, x] for x in across] for y in down])


def _between_lines(counts: np.ndarray) -> list[slice]:
    """What lies between the two lines of a frame, of each, along one axis.

    Raises:
        Absent: Lines do not come in pairs.
    """
    places = np.flatnonzero(counts > 0.4 * counts.max())
    ends = [
        slice(int(a) + 1, int(b)) for a, b in zip(*[iter(places)] * 2, strict=False)
    ]
    sizes = {end.stop - end.start for end in ends}
    if counts.max() == 0 or len(places) % 2 or len(sizes) != 1:
        raise Absent("a picture is no grid of framed images")
    return ends


# -- files of few bytes ----------------------------------------------------------------


def keep_picture(png: bytes, path: Path, asked: str) -> None:
    """Write a picture in a byte per pixel, unless the same is there.

    Args:
        png: A PNG file.
        path: Where it is to be.
        asked: Fingerprint of its row, kept in the file.
    """
    image = _few_colours(Image.open(io.BytesIO(png)).convert("RGB"))
    if path.exists() and asked_of(path) == asked:
        with Image.open(path) as there:
            if there.size == image.size and _same(there, image):
                return  # another zlib would write other bytes
    about = PngInfo()
    about.add_text(_ASKED, asked)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, pnginfo=about)
    path.parent.mkdir(parents=True, exist_ok=True)
    RunDirectory(path.parent).write(path.name, buffer.getvalue())


def asked_of(path: Path) -> str:
    """The fingerprint of the row that a kept picture was made of."""
    with Image.open(path) as image:
        return str(image.info.get(_ASKED, ""))


def _few_colours(image: Image.Image) -> Image.Image:
    grey = image.convert("L")
    if _same(image, grey):
        return grey
    return image.quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE)


def _same(one: Image.Image, other: Image.Image) -> bool:
    return one.convert("RGB").tobytes() == other.convert("RGB").tobytes()
