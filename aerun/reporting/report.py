"""The report of a run: all of it on one page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aerun.reporting.canvas import shorten
from aerun.reporting.course import (
    PLAIN_NAMES,
    Row,
    collect_panels,
    phases_of,
    wants_log,
)
from aerun.reporting.groups import evenly_spaced
from aerun.reporting.page.page import Html, Section, escaped, joined, page
from aerun.reporting.page.parts import (
    FigureRow,
    Panel,
    Series,
    bars,
    code_map,
    commands,
    curves,
    facts,
    figures_table,
    folded,
    gallery,
    sentences,
    slideshow,
)
from aerun.reporting.sheets import fitted
from aerun.reporting.verdict import Verdict

_COLOURS = {"train": 0, "validation": 1, "": 2}  # as in loss_curves.png
_SLIDES = 12
_SLIDE_BYTES = 1_500_000  # of all slides together
_PICTURE_BYTES = 260_000  # of each other picture
_CONFIG = 60_000  # characters
_BARS = {"test/mse": "this run", "pca/mse": "PCA, same code size",
         "mean/mse": "mean example"}  # fmt: skip

Picture = tuple[str, bytes]
"""A title and a PNG file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """All that the report of a run shows."""

    title: str
    where: str
    """The run directory."""
    verdict: Verdict
    figures: Sequence[FigureRow]
    metrics: Mapping[str, float | int | None]
    """The same figures as numbers."""
    evaluation: Sequence[FigureRow]
    """Of ``task=evaluate``; empty where it was not asked for."""
    health: Sequence[str]
    judged: bool
    """Whether health was looked at: an interrupted run's was not."""
    rows: Sequence[Row]
    """Of ``metrics.csv``."""
    best: int | None
    """The best epoch."""
    slides: Sequence[Picture]
    """Reconstructions over time, the final ones last."""
    pictures: Sequence[Picture]
    codes: Mapping[str, Any] | None
    """As ``reporting.code_map.code_map`` gives it."""
    no_codes: str
    """Why there is no map; empty where there is one."""
    commands: Sequence[tuple[str, str]]
    """What each does, and itself."""
    facts: Sequence[tuple[str, str]]
    config: str
    """As in ``config.yaml``."""


def run_report(report: RunReport) -> bytes:
    """The page, UTF-8; under 8 MB, whatever the run."""
    sections = [
        _health(report),
        _figures(report),
        _curves(report),
        _reconstructions(report),
        _codes(report),
        _pictures(report),
        _evaluation(report),
        Section(title="Repeat and go on", body=commands(report.commands)),
        _run(report),
    ]
    return page(
        title=report.title,
        verdict=report.verdict,
        where=report.where,
        sections=sections,
    )


def _health(report: RunReport) -> Section | None:
    if not report.judged:
        return None
    if report.health:
        body = sentences(report.health, kind="warnings")
    else:
        fine = "Nothing wrong was found: units are alive, reconstructions vary, the "
        fine += "training data are not memorised."
        body = sentences([fine], kind="fine")
    return Section(title="Health", body=body)


def _figures(report: RunReport) -> Section | None:
    if not report.figures:
        return None
    compared = [
        (words, float(value))
        for name, words in _BARS.items()
        if (value := report.metrics.get(name)) is not None
    ]
    shown = bars(compared, unit="mean squared error on the test examples, scaled units")
    parts = ([shown] if len(compared) > 1 else []) + [figures_table(report.figures)]
    return Section(title="Figures", body=joined(parts))


def _curves(report: RunReport) -> Section | None:
    panels = []
    for name, lines in collect_panels(report.rows).items():
        values = np.concatenate([line.values for line in lines])
        wide = wants_log(float(values.min()), float(values.max()))
        series = [
            Series(
                name=line.split,
                colour=f"var(--class-{_COLOURS[line.split]})",
                x=line.epochs.tolist(),
                y=line.values.tolist(),
            )
            for line in lines
        ]
        title = shorten(PLAIN_NAMES.get(name, name.replace("_", " ")), 40)
        panels.append(Panel(title=title, series=series, log=wide))
    if not panels:
        return None
    phases = [(s.name, s.first, s.last) for s in phases_of(report.rows)]
    body = curves(panels, phases=phases, best=report.best)
    dashed = "" if report.best is None else " The dashed line is the best epoch."
    intro = f"Hover over a panel to read its values.{dashed}"
    return Section(title="Training", body=body, intro=intro)


def _reconstructions(report: RunReport) -> Section | None:
    slides = _within(report.slides)
    if not slides:
        return None
    moved = "Move the slider through the training." if len(slides) > 1 else ""
    return Section(title="Reconstructions", body=slideshow(slides), intro=moved)


def _within(slides: Sequence[Picture]) -> list[Picture]:
    """A dozen, spread over all and with the last, that are not too large together."""
    kept = [slides[i] for i in evenly_spaced(len(slides), _SLIDES)]
    most = _SLIDE_BYTES // max(1, len(kept))
    return [(title, fitted(png, most)) for title, png in kept]


def _codes(report: RunReport) -> Section | None:
    if report.codes is None:
        if not report.no_codes:
            return None
        text = Html(f"<p class=intro>{escaped(report.no_codes)}</p>")
        return Section(title="Map of the codes", body=text)
    decodes = "decoded" in report.codes
    of = "Each point is the code of a test example; hover over it to see the example."
    dragged = (
        " Drag the circle across the plane, or use the arrow keys, to see what is "
        "decoded there."
    )
    return Section(
        title="Map of the codes",
        body=code_map(report.codes, decodes=decodes),
        intro=of + dragged * decodes,
    )


def _pictures(report: RunReport) -> Section | None:
    if not report.pictures:
        return None
    shown = [(title, fitted(png, _PICTURE_BYTES)) for title, png in report.pictures]
    return Section(title="Pictures", body=gallery(shown))


def _evaluation(report: RunReport) -> Section | None:
    if not report.evaluation:
        return None
    return Section(
        title="Evaluation",
        body=figures_table(report.evaluation),
        intro="What task=evaluate found; \u00b1 is the standard error.",
    )


def _run(report: RunReport) -> Section:
    parts = [facts(report.facts)]
    if report.config:
        parts.append(folded("Everything that was chosen", report.config[:_CONFIG]))
    return Section(title="The run", body=joined(parts))
