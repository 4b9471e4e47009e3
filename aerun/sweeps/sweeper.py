"""The sweeper of grids: plans all jobs, checks every one, then runs them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.plugins.sweeper import Sweeper as HydraSweeper

from aerun.config.grammar import parse
from aerun.sweeps.given import Given
from aerun.sweeps.manifest import (
    DONE,
    FAILED,
    INTERRUPTED,
    PENDING,
    SUPERSEDED,
    Job,
)
from aerun.sweeps.planning import typed
from aerun.sweeps.sweep import Sweep

log = logging.getLogger("aerun")


class Sweeper(Given, HydraSweeper):
    """Runs the product of all swept values; one failing job does not stop the rest."""

    def __init__(self, max_batch_size: int | None, params: Any = None) -> None:
        """Run so many jobs per call of the launcher; None: all in one.

        What presets sweep (``params``) was merged into the overrides before.
        """
        self.max_batch_size = max_batch_size

    def sweep(self, arguments: list[str]) -> Path:
        """Run every job, or those that a sweep before left; the sweep's directory.

        Raises:
            BadRequest: A job has a mistake; nothing was started.
            SweepFailed: At least one job failed.
            Interrupted: By Ctrl-C or SIGTERM.
        """
        with Sweep(self.hydra_context, self.task_function, self.config) as sweep:
            planned = sweep.check(self._product(arguments))
            folder = sweep.open(typed(self.config))
            asked = {job.number for job in sweep.add(planned)}
            wanted = [job for job in _due(sweep, asked) if job.state not in DONE]
            _announce(sweep, wanted)
            sweep.launch(wanted, batch=self.max_batch_size)
            sweep.close()
        return folder

    def _product(self, arguments: list[str]) -> list[list[str]]:
        parsed = parse(arguments, self.hydra_context.config_loader)
        (jobs,) = BasicSweeper.split_arguments(parsed, None)
        return jobs


def _due(sweep: Sweep, asked: set[int]) -> list[Job]:
    """All jobs that count: a failure whose value was replaced does not any more."""

    def change(jobs: list[Job]) -> list[Job]:
        for job in jobs:
            if job.number not in asked and job.state == FAILED:
                jobs[job.number] = replace(job, state=SUPERSEDED)
            elif job.number in asked and job.state == SUPERSEDED:
                jobs[job.number] = replace(job, state=FAILED)
        return jobs

    return [job for job in sweep.manifest.edit(change) if job.state != SUPERSEDED]


def _announce(sweep: Sweep, wanted: Sequence[Job]) -> None:
    jobs = sweep.manifest.jobs()
    if not sweep.continued:
        log.info("Sweep of %d jobs in %s", len(jobs), sweep.folder)
        return
    done = sum(job.state in DONE for job in jobs)
    words = {INTERRUPTED: "to go on", FAILED: "failed before", PENDING: "not begun"}
    parts = [f"{done} of {len(jobs)} jobs are completed"]
    for state, word in words.items():
        if number := sum(job.state == state for job in wanted):
            parts.append(f"{number} {word}")
    if gone := sum(job.state == SUPERSEDED for job in jobs):
        parts.append(f"{gone} replaced")
    log.info("Continuing %s: %s.", sweep.folder, ", ".join(parts))
