"""docs/results.md and the README's table, from what is kept; nothing typed by hand."""

from collections.abc import Iterator, Sequence
from typing import Any

from carrying import Standing
from targets import Figure, spread

_HEAD = """# Results

Every row is made by `make reproduce`, or `make reproduce ONLY=NAME`: on MNIST, pixels
in [0, 1], one CPU thread; errors are those of the whole test set, likelihoods and
attacks of its first 1000 images. Targets, and why some are missed, are in
[targets.yaml](targets.yaml); what was found lies in `results/`, and no figure of the
table is typed by hand. *Ours* is the mean of the seeds, with their standard deviation
and number where there are several (`TIER=quick` runs seed 0 alone). *Published* is what
longer training gave elsewhere; *beside* is the same without what the row is about, or
PCA of as many components, or what a classifier makes of the pixels themselves.

"""
_COLUMNS = (
    "row", "system", "command", "figure", "taught or published", "target", "ours",
    "beside", "minutes", "verdict",
)  # fmt: skip
_BEGIN = "<!-- results: written by make reproduce -->"
_END = "<!-- end of results -->"
_NOTHING = "No figures are kept here yet; `make reproduce` fills this table."


def results(rows: Sequence[Standing]) -> str:
    """The page."""
    lines = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
    whys = []
    for row in rows:
        lines += [_line(cells) for cells in _cells(row)]
        whys += list(_whys(row))
    text = _HEAD + "\n".join(lines) + "\n"
    if whys:
        text += "\n## What was not reached, and why\n\n" + "\n".join(whys) + "\n"
    return text


def with_section(readme: str, rows: Sequence[Standing]) -> str:
    """A README whose section of results is that of these rows.

    Raises:
        ValueError: It has no place for that, or several.
    """
    before, *rest = readme.split(_BEGIN)
    if len(rest) != 1 or rest[0].count(_END) != 1:
        raise ValueError(f"README.md needs one {_BEGIN!r} and one {_END!r} after it")
    return f"{before}{_BEGIN}\n\n{short(rows)}\n\n{_END}{rest[0].partition(_END)[2]}"


def short(rows: Sequence[Standing]) -> str:
    """The README's table: the first figure of each row of which something is kept."""
    columns = ("system", "command", "figure", "target", "ours", "verdict")
    lines = [_line(columns), _line(["---"] * len(columns))]
    for row in rows:
        if row.seeds or row.old:
            _, system, command, figure, _, target, ours, _, _, verdict = next(
                _cells(row)
            )
            lines.append(_line([system, command, figure, target, ours, verdict]))
    return "\n".join(lines) if len(lines) > 2 else _NOTHING


def _cells(standing: Standing) -> Iterator[list[str]]:
    row, found, before = standing.row, standing.seeds, list[str]()
    for number, figure in enumerate(row.figures):
        first, typed = number == 0, row.commands(figure)
        yield [
            f'<a id="{row.key}"></a>`{row.key}`' if first else "",
            row.system if first else "",
            "" if typed == before else "<br>".join(f"`{text}`" for text in typed),
            figure.name,
            _others(figure),
            figure.asked,
            _ours(figure, found),
            _plain(figure, found),
            _minutes(found) if first else "",
            standing.old or _verdict(figure, found),
        ]
        before = typed


def _others(figure: Figure) -> str:
    if figure.published is not None:
        return f"{figure.published:g} ({figure.source})"
    return "" if figure.taught is None else f"{figure.taught}"


def _values(figure: Figure, found: dict[str, Any]) -> list[float]:
    return [figure.value(result["values"]) for result in found.values()]


def _ours(figure: Figure, found: dict[str, Any]) -> str:
    if not found:
        return ""
    mean, deviation = spread(_values(figure, found))
    if deviation is None:
        return f"{mean:.4g}"
    return f"{mean:.4g} +- {deviation:.2g} ({len(found)})"


def _plain(figure: Figure, found: dict[str, Any]) -> str:
    name = figure.plain
    if name is None or not found:
        return ""
    mean, _ = spread([result["values"][name] for result in found.values()])
    return f"{mean * figure.times:.4g}"


def _minutes(found: dict[str, Any]) -> str:
    if not found:
        return ""
    mean, _ = spread([result["minutes"] for result in found.values()])
    return f"{mean:.1f}"


def _verdict(figure: Figure, found: dict[str, Any]) -> str:
    return figure.verdict(_values(figure, found)) if found else "not run"


def _whys(standing: Standing) -> Iterator[str]:
    found = standing.seeds
    for figure in standing.row.figures:
        if found and figure.verdict(_values(figure, found)) == "not reached":
            why = figure.why or "not analysed yet"
            yield f"- `{standing.row.key}`, {figure.name}: {why}."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
