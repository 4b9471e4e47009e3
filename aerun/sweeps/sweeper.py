"""The sweeper: plans all jobs, checks every one, then runs them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper as HydraSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from aerun.config.compose import NO_NEW_RUN
from aerun.config.mistakes import BadRequest, Mistake
from aerun.errors import SweepFailed

log = logging.getLogger("aerun")


class Sweeper(HydraSweeper):
    """Runs the product of all swept values; one failing job does not stop the rest."""

    hydra_context: HydraContext
    config: DictConfig

    def __init__(self, max_batch_size: int | None) -> None:
        """Run so many jobs per call of the launcher; None: all in one."""
        self.max_batch_size = max_batch_size

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Take Hydra's objects and the request."""
        self.hydra_context, self.config = hydra_context, config
        self.task_function = task_function

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        """Run every job.

        Raises:
            BadRequest: A job has a mistake; nothing was started.
            SweepFailed: At least one job failed.
        """
        from aerun.config.approve import claim_output
        from aerun.sweeps.launching import Launcher as OwnLauncher
        from aerun.sweeps.plugins import check_launcher

        check_launcher(self.config)
        loader = self.hydra_context.config_loader
        parser = OverridesParser.create(config_loader=loader)
        batches = BasicSweeper.split_arguments(
            parser.parse_overrides(arguments), self.max_batch_size
        )
        self._check([job for batch in batches for job in batch])
        folder = claim_output(self.config, "hydra.sweep.dir")
        with open_dict(self.config):
            self.config.hydra.sweep.dir = str(folder)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context,
            task_function=self.task_function,
            config=self.config,
        )
        log.info("Sweep of %d jobs in %s", sum(map(len, batches)), folder)
        returns: list[JobReturn] = []
        try:
            for batch in batches:
                # Every launcher needs to see the claimed directory in each job.
                jobs = [[*job, f"hydra.sweep.dir='{folder}'"] for job in batch]
                returns += launcher.launch(jobs, initial_job_idx=len(returns))
        finally:
            if isinstance(launcher, OwnLauncher):
                launcher.close()
        _raise_failures(returns, [job for batch in batches for job in batch])
        return returns

    def _check(self, jobs: Sequence[Sequence[str]]) -> None:
        """Refuse the whole sweep if one job has a mistake, also in its data."""
        from aerun.config.approve import approve

        found: dict[Mistake, list[str]] = {}
        for job in jobs:
            config = self.hydra_context.config_loader.load_sweep_config(
                self.config, list(job)
            )
            try:
                _only_new(config)
                approve(config, output="hydra.sweep.dir")
            except BadRequest as error:
                for mistake in error.mistakes:
                    found.setdefault(mistake, []).append(" ".join(job))
        if found:
            raise BadRequest(
                mistake if len(names) == len(jobs) else _located(mistake, names)
                for mistake, names in found.items()
            )


def _only_new(config: DictConfig) -> None:
    """A sweep makes new runs; a task that does not is for a command of its own."""
    if config.task.get("works_in") in NO_NEW_RUN:
        name = config.hydra.runtime.choices.task
        problem = "makes no new run, so it cannot be a job of a sweep; leave out -m."
        raise BadRequest([Mistake(typed=f"task={name}", problem=problem)])


def _located(mistake: Mistake, jobs: Sequence[str]) -> Mistake:
    """A mistake of some jobs says of which."""
    others = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
    return replace(mistake, problem=f"in the job {jobs[0]}{others}: {mistake.problem}")


def _raise_failures(returns: Sequence[JobReturn], jobs: Sequence[Any]) -> None:
    failed = [
        f"  job {number} ({' '.join(jobs[number])}): {result._return_value}"
        for number, result in enumerate(returns)
        if result.status == JobStatus.FAILED
    ]
    if failed:
        head = f"{len(failed)} of {len(returns)} jobs failed"
        raise SweepFailed("\n".join([head, *failed]))
