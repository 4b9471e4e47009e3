"""What is said of a sweep at its end, on the console and in its files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from aerun.columns import markdown
from aerun.config.mistakes import did_you_mean
from aerun.data.sources import some
from aerun.evaluation.comparability import COMPARABLE
from aerun.evaluation.definitions import definition
from aerun.evaluation.differences import short_keys
from aerun.evaluation.entries import with_error
from aerun.sweeps.manifest import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    PENDING,
    PRUNED,
    RUNNING,
    SUPERSEDED,
    Job,
    in_words,
    why,
)
from aerun.sweeps.ranking import Standing

_LONG = 8  # letters of a value, from which a number is rounded on the console
_NAMED = 4  # numbers of jobs in a cell
_STATES = {
    COMPLETED: "completed",
    PRUNED: "pruned",
    FAILED: "failed",
    INTERRUPTED: "interrupted",
    RUNNING: "running",
    PENDING: "not started",
    SUPERSEDED: "superseded",
}
"""In the order in which they are told."""


def table_of(
    standings: Sequence[Standing], metric: str, *, short: bool
) -> tuple[list[str], list[list[str]]]:
    """Head and rows: rank, what was swept, number of runs, figures, numbers of jobs.

    Args:
        standings: As ranked.
        metric: By which.
        short: Whether keys are told by their last words, and numbers in four digits.
    """
    keys = list(standings[0].settings) if standings else []
    said = short_keys(keys) if short else {key: key for key in keys}
    names = figures_told(standings, metric)
    rows = [
        [
            "" if each.rank is None else str(each.rank),
            *(_typed(each.settings[key], short) for key in keys),
            str(len(each.jobs)),
            *(_told(each, name) for name in names),
            _numbers(each.jobs),
        ]
        for each in standings
    ]
    return ["", *said.values(), "n", *names, "job"], rows


def _typed(value: str, short: bool) -> str:
    if short and len(value) > _LONG:
        with suppress(ValueError):
            return f"{float(value):.4g}"
    return value or "-"


def figures_told(standings: Sequence[Standing], metric: str) -> list[str]:
    """What ranks jobs, and what is comparable between them, where any has it."""
    return [
        name
        for name in dict.fromkeys([metric, COMPARABLE])
        if any(each.figure(name) is not None for each in standings)
    ]


def _told(standing: Standing, name: str) -> str:
    figure = standing.figure(name)
    if figure is None:
        return "-"
    text = with_error(figure.mean, figure.deviation)
    return text if figure.number == len(standing.jobs) else f"{text} ({figure.number})"


def _numbers(jobs: Sequence[Job]) -> str:
    numbers = [str(job.number) for job in jobs]
    more = ", ..." if len(numbers) > _NAMED else ""
    return ", ".join(numbers[:_NAMED]) + more


def headline(jobs: Sequence[Job], standings: Sequence[Standing], metric: str) -> str:
    """How many jobs came how far, and the best of them, in a sentence."""
    counts = Counter(job.state for job in jobs)
    told = [f"{counts[s]} {name}" for s, name in _STATES.items() if counts[s]]
    text = f"{len(jobs)} job{'s' * (len(jobs) != 1)}: {', '.join(told)}"
    if standings and (best := standings[0].figure(metric)) is not None:
        reached = with_error(best.mean, best.deviation)
        runs = f"{best.number} run{'s' * (best.number > 1)}"
        text += f"; best {metric}: {standings[0].name}, {reached} ({runs})"
    return f"{text}."


def not_ranked(jobs: Sequence[Job], metric: str) -> str:
    """Why completed jobs are not ranked; nothing where they are, or there are none."""
    done = [job for job in jobs if job.state == COMPLETED]
    names = list(dict.fromkeys(name for job in done for name in job.figures))
    having = [n for n in names if any(job.figures.get(n) is not None for job in done)]
    if not done or metric in having:
        return ""
    if metric in names:
        return f"Nothing is ranked: {metric} is not finite in any job."
    near = f"{some(having, metric)}.{did_you_mean(metric, having)}"
    return f"Nothing is ranked: no job has {metric} (sweep.metric); they have {near}"


def failures(jobs: Sequence[Job], folder: Path) -> list[str]:
    """A line for each job that failed: its number, its values and the reason."""
    return [
        f"job {job.number} ({in_words(job, jobs)}): {why(job, folder)}"
        for job in jobs
        if job.state == FAILED
    ]


def page_of(
    folder: Path,
    jobs: Sequence[Job],
    standings: Sequence[Standing],
    *,
    metric: str,
    maximize: bool,
    pictures: Sequence[str],
) -> Iterator[str]:
    """Lines of summary.md; the same for the same results, wherever and whenever.

    Args:
        folder: The sweep's.
        jobs: All.
        standings: As ranked.
        metric: By which.
        maximize: Whether more of it is better.
        pictures: Names of the files that were drawn.
    """
    yield from ("# Sweep", "", headline(jobs, standings, metric))
    if problem := not_ranked(jobs, metric):
        yield from ("", f"> **Careful:** {problem}")
    if standings:
        head, rows = table_of(standings, metric, short=False)
        yield from ("", *markdown(head, rows), "", legend(standings, metric, maximize))
        yield from ("", *_definitions(figures_told(standings, metric)))
    if same := _shared(jobs):
        yield from ("", f"The same in all jobs: {' '.join(f'`{t}`' for t in same)}")
    if failed := failures(jobs, folder):
        yield from ("", "## Failed", "")
        yield from (f"- {line}" for line in failed)
    waiting = [
        str(j.number) for j in jobs if j.state in (INTERRUPTED, RUNNING, PENDING)
    ]
    if waiting:
        number = f"job{'s' * (len(waiting) > 1)}"
        yield from ("", f"Not completed: {number} {', '.join(waiting)}.")
    for name in pictures:
        yield from ("", f"![{name.removesuffix('.png')}]({name})")
    yield ""


def legend(standings: Sequence[Standing], metric: str, maximize: bool) -> str:
    """How to read the table."""
    text = f"{'Highest' if maximize else 'Lowest'} {metric} first"
    if any(len(each.jobs) > 1 for each in standings):
        text += "; mean +- standard deviation over n seeds"
    if any(
        (figure := each.figure(metric)) is not None and figure.number < len(each.jobs)
        for each in standings
    ):
        text += "; in brackets the number of jobs that have the figure"
    return f"{text}."


def _definitions(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        found = definition(name, {})
        unit = f" [{found.unit}]" if found.unit else ""
        yield f"- {name}: {found.text}{unit}"


def _shared(jobs: Sequence[Job]) -> list[str]:
    """What was typed for every job; not where the sweep lies."""
    found = [set(job.overrides) for job in jobs]
    return [
        text
        for text in (jobs[0].overrides if jobs else ())
        if not text.startswith("hydra.") and all(text in each for each in found)
    ]
