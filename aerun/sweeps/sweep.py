"""A sweep in its directory: what every sweeper is made of."""

import logging
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from aerun.config.approve import claim_output, place_of
from aerun.config.grammar import parse, quoted
from aerun.config.mistakes import BadRequest, Mistake
from aerun.config.records import write_record
from aerun.config.trust import Trust
from aerun.errors import Interrupted, RunDirectoryError, SweepFailed
from aerun.locks import check_links
from aerun.rundir import RunDirectory
from aerun.sweeps.doubts import again, check_jobs
from aerun.sweeps.job import outcome
from aerun.sweeps.manifest import (
    DONE,
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    Job,
    Manifest,
    failure,
)
from aerun.sweeps.parallel import ParallelLauncher
from aerun.sweeps.places import check_place, free_place, next_place
from aerun.sweeps.planning import Composed, Planned, current, is_option, plan, typed
from aerun.sweeps.plugins import check_launcher
from aerun.sweeps.presets import to_tell
from aerun.sweeps.summary import finish, write_rows

log = logging.getLogger("aerun")

_NUMBERED = "${hydra:job.num}"  # the usual name of a job


class Sweep:
    """Jobs are checked, added to the manifest and launched; in the end summed up."""

    def __init__(
        self, hydra_context: HydraContext, task_function: TaskFunction, config: Any
    ) -> None:
        """Take Hydra's objects and the composed request of the sweep."""
        self.config: DictConfig = config
        self._context, self._loader = hydra_context, hydra_context.config_loader
        self._task = task_function
        path, exact = place_of(config, "hydra.sweep.dir")
        self.folder = Path(os.path.expanduser(path)).absolute()
        self.manifest = Manifest(self.folder)
        self.continued = exact and self.manifest.exists
        self._open = ExitStack()
        self._composed: dict[int, Composed | None] = {}
        self._targets: set[str] = set()
        sources = config.hydra.runtime.config_sources
        self._own = next(
            (s.path for s in sources if s.provider == "--config-dir"), None
        )
        # They are of every job, and may change when the sweep is continued.
        task: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
        self._options = [text for text in task if is_option(text)]

    def __enter__(self) -> Self:
        """Find the chosen launcher and the sweep's options good; take no directory yet.

        Raises:
            BadUse: They are not.
        """
        check_launcher(self.config)
        for text in self._options:
            if parse([text])[0].is_sweep_override():
                problem = "is of the whole sweep; give it one value."
                raise BadRequest([Mistake(typed=text, problem=problem)])
        if self.continued:
            check_jobs(self.manifest, typed(self.config), self._loader)
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the directory."""
        self._open.close()

    # -- planning ----------------------------------------------------------------------

    def check(self, jobs: Sequence[Sequence[str]]) -> list[Planned]:
        """Find every job good, also in its data; those completed were.

        Raises:
            BadRequest: With the mistakes of all jobs; nothing was started.
            Uncomposable: Likewise, of the first job that Hydra cannot compose.
        """
        done = set()
        if self.continued:
            known = [job for job in self.manifest.jobs() if job.state in DONE]
            done = {job.hash for job in known} | {job.overrides for job in known}
        output = None if self.continued else "hydra.sweep.dir"
        planned = plan(jobs, self.config, self._loader, done=done, output=output)
        self._targets.update(*(one.targets for one in planned))
        return planned

    def open(self, typed: Sequence[str]) -> Path:
        """Claim the sweep's directory, or take up the one that is continued; lock it.

        Args:
            typed: The overrides of the command, with comma lists.

        Raises:
            RunDirectoryError: It is in use.
        """
        if self.continued:
            check_links(self.folder, below=False)
        else:
            self.folder = claim_output(self.config, "hydra.sweep.dir").absolute()
            self.manifest = Manifest(self.folder)
        with open_dict(self.config):
            self.config.hydra.sweep.dir = str(self.folder)
        try:
            self._open.enter_context(RunDirectory(self.folder).lock())
        except RunDirectoryError:
            problem = f"{self.folder} is a sweep that runs in another process; wait for"
            raise RunDirectoryError(f"{problem} it or stop it first") from None
        if said := to_tell.get():
            log.info("%s", said)
        typed = [text for text in typed if not text.startswith("hydra.sweep.dir=")]
        if self.continued:
            self.manifest.edit(self._as_they_are, overrides=typed, config_dir=self._own)
        else:
            self.manifest.create(typed, config_dir=self._own)
            write_record(self.config, "multirun.yaml", self.folder.resolve())
        return self.folder

    def _as_they_are(self, jobs: list[Job]) -> list[Job]:
        """Jobs as their directories tell: what was killed told the manifest nothing."""
        now = []
        for job in jobs:
            if job.state in (PENDING, RUNNING, INTERRUPTED, FAILED):
                job = self._found(job)
            now.append(job)
        return now

    def _found(self, job: Job) -> Job:
        path = self.folder / job.directory
        begun = (path / "aerun.log").is_file()
        if (path / "summary.json").is_file():
            summary = RunDirectory(path).read_summary()
            if summary.get("status") in ("completed", "pruned"):
                return replace(job, **outcome(summary, path))
        if job.state == RUNNING or (begun and job.state != FAILED):
            return replace(job, state=INTERRUPTED)
        return job

    def add(self, planned: Sequence[Planned]) -> list[Job]:
        """Put jobs into the manifest; one that is there already is that job.

        Returns:
            Their jobs, in the same order.
        """
        numbers: list[int] = []

        def change(jobs: list[Job]) -> list[Job]:
            by_hash = {job.hash: job.number for job in jobs}
            by_overrides = {job.overrides: job.number for job in jobs}
            for one in planned:
                number = by_hash.get(one.hash, by_overrides.get(one.overrides))
                if number is None:
                    number = len(jobs)
                    place = self._new_place(number, one.overrides, jobs)
                    jobs.append(Job(number, one.overrides, one.hash, place))
                    by_hash[one.hash] = by_overrides[one.overrides] = number
                elif jobs[number].hash != one.hash:
                    jobs[number] = self._changed(jobs[number], one, jobs)
                numbers.append(number)
                if jobs[number].hash == one.hash and not self._options:
                    self._composed[number] = one.composed
            return jobs

        jobs = self.manifest.edit(change)
        write_rows(self.folder)
        return [jobs[number] for number in numbers]

    def _changed(self, job: Job, plan: Planned, jobs: list[Job]) -> Job:
        """A job whose options' files were changed since it was planned."""
        if job.state in DONE:
            text = "Job %d was completed with other options than its values give now."
            log.warning(text, job.number)
            return job
        begun = (self.folder / job.directory).exists()
        place = next_place(self.folder, job, jobs) if begun else job.directory
        return replace(job, hash=plan.hash, directory=place, state=PENDING)

    def _new_place(
        self, number: int, overrides: Sequence[str], jobs: Sequence[Job]
    ) -> str:
        """A directory that no other job has: its number, or by ``sweep.subdir``."""
        node: Any = OmegaConf.to_container(self.config.hydra.sweep, resolve=False)
        name = str(number)
        if node["subdir"] != _NUMBERED:
            config = self._loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.num, config.hydra.job.id = number, str(number)
            with current(config):
                name = str(config.hydra.sweep.subdir)
        return free_place(self.folder, name, jobs)

    # -- running -----------------------------------------------------------------------

    def launch(self, jobs: Sequence[Job], *, batch: int | None = None) -> list[Job]:
        """Run jobs with the chosen launcher, or go on with them; as they are then.

        Args:
            jobs: To run; how they ended before is forgotten.
            batch: So many per call of the launcher; None: all in one.

        Raises:
            Interrupted: By Ctrl-C or SIGTERM; says how to continue.
        """
        due = self._ready([job.number for job in jobs])
        size = batch or max(1, len(due))
        for start in range(0, len(due), size):
            self._launch(due[start : start + size])
        now = self.manifest.jobs()
        return [now[job.number] for job in due]

    def _launch(self, jobs: Sequence[Job]) -> None:
        for job in jobs:  # before Hydra records them, in whatever process
            check_place(self.folder, self.folder / job.directory)
        # Every launcher needs to see the directories in each job's overrides.
        lines = [
            [
                *job.overrides,
                *self._options,
                f"hydra.sweep.dir={quoted(str(self.folder))}",
                f"hydra.sweep.subdir={quoted(job.directory)}",
            ]
            for job in jobs
        ]
        if hasattr(self._launcher, "composed"):  # it would compose them again
            self._launcher.composed = {
                tuple(line): self._composed.pop(job.number, None)
                for job, line in zip(jobs, lines, strict=True)
            }
        try:
            self._launcher.launch(lines, initial_job_idx=jobs[0].number)
        except (KeyboardInterrupt, Interrupted) as stop:
            self._interrupted(stop)

    def _ready(self, numbers: Sequence[int]) -> list[Job]:
        """Jobs about to run: from a checkpoint, else where nothing was written."""

        def change(jobs: list[Job]) -> list[Job]:
            for number in numbers:
                job = jobs[number]
                run = RunDirectory(self.folder / job.directory)
                if job.state == FAILED and run.path.exists() and not run.has_state():
                    job = replace(job, directory=next_place(self.folder, job, jobs))
                jobs[number] = replace(job, state=PENDING, reason=None)
            return jobs

        now = self.manifest.edit(change)
        return [now[number] for number in numbers]

    @cached_property
    def _launcher(self) -> Any:
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context,
            task_function=self._task,
            config=self.config,
        )
        if isinstance(launcher, ParallelLauncher):
            self._open.callback(launcher.close)
        return launcher

    def _interrupted(self, stop: BaseException) -> None:
        """Say how to go on.

        Raises:
            Interrupted: In any case.
        """

        def change(jobs: list[Job]) -> list[Job]:
            return [
                replace(job, state=INTERRUPTED) if job.state == RUNNING else job
                for job in jobs
            ]

        jobs = self.manifest.edit(change)
        write_rows(self.folder)
        self._open.close()
        done = sum(job.state in DONE for job in jobs)
        code = stop.exit_code if isinstance(stop, Interrupted) else 128 + signal.SIGINT
        raise Interrupted(
            code - 128,
            f"Interrupted; {done} of {len(jobs)} jobs are completed. Continue with: "
            f"{again(self.folder, self._own, typed(self.config))}",
        ) from None

    def close(self) -> None:
        """Sum up.

        Raises:
            SweepFailed: Some jobs failed; says which, why, and how to continue.
        """
        trust = Trust(config_dir=self._own, also=lambda: self._targets)
        metric, maximize = self.config.sweep.metric, self.config.sweep.maximize
        finish(self.folder, metric=metric, maximize=maximize, trust=trust)
        jobs = self.manifest.jobs()
        if any(job.state in (FAILED, PENDING) for job in jobs):
            command = again(self.folder, self._own, typed(self.config))
            raise SweepFailed(failure(jobs, command))
