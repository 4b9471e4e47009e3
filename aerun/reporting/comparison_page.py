"""The report of a comparison of runs: all of it on one page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aerun.reporting.courses import MAXIMUM_LINES as MAXIMUM_LINES
from aerun.reporting.page.page import Section, joined, page
from aerun.reporting.page.parts import (
    Cell,
    Panel,
    bars,
    commands,
    curves,
    facts,
    sentences,
    wide_picture,
    wide_table,
)
from aerun.reporting.sheets import fitted
from aerun.reporting.verdict import Verdict

_PICTURE_BYTES = 1_500_000
_BARS = 10  # more say no more than the table
_LONG = 24  # letters, from which a text may be broken into lines
_GROUPS = 60  # columns of tables
_RUNS = 2000

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""A head, and rows of as many texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One of the runs."""

    group: str
    """Empty where it was not averaged."""
    status: str
    seed: str
    value: str
    """Of the figure by which groups are ranked."""
    warnings: int
    """Of its health."""
    directory: str
    link: str
    """Relative address of its own page, encoded; empty where it has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonReport:
    """All that the report of a comparison shows."""

    title: str
    where: str
    """The comparison's directory."""
    verdict: Verdict
    number: int
    """Of groups."""
    ranking: Table
    """Groups, the best first, then baselines: rank, what tells a group apart, n and
    the figures."""
    bars: Sequence[tuple[str, float]]
    """The same by one figure, where it is never below zero."""
    metric: str
    """The name of that figure."""
    settings: Table
    """A row per setting that differs, a column per group."""
    figures: Table
    """A row per figure, a column per group."""
    definitions: Sequence[tuple[str, str]]
    """Of the figures."""
    panels: Sequence[Panel]
    reconstructions: bytes | None
    """A PNG file."""
    warnings: Sequence[str]
    """What makes figures not comparable."""
    notes: Sequence[str]
    """What else a reader should know."""
    runs: Sequence[RunRow]
    commands: Sequence[tuple[str, str]]
    """What to type next, each after what it does."""
    pictures: Sequence[tuple[str, bytes]] = ()
    """PNG files with their titles, each a section below the ranking."""


def comparison_report(report: ComparisonReport) -> bytes:
    """The page, UTF-8; under 8 MB, whatever the runs."""
    sections = [
        _careful(report),
        _ranking(report),
        *_pictures(report),
        _curves(report),
        _reconstructions(report),
        _notes(report),
        _settings(report),
        _figures(report),
        _runs(report),
        Section(title="Repeat it", body=commands(report.commands)),
    ]
    return page(
        title=report.title,
        verdict=report.verdict,
        where=report.where,
        sections=sections,
    )


def line_colour(place: int) -> str:
    """Of a group in the table and in curves, by its place from 0; "" beyond ten."""
    return f"var(--class-{place})" if place < MAXIMUM_LINES else ""


def _careful(report: ComparisonReport) -> Section | None:
    if not report.warnings:
        return None
    return Section(title="Careful", body=sentences(report.warnings, kind="warnings"))


def _notes(report: ComparisonReport) -> Section | None:
    if not report.notes:
        return None
    return Section(title="Notes", body=sentences(report.notes, kind="notes"))


def _ranking(report: ComparisonReport) -> Section:
    head, rows = report.ranking
    first = list(head).index("n")  # of the numbers

    def cell(place: int, column: int, text: str) -> Cell:
        colour = line_colour(place) if place < report.number and column == 1 else ""
        return Cell(
            text=_written(text) if column > first else text,
            colour=colour if report.panels else "",
            number=column >= first,
            long=len(text) > _LONG,
        )

    table = wide_table(
        [Cell(text=text, number=i >= first) for i, text in enumerate(head)],
        [
            [cell(p, c, text) for c, text in enumerate(row)]
            for p, row in enumerate(rows)
        ],
    )
    parts = [table]
    if 1 < len(report.bars) <= _BARS:
        parts.append(bars(report.bars, unit=f"{report.metric}, mean over seeds"))
    on = ", on the test examples" if report.metric.startswith("test/") else ""
    intro = (
        f"Mean \u00b1 standard deviation over n seeds{on}; below them PCA at the same "
        "code size, fitted to the same training examples."
    )
    return Section(title="Ranking", body=joined(parts), intro=intro)


def _pictures(report: ComparisonReport) -> Iterator[Section]:
    for title, picture in report.pictures:
        body = wide_picture(title, fitted(picture, _PICTURE_BYTES))
        yield Section(title=title, body=body)


def _curves(report: ComparisonReport) -> Section | None:
    if not report.panels:
        return None
    banded = any(s.spread is not None for panel in report.panels for s in panel.series)
    about = " Bands are one standard deviation over seeds." if banded else ""
    intro = f"Hover over a panel to read the values of all groups.{about}"
    return Section(title="Training", body=curves(report.panels), intro=intro)


def _reconstructions(report: ComparisonReport) -> Section | None:
    if report.reconstructions is None:
        return None
    picture = fitted(report.reconstructions, _PICTURE_BYTES)
    body = wide_picture("The same test examples through each group", picture)
    return Section(title="Reconstructions", body=body)


def _settings(report: ComparisonReport) -> Section | None:
    head, rows = report.settings
    if not rows:
        return None
    body = [[_named(text) for text in row[: _GROUPS + 1]] for row in rows]
    table = wide_table([_named(text) for text in head[: _GROUPS + 1]], body)
    return Section(title="Settings that differ", body=table)


def _figures(report: ComparisonReport) -> Section:
    head, rows = report.figures
    top = [
        replace(_named(text), number=i > 0)
        for i, text in enumerate(head[: _GROUPS + 1])
    ]
    body = [
        [
            Cell(text=_written(text) if i else text, number=i > 0)
            for i, text in enumerate(row[: _GROUPS + 1])
        ]
        for row in rows
    ]
    return Section(
        title="All figures",
        body=joined([wide_table(top, body), facts(report.definitions)]),
        intro="Mean \u00b1 standard deviation over seeds.",
    )


def _runs(report: ComparisonReport) -> Section:
    names = ("group", "seed", report.metric, "status", "warnings", "directory")
    numbers = (1, 2, 4)
    top = [Cell(text=text, number=i in numbers) for i, text in enumerate(names)]
    body = [
        [
            _named(run.group or "not averaged", link=run.link),
            Cell(text=run.seed, number=True),
            Cell(text=run.value, number=True),
            _named(run.status),
            Cell(text=str(run.warnings or ""), number=True),
            Cell(text=run.directory),
        ]
        for run in report.runs[:_RUNS]
    ]
    linked = any(run.link for run in report.runs)
    intro = "A group's name opens the report of the run." if linked else ""
    return Section(title="Runs", body=wide_table(top, body), intro=intro)


def _named(text: str, *, link: str = "") -> Cell:
    return Cell(text=text, link=link, long=len(text) > _LONG)


def _written(text: str) -> str:
    return text.replace("+-", "\u00b1")
