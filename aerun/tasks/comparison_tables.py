"""The tables of a comparison: for files, for the console and for its pages."""

from collections.abc import Iterator
from typing import Any

from aerun.evaluation.comparability import COMPARABLE
from aerun.evaluation.comparison import Comparison, Group
from aerun.evaluation.entries import with_error
from aerun.options import show

_LOSS = "test/loss"
_COLUMNS = 3  # of settings beside each other; of more, the groups' names are told

Table = tuple[list[str], list[list[str]]]
"""A head, and rows of as many texts."""


def size_in_words(found: Comparison) -> str:
    """How many runs in how many groups."""
    number, groups = sum(len(g.runs) for g in found.groups), len(found.groups)
    runs = f"{number} run{'s' * (number > 1)}"
    return f"{runs} in {groups} group{'s' * (groups > 1)}"


def group_rows(found: Comparison) -> Iterator[dict[str, Any]]:
    """Rows of comparison.csv."""
    names = names_of_figures(found)
    for rank, group in enumerate(found.groups, start=1):
        row: dict[str, Any] = {"rank": rank, "group": group.name}
        row |= {key: typed(value) for key, value in group.settings.items()}
        row["n"] = len(group.runs)
        for name in names:
            figure = group.figures.get(name)
            row[name] = None if figure is None else figure.mean
            row[f"{name}_sd"] = None if figure is None else figure.deviation
        yield row
    for line in found.baselines:
        yield {"group": line.name, COMPARABLE: line.mse}


def names_of_figures(found: Comparison) -> list[str]:
    """Of all groups; what ranks them first."""
    names = (name for group in found.groups for name in group.figures)
    return list(dict.fromkeys([found.metric, COMPARABLE, *names]))


def run_rows(found: Comparison) -> Iterator[dict[str, Any]]:
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
            **{key: typed(value) for key, value in own.items()},
            **told,
            **run.figures,
            "reason": run.summary.get("reason"),
        }


def ranking(found: Comparison) -> Table:
    """Head and rows of the table to read: what tells groups apart, and figures."""
    figures = [found.metric]
    figures += [COMPARABLE] if found.metric != COMPARABLE else []
    if found.comparable_loss and _LOSS not in figures:
        figures.append(_LOSS)
    apart = found.telling if len(found.telling) <= _COLUMNS else ()
    keys = list(apart) or ["group"]
    rows = []
    for rank, group in enumerate(found.groups, start=1):
        said = [typed(group.settings[key]) or "-" for key in apart] or [group.name]
        cells = [told(group, name) for name in figures]
        rows.append([str(rank), *said, str(len(group.runs)), *cells])
    for line in found.baselines:
        blank = [""] * (len(keys) - 1)
        cells = [f"{line.mse:.5g}" if name == COMPARABLE else "" for name in figures]
        rows.append(["", line.name, *blank, "", *cells])
    return ["", *keys, "n", *figures], rows


def settings_that_differ(found: Comparison) -> Table:
    """A row per setting, a column per group; no rows where there is only one group."""
    head = ["setting", *(group.name for group in found.groups)]
    rows = [
        [key, *(typed(group.settings[key]) or "-" for group in found.groups)]
        for key in found.groups[0].settings
    ]
    return head, rows


def figures_of_test(found: Comparison) -> Table:
    """A row per figure, a column per group."""
    head = ["figure", *(group.name for group in found.groups)]
    rows = [
        [name, *(told(group, name) or "-" for group in found.groups)]
        for name in names_of_figures(found)
    ]
    return head, rows


def told(group: Group, name: str) -> str:
    """A figure with its deviation; nothing where the group has none."""
    figure = group.figures.get(name)
    return "" if figure is None else with_error(figure.mean, figure.deviation)


def typed(value: Any) -> str:
    """A setting as one would type it; nothing where there is none."""
    return "" if value == "" else show(value)
