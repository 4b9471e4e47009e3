"""What a search found: its best trial, how to repeat it, what made the difference."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aerun.columns import aligned, markdown
from aerun.rundir import RunDirectory
from aerun.sweeps.advice import course_of
from aerun.sweeps.manifest import COMPLETED, FAILED, PRUNED, Job, Manifest
from aerun.sweeps.trials import JOB, Trials

if TYPE_CHECKING:
    from aerun.reporting.search import Outcomes

PAGE = "search.md"
PICTURE = "search.png"


def record(trials: Trials) -> list[str]:
    """Write ``search.png`` and ``search.md`` of a search.

    Returns:
        The same in lines for a terminal; none where no trial was completed.
    """
    from aerun.reporting.search import search_history

    best = trials.best
    if best is None:
        return []
    known = Manifest(trials.folder).jobs()
    jobs = {job.number: job for job in known if job.number in trials.jobs}
    outcomes, shares = _outcomes(trials, jobs), trials.importances()
    job = jobs[best.user_attrs[JOB]]
    head = f"{_counted(jobs)}; the best is trial {job.number}, "
    head += f"{trials.metric} {best.value:.5g}"
    run = RunDirectory(trials.folder)
    picture = search_history(
        outcomes,
        shares,
        metric=trials.metric,
        maximize=trials.maximize,
        title=head,
    )
    run.write(PICTURE, picture)
    rows, axes = [], trials.space.axes
    for name in dict.fromkeys([*shares, *axes]):
        _, _, value = axes[name].typed(best.params[name]).partition("=")
        rows.append((name, value, f"{shares[name]:.0%}" if name in shares else ""))
    columns = ("option", "best value", "importance")
    again = shlex.join(["aerun", *job.overrides])
    where = trials.folder / job.directory
    text = [
        "# Search",
        f"{head}, in `{job.directory}/`. The same run again:",
        f"```sh\n{again}\n```",
        "\n".join(markdown(columns, rows)),
        _MEANING if shares else _TOO_FEW,
        f"![Each trial, the best so far, and importances]({PICTURE})",
        *_failures(jobs),
    ]
    run.write(PAGE, ("\n\n".join(text) + "\n").encode())
    said = [f"{head}, in {where}", *aligned([columns, *rows])]
    return [*said, f"The same run again: {again}", f"Look at {trials.folder / PICTURE}"]


_MEANING = (
    "The importance of an option is its share of the variance of the figure over the "
    "space, as a random forest fitted to the completed trials sees it (fANOVA)."
)
_TOO_FEW = "Too few different trials were completed to say which option matters."


def _outcomes(trials: Trials, jobs: dict[int, Job]) -> "Outcomes":
    from aerun.reporting.search import Outcomes

    ends: dict[int, float] = {}
    for job in jobs.values():
        if job.state == PRUNED:
            course = course_of(trials.folder / job.directory, trials.metric)
            for value in list(course.values())[-1:]:
                ends[job.number] = value
    values = {
        job.number: job.figures.get(trials.metric)
        for job in jobs.values()
        if job.state == COMPLETED
    }
    return Outcomes(
        completed={n: value for n, value in values.items() if value is not None},
        given_up=ends,
        failed=[job.number for job in jobs.values() if job.state == FAILED],
    )


def _counted(jobs: dict[int, Job]) -> str:
    """How many trials there are, and how they ended."""
    states = [job.state for job in jobs.values()]
    words = {COMPLETED: "completed", PRUNED: "given up", FAILED: "failed"}
    parts = [f"{states.count(s)} {w}" for s, w in words.items() if s in states]
    rest = len(states) - sum(states.count(state) for state in words)
    parts += [f"{rest} unfinished"] if rest else []
    plural = "s" * (len(states) > 1)
    return f"{len(states)} trial{plural}: {', '.join(parts)}"


def _failures(jobs: dict[int, Job]) -> Iterator[str]:
    """Those that failed, with their reasons."""
    rows: list[Any] = [
        (str(job.number), " ".join(job.overrides), job.reason or "")
        for job in jobs.values()
        if job.state == FAILED
    ]
    if rows:
        yield "## Failed"
        yield "\n".join(markdown(("trial", "values", "reason"), rows))
