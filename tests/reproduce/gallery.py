"""docs/gallery.md and its pictures, from runs that are finished here."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from carrying import STALE, Place, Standing
from pictures import Absent, Picture, asked_of, keep_picture
from targets import command, on_last

_HEAD = """# Gallery

Pictures of the lecture's systems and of some papers', drawn by aerun in the runs of
`make reproduce` with seed 0, test digits throughout. What was measured of them is in
[results.md](results.md). Which file of a run each picture is says
[pictures.yaml](pictures.yaml).
"""

Pictures = Mapping[str, Sequence[Picture]]
"""By the key of their row."""


def draw(rows: Sequence[Standing], pictures: Pictures, place: Place) -> list[str]:
    """Keep every picture whose runs are finished; the others stay as they are.

    Returns:
        What could not be drawn of rows that were begun, and why.
    """
    absent = []
    for row in rows:
        folder = place.folder(row.row, 0, row.asked or "nothing begun")
        for picture in pictures.get(row.row.key, ()):
            if picture.files and not folder.exists():
                continue
            try:
                png = picture.drawn(row.row, folder)
            except Absent as error:
                absent.append(f"{_name(row, picture)}: {error}")
                continue
            asked = row.asked if picture.files else ""
            keep_picture(png, place.gallery / _name(row, picture), asked)
    return absent


def gallery(rows: Sequence[Standing], pictures: Pictures, place: Place) -> str:
    """The page."""
    parts = [_HEAD]
    for row in rows:
        if row.row.key in pictures:
            parts.append(f'## <a id="{row.row.key}"></a>{row.row.system}\n')
            for picture in pictures[row.row.key]:
                parts += _shown(row, picture, place.gallery)
    return "\n".join(parts)


def _shown(row: Standing, picture: Picture, folder: Path) -> Iterator[str]:
    path = folder / _name(row, picture)
    how = _commands(row, picture)
    if not path.exists():
        yield f"*{picture.title}: not drawn yet.* {how}\n"
        return
    yield f"![{picture.title}]({folder.name}/{path.name})\n"
    old = picture.files and asked_of(path) != row.asked
    stale = f" ({STALE})" if old else ""
    yield f"*{picture.title}{stale}.* {picture.shows} {how}\n"


def _commands(standing: Standing, picture: Picture) -> str:
    """What a reader types for it."""
    row = standing.row
    if picture.drawn_by:
        return "`make reproduce PAGES=1` draws it without a run."
    starts = {file.partition("/")[0]: None for file in picture.files}
    typed = [row.command]
    typed += [command(row.beside[start]) for start in starts if start in row.beside]
    typed += [on_last(row.tasks[start]) for start in starts if start in row.tasks]
    shown = ", ".join(f"`{text}`" for text in typed)
    return f"{shown}; or `make reproduce ONLY={row.key}`."


def _name(row: Standing, picture: Picture) -> str:
    return f"{row.row.key}_{picture.name}.png"
