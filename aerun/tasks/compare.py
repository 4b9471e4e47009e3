"""task=compare: what runs reach, averaged over seeds, and in what they differ."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aerun.columns import aligned, markdown, no_markup
from aerun.evaluation.comparison import Comparison, compare_runs, record
from aerun.evaluation.entries import with_error
from aerun.rundir import RunDirectory
from aerun.tasks.comparison_curves import draw_courses, notes_on_curves
from aerun.tasks.comparison_report import repeating, write_report
from aerun.tasks.comparison_tables import (
    figures_of_test,
    group_rows,
    ranking,
    run_rows,
    settings_that_differ,
    size_in_words,
)
from aerun.tasks.on_run import device_of
from aerun.tasks.report import REPORT
from aerun.tasks.side_by_side import side_by_side

log = logging.getLogger("aerun")


def compare(
    config: Mapping[str, Any], directory: Path, *, metric: str, descending: bool
) -> Path:
    """Write a comparison of runs: a page, tables, curves, reconstructions.

    Args:
        config: ``runs`` (each a ``RecordedRun``), and the ``device`` that reconstructs.
        directory: The comparison's own, empty.
        metric: A figure of summary.json, by which groups are ranked.
        descending: Whether more of it is better.

    Returns:
        The directory, with ``report.html``, ``comparison.md``, ``comparison.csv`` (a
        row per group, PCA at the bottom), ``runs.csv``, ``comparison.json`` and, where
        there is something to draw, ``curves.png`` and ``reconstructions.png``.

    Raises:
        BadUse: No run has the figure.
    """
    found = compare_runs(config["runs"], metric=metric, descending=descending)
    folder = RunDirectory(directory)
    folder.write_table("comparison.csv", [*group_rows(found)])
    folder.write_table("runs.csv", [*run_rows(found)])
    notes = [*_notes(found)]
    pictures = [*_curves(found, folder, notes)]
    shown = side_by_side(found.groups, device_of(config))
    notes += shown.notes
    if shown.picture is not None:
        folder.write("reconstructions.png", shown.picture)
        pictures.append("reconstructions.png")
    content = {**record(found), "notes": notes, "pictures": pictures}
    folder.write_json("comparison.json", content)
    text = "\n".join(_page(found, notes, pictures))
    folder.write("comparison.md", no_markup(text).encode(errors="backslashreplace"))
    again = repeating(config, metric=metric, descending=descending)
    write_report(
        folder,
        found,
        title=f"Comparison of {size_in_words(found)}",
        notes=notes,
        reconstructions=shown.picture,
        commands=[("The same comparison again, anywhere", again)],
    )
    _tell(found, notes)
    log.info("Look at %s", directory / REPORT)
    return directory


# -- pictures --------------------------------------------------------------------------


def _curves(found: Comparison, folder: RunDirectory, notes: list[str]) -> Iterator[str]:
    """Draw curves.png where any group has curves."""
    from aerun.reporting.courses import MAXIMUM_LINES

    png = draw_courses(found, most=MAXIMUM_LINES)
    if png is None:
        return
    if len(found.groups) > MAXIMUM_LINES:
        notes.append(f"curves.png shows the best {MAXIMUM_LINES} groups.")
    folder.write("curves.png", png)
    yield "curves.png"


# -- words -----------------------------------------------------------------------------


def _notes(found: Comparison) -> Iterator[str]:
    """What a reader should know of the groups."""
    for run in found.unfinished:
        reason = run.summary.get("reason")
        because = f" ({reason})" if reason else ""
        yield f"Not averaged: {run.directory} {run.status}{because}."
    for run in found.repeated:
        yield (
            f"Not averaged: {run.directory} repeats settings and seed {run.seed} of "
            "another run."
        )
    yield from notes_on_curves(found)


def _headline(found: Comparison) -> str:
    """The result in a sentence."""
    best = found.groups[0]
    figure = best.figures[found.metric]
    seeds = f"{figure.number} seed{'s' * (figure.number > 1)}"
    reached = with_error(figure.mean, figure.deviation)
    return (
        f"{size_in_words(found)}; best {found.metric}: {best.name}, {reached} "
        f"({seeds})."
    )


def _page(found: Comparison, notes: list[str], pictures: list[str]) -> Iterator[str]:
    """Lines of comparison.md."""
    yield "# Comparison"
    yield ""
    yield _headline(found)
    for warning in found.warnings:
        yield from ("", f"> **Careful:** {warning}")
    yield ""
    yield from markdown(*ranking(found))
    yield ""
    yield "Mean +- standard deviation over n seeds."
    settings = settings_that_differ(found)
    if settings[1]:
        yield from ("", "## Settings that differ", "")
        yield from markdown(*settings)
    yield from ("", "## Figures of the test split", "")
    yield from markdown(*figures_of_test(found))
    for name in pictures:
        yield from ("", f"![{name.removesuffix('.png')}]({name})")
    if notes:
        yield ""
        yield from (f"- {note}" for note in notes)
    yield from ("", "## Runs", "")
    rows = [
        [
            group.name,
            str(run.seed),
            f"{run.figures.get(found.metric, '')}",
            str(run.directory),
        ]
        for group in found.groups
        for run in group.runs
    ]
    yield from markdown(["group", "seed", found.metric, "directory"], rows)
    yield ""


def _tell(found: Comparison, notes: list[str]) -> None:
    log.info("%s", _headline(found))
    head, rows = ranking(found)
    for line in aligned([head, *rows]):
        log.info("%s", line)
    log.info("Mean +- standard deviation over n seeds.")
    others = len(found.groups[0].settings) - len(found.telling)
    if others:
        what = f"{others} other setting{'s' * (others > 1)}"
        log.info("They also differ in %s, see the page.", what)
    for note in notes:
        log.info("%s", note)
    for warning in found.warnings:
        log.warning("Careful: %s", warning)
