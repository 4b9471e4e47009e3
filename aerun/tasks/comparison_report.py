"""The page about a comparison: what it says, and in which order."""

import math
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aerun.again import trusting
from aerun.evaluation.comparability import COMPARABLE
from aerun.evaluation.comparison import Comparison, Group
from aerun.evaluation.definitions import definition
from aerun.evaluation.entries import with_error
from aerun.evaluation.lead import lead
from aerun.evaluation.recorded import RecordedRun
from aerun.rundir import RunDirectory
from aerun.tasks.comparison_tables import (
    figures_of_test,
    ranking,
    settings_that_differ,
)
from aerun.tasks.report import REPORT

if TYPE_CHECKING:
    from aerun.reporting.comparison_page import RunRow
    from aerun.reporting.page.parts import Panel
    from aerun.reporting.verdict import Verdict

_TITLES = {
    "val/mse": "Mean squared error, validation",
    "val/loss": "Loss, validation",
}


def write_report(
    folder: RunDirectory,
    found: Comparison,
    *,
    title: str,
    notes: Sequence[str],
    reconstructions: bytes | None,
    commands: Sequence[tuple[str, str]],
    pictures: Sequence[tuple[str, bytes]] = (),
) -> Path:
    """Put the page of a comparison together.

    Args:
        folder: The comparison's own.
        found: What there is to say.
        title: Of the page.
        notes: On what was left out.
        reconstructions: A PNG file, if any can be shown.
        commands: What to type next, each with what it does.
        pictures: PNG files with their titles, shown below the ranking.
    """
    from aerun.reporting.comparison_page import ComparisonReport, comparison_report

    figures = figures_of_test(found)
    page = ComparisonReport(
        title=title,
        where=str(folder.path.absolute()),
        verdict=verdict(found),
        number=len(found.groups),
        ranking=ranking(found),
        bars=list(_bars(found)),
        metric=found.metric,
        settings=settings_that_differ(found),
        figures=figures,
        definitions=[(row[0], definition(row[0], {}).text) for row in figures[1]],
        panels=_panels(found),
        reconstructions=reconstructions,
        warnings=found.warnings,
        notes=[*_comparable(found), *notes],
        runs=list(_runs(found, folder.path)),
        commands=commands,
        pictures=pictures,
    )
    return folder.write(REPORT, comparison_report(page))


def repeating(config: Mapping[str, Any], *, metric: str, descending: bool) -> str:
    """The command that compares the same runs in the same way.

    Args:
        config: As ``compare`` gets it.
        metric: Its own.
        descending: Its own.
    """
    words = ["aerun", "task=compare", *(str(run.directory) for run in config["runs"])]
    words.append(f"task.metric={metric}")
    words += ["task.descending=true"] * descending
    if config.get("device", "auto") != "auto":
        words.append(f"device={config['device']}")
    own = trusting([run.config for run in config["runs"]])
    return " ".join([shlex.join(words), *own])


# -- the verdict -----------------------------------------------------------------------


def verdict(found: Comparison) -> "Verdict":
    """The best group beside PCA, and how far the second is behind."""
    from aerun.reporting.verdict import Verdict

    best, *others = found.groups
    reached = f"{found.metric} {_reached(best, found.metric)}"
    beside = _beside(best) if found.metric == COMPARABLE else ""
    ranked = [group for group in others if found.metric in group.figures]
    if not ranked:
        runs = f"over {len(best.runs)} seeds" if len(best.runs) > 1 else "with one seed"
        sure = not others
        text = f"{best.name} reaches {reached} {runs}{beside}"
    else:
        ahead, sure = _ahead(best, ranked[0], found.metric)
        place = "is best" if sure else "comes first"
        text = f"{best.name} {place}: {reached}{beside}, {ahead} {ranked[0].name}"
    if found.metric != COMPARABLE and COMPARABLE in best.figures:
        error = f"{best.figures[COMPARABLE].mean:.3g}"
        text += f"; its {COMPARABLE} is {error}{_beside(best)}"
    if found.warnings:
        text += "; but not all of these figures are comparable"
    fine = sure and not found.warnings
    return Verdict(text=f"{text}.", tone="good" if fine else "doubtful")


def _reached(group: Group, name: str) -> str:
    figure = group.figures[name]
    text = with_error(figure.mean, figure.deviation)
    return text.replace(" +- ", "\u00a0\u00b1\u00a0")  # not broken into lines


def _beside(group: Group) -> str:
    """Its error beside that of PCA, with a comma first."""
    from aerun.reporting.verdict import beside_baseline

    means = {name: figure.mean for name, figure in group.figures.items()}
    return beside_baseline(means, means[COMPARABLE]) if COMPARABLE in means else ""


def _ahead(best: Group, second: Group, metric: str) -> tuple[str, bool]:
    """What stands before the name of the second; whether they are told apart."""
    one, other = best.figures[metric], second.figures[metric]
    found = lead(one, other)
    if one.mean == other.mean:
        return "the same as", False
    if found.told_apart is None:
        return "but one seed is too few to tell it apart from", False
    if not found.told_apart:
        return "but these seeds do not tell it apart from", False
    if found.deviations is None or math.isinf(found.deviations):
        return "whatever the seed, ahead of", True
    return f"{found.deviations:.2g} standard deviations ahead of", True


def _comparable(found: Comparison) -> Iterator[str]:
    """What may be read beside each other, where nothing warns of it."""
    if len(found.groups) < 2 or found.warnings:
        return
    text = f"All runs were tested on the same examples in the same units: {COMPARABLE} "
    text += "is comparable"
    if not found.comparable_loss:
        text += ", losses are not: they are other functions"
    yield f"{text}."


# -- parts -----------------------------------------------------------------------------


def _bars(found: Comparison) -> Iterator[tuple[str, float]]:
    """Means of the metric and, where it is its figure, PCA; none below zero."""
    lines = [(group.name, group.figures.get(found.metric)) for group in found.groups]
    rows = [(name, figure.mean) for name, figure in lines if figure is not None]
    if found.metric == COMPARABLE:
        rows += [(line.name, line.mse) for line in found.baselines]
    if all(value >= 0 for _, value in rows):
        yield from rows


def _panels(found: Comparison) -> list["Panel"]:
    """A panel per quantity, a line per group, in the order of the table."""
    from aerun.reporting.comparison_page import MAXIMUM_LINES, line_colour
    from aerun.reporting.course import wants_log
    from aerun.reporting.page.parts import Panel, Series

    panels = []
    for quantity in found.quantities:
        series = [
            Series(
                name=group.name,
                colour=line_colour(place),
                x=course.epochs.tolist(),
                y=course.mean.tolist(),
                spread=None if course.deviation is None else course.deviation.tolist(),
            )
            for place, group in enumerate(found.groups[:MAXIMUM_LINES])
            if (course := group.courses.get(quantity)) is not None
        ]
        if series:
            low, high = (f(f(line.y) for line in series) for f in (min, max))
            log = wants_log(low, high)
            panels.append(
                Panel(title=_TITLES.get(quantity, quantity), series=series, log=log)
            )
    return panels


def _runs(found: Comparison, folder: Path) -> Iterator["RunRow"]:
    """Those in groups, then those that were not averaged."""
    from aerun.reporting.comparison_page import RunRow

    def row(run: RecordedRun, group: str, status: str) -> RunRow:
        value = run.figures.get(found.metric)
        return RunRow(
            group=group,
            status=status,
            seed=str(run.seed),
            value="" if value is None else f"{value:.5g}",
            warnings=len(run.summary.get("health") or ()),
            directory=str(run.directory),
            link=_link(run.directory / REPORT, folder),
        )

    for group in found.groups:
        yield from (row(run, group.name, run.status) for run in group.runs)
    yield from (row(run, "", "repeated") for run in found.repeated)
    for run in found.unfinished:
        reason = run.summary.get("reason")
        yield row(run, "", f"{run.status}: {reason}" if reason else run.status)


def _link(page: Path, folder: Path) -> str:
    """The address of a page from a folder's own; empty where there is no such page."""
    if not page.is_file():
        return ""
    return quote(os.fsencode(os.path.relpath(page.resolve(), folder.resolve())))
