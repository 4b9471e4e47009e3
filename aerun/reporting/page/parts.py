"""Parts of pages: figures, curves, pictures, maps of codes, commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aerun.reporting.page.page import Html, data_uri, embedded, escaped, joined

_NO_SCRIPT = "<noscript><p>This part needs JavaScript.</p></noscript>"
_MOST_POINTS = 2000  # of a line; more could not be told apart


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureRow:
    """A figure as it is shown."""

    name: str
    value: str
    unit: str
    definition: str


def figures_table(rows: Sequence[FigureRow]) -> Html:
    """Figures with unit and definition."""
    body = joined(
        [
            f"<tr><th scope=row><code>{escaped(row.name)}</code></th>"
            f"<td class=value>{escaped(row.value)}</td>"
            f"<td class=unit>{escaped(row.unit)}</td>"
            f"<td class=meaning>{escaped(row.definition)}</td></tr>"
            for row in rows
        ]
    )
    head = "".join(
        f"<th scope=col{' class=value' * (name == 'Value')}>{name}</th>"
        for name in ("Figure", "Value", "Unit", "Definition")
    )
    return Html(
        f"<table class=figures><thead><tr>{head}</tr></thead>"
        f"<tbody>\n{body}\n</tbody></table>"
    )


def bars(rows: Sequence[tuple[str, float]], *, unit: str) -> Html:
    """Values >= 0 as bars from zero, the first of them set off."""
    most = max((value for _, value in rows), default=0.0) or 1.0
    shown = [
        f"<div class=bar><span>{escaped(name)}</span>"
        f'<i style="width:{100 * value / most:.2f}%"></i>'
        f"<b>{value:.3g}</b></div>"
        for name, value in rows
    ]
    return Html(
        f"<div class=bars>{joined(shown)}</div><p class=note>{escaped(unit)}</p>"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A text in a table, and what goes with it."""

    text: str
    link: str = ""
    """A relative address, encoded; empty for none."""
    colour: str = ""
    """Of CSS, of a dot before the text; empty for none."""
    number: bool = False
    long: bool = False
    """Whether it may be broken into lines."""


def wide_table(head: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> Html:
    """A table that scrolls sideways in a box of its own where it is too wide.

    Args:
        head: Names of the columns.
        rows: As many cells in each; the first cell is the name of its row.
    """
    top = "".join(_cell(cell, "th scope=col") for cell in head)
    body = joined(
        [
            f"<tr>{_cell(first, 'th scope=row')}"
            f"{''.join(_cell(cell, 'td') for cell in rest)}</tr>"
            for first, *rest in rows
        ]
    )
    return Html(
        f"<div class=wide tabindex=0><table><thead><tr>{top}</tr></thead>"
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(cell: Cell, tag: str) -> str:
    kinds = [name for name in ("number", "long") if getattr(cell, name)]
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    dot = f'<i class=dot style="background:{escaped(cell.colour)}"></i>'
    text = escaped(cell.text)
    if cell.link:
        text = Html(f'<a href="{escaped(cell.link)}">{text}</a>')
    return f"<{tag}{kind}>{dot if cell.colour else ''}{text}</{tag.split()[0]}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A line of a panel."""

    name: str
    colour: str
    """Of CSS, such as var(--class-0)."""
    x: Sequence[float]
    """Ascending, [P]."""
    y: Sequence[float]
    """Finite, [P]."""
    spread: Sequence[float] | None = None
    """Half the height of a band around the line, [P]; None: there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One quantity of one run or several."""

    title: str
    series: Sequence[Series]
    log: bool
    """Whether a logarithmic scale shows more."""


def curves(
    panels: Sequence[Panel],
    *,
    phases: Sequence[tuple[str, float, float]] = (),
    best: float | None = None,
) -> Html:
    """Panels over epochs, with one pointer for all of them.

    Args:
        panels: In order.
        phases: Name, first and last epoch of each, where there are several.
        best: The epoch to mark.
    """
    data = {
        "panels": [
            {
                "title": panel.title,
                "log": panel.log,
                "lines": [_line(series) for series in panel.series],
            }
            for panel in panels
        ],
        "phases": [list(phase) for phase in phases] if len(phases) > 1 else [],
        "best": best,
    }
    buttons = "".join(
        f'<button type=button data-scale={name} aria-pressed="{pressed}">{name}'
        "</button>"
        for name, pressed in (("auto", "true"), ("linear", "false"), ("log", "false"))
    )
    return Html(
        f"<div class=curves>{embedded(data)}{_NO_SCRIPT}"
        f"<div class=choice role=group aria-label=Scale><span>Scale</span>{buttons}"
        "</div><div class=panels></div></div>"
    )


def _line(series: Series) -> dict[str, Any]:
    step = -(-len(series.x) // _MOST_POINTS) or 1
    x, y, spread = list(series.x), list(series.y), series.spread
    kept = sorted({*range(0, len(x), step), len(x) - 1}) if x else []
    line: dict[str, Any] = {
        "name": series.name,
        "colour": series.colour,
        "x": [_short(x[i]) for i in kept],
        "y": [_short(y[i]) for i in kept],
    }
    if spread is not None:
        line["spread"] = [_short(spread[i]) for i in kept]
    return line


def _short(value: float) -> float | int:
    number = float(f"{value:.6g}")
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def slideshow(slides: Sequence[tuple[str, bytes]]) -> Html:
    """Pictures of one thing over time, the last one first to be seen."""
    title, last = slides[-1]
    shown = (
        f'<figure class=picture><img alt="{escaped(title)}" src="{data_uri(last)}">'
        f"<figcaption>{escaped(title)}</figcaption></figure>"
    )
    if len(slides) == 1:
        return Html(shown)
    data = {
        "titles": [t for t, _ in slides],
        "images": [data_uri(p) for _, p in slides],
    }
    last_place = len(slides) - 1
    return Html(
        f"<div class=slides>{embedded(data)}{shown}"
        f"<input type=range min=0 max={last_place} value={last_place} step=1 "
        'aria-label="Point in training"></div>'
    )


def wide_picture(title: str, picture: bytes) -> Html:
    """One whose words must stay readable: on a phone it scrolls sideways."""
    return Html(
        f"<div class=wide tabindex=0><figure class=picture>"
        f'<img alt="{escaped(title)}" src="{data_uri(picture)}"></figure></div>'
    )


def gallery(pictures: Sequence[tuple[str, bytes]]) -> Html:
    """Pictures side by side, each with its title."""
    shown = [
        f'<figure class=picture><img alt="{escaped(title)}" '
        f'src="{data_uri(content)}"><figcaption>{escaped(title)}</figcaption></figure>'
        for title, content in pictures
    ]
    return Html(f"<div class=gallery>{joined(shown)}</div>")


def code_map(data: Mapping[str, Any], *, decodes: bool) -> Html:
    """A map of codes, to be hovered over and, where there are decoded codes, dragged.

    Args:
        data: As ``reporting.code_map.CodeMap.data`` gives it.
        decodes: Whether it holds decoded codes.
    """
    decoded = (
        "<figure class=decoded><div class=shown></div>"
        "<figcaption>Decoded</figcaption></figure>"
        if decodes
        else ""
    )
    return Html(
        f"<div class=codes>{embedded(data)}{_NO_SCRIPT}"
        "<div class=plot></div><div class=beside>"
        "<figure class=example><div class=shown></div>"
        f"<figcaption>Test example</figcaption></figure>{decoded}</div>"
        "<div class=legend></div></div>"
    )


def sentences(texts: Sequence[str], *, kind: str) -> Html:
    """A list of sentences; ``kind`` is the class of its look."""
    items = joined([f"<li>{escaped(text)}</li>" for text in texts])
    return Html(f"<ul class={kind}>{items}</ul>")


def commands(rows: Sequence[tuple[str, str]]) -> Html:
    """Commands to be copied, each under what it does."""
    shown = [
        f"<dt>{escaped(what)}</dt><dd><pre><code>{escaped(command)}</code></pre></dd>"
        for what, command in rows
    ]
    return Html(f"<dl class=commands>{joined(shown)}</dl>")


def facts(rows: Sequence[tuple[str, str]]) -> Html:
    """Names and values in columns."""
    shown = [
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>"
        for name, value in rows
    ]
    return Html(f"<dl class=facts>{joined(shown)}</dl>")


def folded(title: str, text: str) -> Html:
    """A long text that opens on demand."""
    return Html(
        f"<details><summary>{escaped(title)}</summary>"
        f"<pre><code>{escaped(text)}</code></pre></details>"
    )
