"""task=compare: what runs reach, averaged over seeds, and in what they differ."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aerun.evaluation.comparability import COMPARABLE
from aerun.evaluation.comparison import (
    CURVES,
    Comparison,
    Group,
    compare_runs,
    record,
)
from aerun.evaluation.entries import with_error
from aerun.options import show
from aerun.reporting.columns import aligned, markdown
from aerun.rundir import RunDirectory
from aerun.tasks.on_run import device_of
from aerun.tasks.side_by_side import label, side_by_side

log = logging.getLogger("aerun")

_LOSS = "test/loss"
_COLUMNS = 3  # of settings beside each other; of more, the groups' names are told


def compare(
    config: Mapping[str, Any], directory: Path, *, metric: str, descending: bool
) -> Path:
    """Write a comparison of runs: tables, curves, reconstructions.

    Args:
        config: ``runs`` (each a ``RecordedRun``), and the ``device`` that reconstructs.
        directory: The comparison's own, empty.
        metric: A figure of summary.json, by which groups are ranked.
        descending: Whether more of it is better.

    Returns:
        The directory, with ``comparison.md``, ``comparison.csv`` (a row per group, PCA
        at the bottom), ``runs.csv``, ``comparison.json`` and, where there is something
        to draw, ``curves.png`` and ``reconstructions.png``.

    Raises:
        BadUse: No run has the figure.
    """
    found = compare_runs(config["runs"], metric=metric, descending=descending)
    folder = RunDirectory(directory)
    folder.write_table("comparison.csv", [*_group_rows(found)])
    folder.write_table("runs.csv", [*_run_rows(found)])
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
    folder.write("comparison.md", text.encode(errors="backslashreplace"))
    _tell(found, notes)
    log.info("Look at %s", directory / "comparison.md")
    return directory


# -- tables ----------------------------------------------------------------------------


def _group_rows(found: Comparison) -> Iterator[dict[str, Any]]:
    """Rows of comparison.csv."""
    names = _names_of_figures(found)
    for rank, group in enumerate(found.groups, start=1):
        row: dict[str, Any] = {"rank": rank, "group": group.name}
        row |= {key: _typed(value) for key, value in group.settings.items()}
        row["n"] = len(group.runs)
        for name in names:
            figure = group.figures.get(name)
            row[name] = None if figure is None else figure.mean
            row[f"{name}_sd"] = None if figure is None else figure.deviation
        yield row
    for line in found.baselines:
        yield {"group": line.name, COMPARABLE: line.mse}


def _names_of_figures(found: Comparison) -> list[str]:
    """Of all groups; what ranks them first."""
    names = (name for group in found.groups for name in group.figures)
    return list(dict.fromkeys([found.metric, COMPARABLE, *names]))


def _run_rows(found: Comparison) -> Iterator[dict[str, Any]]:
    """Rows of runs.csv: those in groups, then those that were not averaged."""
    others = [*found.repeated, *found.unfinished]
    of_groups = [(run, group) for group in found.groups for run in group.runs]
    for run, group in [*of_groups, *((run, None) for run in others)]:
        told = {k: run.summary.get(k) for k in ("epochs", "best_epoch", "seconds")}
        own = {} if group is None else group.settings
        yield {
            "group": "" if group is None else group.name,
            "directory": str(run.directory),
            "status": run.status if run not in found.repeated else "repeated",
            "seed": run.seed,
            **{key: _typed(value) for key, value in own.items()},
            **told,
            **run.figures,
            "reason": run.summary.get("reason"),
        }


def _ranking(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table to read: what tells groups apart, and figures."""
    figures = [found.metric]
    figures += [COMPARABLE] if found.metric != COMPARABLE else []
    if found.comparable_loss and _LOSS not in figures:
        figures.append(_LOSS)
    apart = found.telling if len(found.telling) <= _COLUMNS else ()
    keys = list(apart) or ["group"]
    rows = []
    for rank, group in enumerate(found.groups, start=1):
        said = [_typed(group.settings[key]) or "-" for key in apart] or [group.name]
        cells = [_figure(group, name) for name in figures]
        rows.append([str(rank), *said, str(len(group.runs)), *cells])
    for line in found.baselines:
        blank = [""] * (len(keys) - 1)
        cells = [f"{line.mse:.5g}" if name == COMPARABLE else "" for name in figures]
        rows.append(["", line.name, *blank, "", *cells])
    return ["", *keys, "n", *figures], rows


def _figure(group: Group, name: str) -> str:
    figure = group.figures.get(name)
    return "" if figure is None else with_error(figure.mean, figure.deviation)


def _typed(value: Any) -> str:
    """A setting as one would type it; nothing where there is none."""
    return "" if value == "" else show(value)


# -- pictures --------------------------------------------------------------------------


def _curves(found: Comparison, folder: RunDirectory, notes: list[str]) -> Iterator[str]:
    """Draw curves.png where any group has curves."""
    from aerun.reporting.courses import MAXIMUM_LINES, Band, course_panels

    drawn = found.groups[:MAXIMUM_LINES]
    names = {g.name: label(g.name, rank) for rank, g in enumerate(drawn, start=1)}
    panels = {
        quantity: {
            names[group.name]: Band(
                epochs=course.epochs, mean=course.mean, deviation=course.deviation
            )
            for group in drawn
            if (course := group.courses.get(quantity)) is not None
        }
        for quantity in CURVES
    }
    panels = {quantity: bands for quantity, bands in panels.items() if bands}
    if not panels:
        return
    if len(found.groups) > len(drawn):
        notes.append(f"curves.png shows the best {len(drawn)} groups.")
    several = any(len(group.runs) > 1 for group in drawn)
    title = "Validation by epoch" + (
        ", mean and standard deviation over seeds" if several else ""
    )
    png = course_panels(panels, names=list(names.values()), title=title)
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
    phased = [g.name for g in found.groups if not g.courses and g.runs[0].rows]
    if phased:
        yield (
            f"No curves of {', '.join(phased)}: trained in phases, whose errors are of "
            "other things."
        )
    for group in found.groups:
        if len({len(run.rows) for run in group.runs}) > 1 and group.courses:
            yield f"Curves of {group.name} end where the first of its runs did."


def _headline(found: Comparison) -> str:
    """The result in a sentence."""
    number = sum(len(group.runs) for group in found.groups)
    best = found.groups[0]
    figure = best.figures[found.metric]
    seeds = f"{figure.number} seed{'s' * (figure.number > 1)}"
    reached = with_error(figure.mean, figure.deviation)
    return (
        f"{number} run{'s' * (number > 1)} in {len(found.groups)} "
        f"group{'s' * (len(found.groups) > 1)}; best {found.metric}: {best.name}, "
        f"{reached} ({seeds})."
    )


def _page(found: Comparison, notes: list[str], pictures: list[str]) -> Iterator[str]:
    """Lines of comparison.md."""
    yield "# Comparison"
    yield ""
    yield _headline(found)
    for warning in found.warnings:
        yield from ("", f"> **Careful:** {warning}")
    yield ""
    yield from markdown(*_ranking(found))
    yield ""
    yield "Mean +- standard deviation over n seeds."
    names = [group.name for group in found.groups]
    if found.groups[0].settings:
        rows = [
            [key, *(_typed(group.settings[key]) or "-" for group in found.groups)]
            for key in found.groups[0].settings
        ]
        yield from ("", "## Settings that differ", "")
        yield from markdown(["setting", *names], rows)
    rows = [
        [name, *(_figure(group, name) or "-" for group in found.groups)]
        for name in _names_of_figures(found)
    ]
    yield from ("", "## Figures of the test split", "")
    yield from markdown(["figure", *names], rows)
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
    head, rows = _ranking(found)
    for line in aligned([head, *rows]):
        log.info("%s", line)
    log.info("Mean +- standard deviation over n seeds.")
    others = len(found.groups[0].settings) - len(found.telling)
    if others:
        what = f"{others} other setting{'s' * (others > 1)}"
        log.info("They also differ in %s, see comparison.md.", what)
    for note in notes:
        log.info("%s", note)
    for warning in found.warnings:
        log.warning("Careful: %s", warning)
