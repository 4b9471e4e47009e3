"""How the jobs of a sweep stand: equal settings grouped over seeds, best first."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aerun.evaluation.comparison import Statistic, statistic
from aerun.sweeps.manifest import COMPLETED, SUPERSEDED, Job, swept

SEED = "seed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Completed jobs that differ in their seed alone."""

    rank: int | None
    """From 1; equal figures share one. None: they have no such figure."""
    settings: Mapping[str, str]
    """Values of the keys in which jobs of the sweep differ, but for the seed, as
    typed; "" where a key was not."""
    jobs: tuple[Job, ...]
    """By number."""

    def figure(self, name: str) -> Statistic | None:
        """A figure over those jobs that have it; None where none has."""
        values = values_of(self.jobs, name)
        return statistic(values) if values else None

    @property
    def name(self) -> str:
        """Its settings as typed."""
        words = [f"{key}={value}" for key, value in self.settings.items() if value]
        return " ".join(words) or "as it is"


def values_of(jobs: Sequence[Job], name: str) -> list[float]:
    """A figure of those jobs that have it."""
    given = [job.figures.get(name) for job in jobs]
    return [value for value in given if value is not None and math.isfinite(value)]


def ranked(
    jobs: Sequence[Job], metric: str, *, maximize: bool = False
) -> list[Standing]:
    """Group the completed jobs of a sweep by their settings, and rank the groups.

    Args:
        jobs: All of the sweep.
        metric: The figure whose mean over seeds ranks them.
        maximize: Whether more of it is better.

    Returns:
        Best first; equal ones by the number of their first job, those without the
        figure (absent, or not finite) last.
    """
    counted = [job for job in jobs if job.state != SUPERSEDED]
    keys = [key for key in swept(counted) if key != SEED]
    groups: dict[tuple[tuple[str, str], ...], list[Job]] = {}
    for job in sorted(counted, key=lambda job: job.number):
        if job.state == COMPLETED:
            values = {key: v for key, v in job.values.items() if key != SEED}
            groups.setdefault(tuple(sorted(values.items())), []).append(job)
    found = [
        Standing(
            rank=None,
            settings={key: group[0].values.get(key, "") for key in keys},
            jobs=tuple(group),
        )
        for group in groups.values()
    ]

    def place(standing: Standing) -> tuple[bool, float]:
        figure = standing.figure(metric)
        if figure is None:
            return True, 0.0
        return False, -figure.mean if maximize else figure.mean

    found.sort(key=place)  # by the numbers of first jobs before, and where equal
    places = [place(each) for each in found]
    return [
        replace(each, rank=None if own[0] else places.index(own) + 1)
        for each, own in zip(found, places, strict=True)
    ]
