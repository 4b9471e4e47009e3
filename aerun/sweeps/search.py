"""The sweeper that searches: each trial is proposed from the outcomes before it."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.plugins.sweeper import Sweeper as HydraSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from aerun.config.check import check_part
from aerun.config.grammar import parse
from aerun.config.mistakes import BadRequest
from aerun.extras import require
from aerun.options import Count, Seed
from aerun.sweeps.advice import Advice
from aerun.sweeps.found import record
from aerun.sweeps.given import Given
from aerun.sweeps.manifest import DONE, FAILED, PRUNED, Job, Manifest
from aerun.sweeps.planning import typed
from aerun.sweeps.space import Space, space_of
from aerun.sweeps.sweep import Sweep
from aerun.sweeps.trials import JOB, Trial, Trials
from aerun.wiring import make

log = logging.getLogger("aerun")

_KEY = "hydra.sweeper"
_GIVEN = frozenset({"seed", "number", "space"})  # to samplers
_PATIENCE = 50  # proposals in a row that are nothing new


class Search(Given, HydraSweeper):
    """Proposes trials with Optuna; a stopped search goes on where it was."""

    def __init__(
        self,
        *,
        trials: Count,
        seed: Seed,
        parallel: Count,
        sampler: Any,
        pruner: Any,
        params: dict | None,
    ) -> None:
        """Search as asked.

        Args:
            trials: Different ones in all, those before a stop included.
            seed: Of the sampler.
            parallel: So many trials are proposed and launched at once.
            sampler: A node; its target gives a sampler of Optuna's.
            pruner: A node; its target gives a pruner of Optuna's, or is null.
            params: Values by key, as one would type them.
        """
        self.trials, self.seed, self.parallel = trials, seed, parallel
        self.sampler, self.pruner, self.params = sampler, pruner, params

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Take Hydra's objects and the request.

        Raises:
            BadUse: Optuna is not installed.
            BadRequest: An option of the search has a mistake.
        """
        require("optuna", "optuna", "sqlalchemy", typed="hydra/sweeper=optuna")
        node: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
        self.sampler, self.pruner = node.pop("sampler"), node.pop("pruner")
        own = {key: value for key, value in node.items() if key != "_recursive_"}
        mistakes = check_part(own, _KEY, frozenset({"sampler", "pruner"}))
        mistakes += check_part(self.sampler, f"{_KEY}.sampler", _GIVEN)
        if self.pruner["_target_"] is not None:
            mistakes += check_part(self.pruner, f"{_KEY}.pruner", frozenset())
        if mistakes:
            raise BadRequest(mistakes)
        self.params = node["params"]
        self.metric = str(config.sweep.metric)
        self.maximize = bool(config.sweep.maximize)
        advice = Advice(metric=self.metric, maximize=self.maximize, pruner=self.pruner)
        super().setup(
            hydra_context=hydra_context,
            task_function=partial(task_function, advice=advice),  # type: ignore[call-arg]
            config=config,
        )

    def sweep(self, arguments: list[str]) -> Path:
        """Search, or go on with a search; the sweep's directory.

        Raises:
            BadRequest: A trial on the rim of the space has a mistake; nothing was
                started.
            SweepFailed: At least one trial failed.
            Interrupted: By Ctrl-C or SIGTERM.
        """
        space = self._space(arguments)
        make(self.sampler, {"seed": self.seed, "number": 0, "space": space.values})
        with Sweep(self.hydra_context, self.task_function, self.config) as sweep:
            sweep.check(space.rim())
            folder = sweep.open(typed(self.config))
            for line in self._found(sweep, folder, space):
                log.info("%s", line)
            sweep.close()
        return folder

    def _found(self, sweep: Sweep, folder: Path, space: Space) -> list[str]:
        """Run the trials that are missing; what all of them tell."""
        trials = Trials(
            folder,
            space,
            sampler=self.sampler,
            seed=self.seed,
            metric=self.metric,
            maximize=self.maximize,
        )
        fail_fast = bool(self.config.sweep.fail_fast)
        known = len(trials.jobs)
        begun = f"; {known} are known already" if known else ""
        log.info("Search of %d trials in %s%s", self.trials, folder, begun)
        search = _Search(sweep, trials, parallel=self.parallel, fail_fast=fail_fast)
        search.take_up()
        search.go_on(self.trials)
        return record(trials)

    def _space(self, arguments: Sequence[str]) -> Space:
        """What was typed counts more than what the config says."""
        given = [f"{key}={value}" for key, value in (self.params or {}).items()]
        loader = self.hydra_context.config_loader
        return space_of(parse([*given, *arguments], loader))


class _Search:
    """Trials that become jobs of a sweep, whose outcomes lead to further trials."""

    def __init__(
        self, sweep: Sweep, trials: Trials, *, parallel: int, fail_fast: bool
    ) -> None:
        self.sweep, self.trials = sweep, trials
        self.parallel, self.fail_fast = parallel, fail_fast
        self.manifest = Manifest(trials.folder)
        self.failed: set[int] = set()
        """Jobs that failed now, so that they are not run again now."""
        self.stopped = False
        """Whether a job was left without an outcome, or one failed and that ends it."""

    def take_up(self) -> None:
        """Run what a stop has left, and once more what failed."""
        waiting = self.trials.unfinished()
        begun = {trial.job for trial in waiting}
        for job in self.manifest.jobs():
            if job.state == FAILED and job.number in self.trials.jobs - begun:
                waiting.append(self.trials.again(job))
        for first in range(0, len(waiting), self.parallel):
            if not self.stopped:
                self._run(waiting[first : first + self.parallel])

    def go_on(self, wanted: int) -> None:
        """Propose trials and run them until there are as many as wanted."""
        size = self.trials.space.size
        if size is not None and size < wanted:
            log.info("There are no more than %d different trials.", size)
            wanted = size
        made, idle = len(self.trials.jobs), 0
        while made < wanted and not self.stopped:
            batch = min(self.parallel, wanted - made)
            self._run([self.trials.propose() for _ in range(batch)])
            before, made = made, len(self.trials.jobs)
            idle = 0 if made > before else idle + batch
            if idle >= _PATIENCE:
                log.info("The sampler has no new trial to propose.")
                return

    def _run(self, trials: Sequence[Trial]) -> None:
        """Run trials at once; those whose job has an outcome already take that."""
        jobs = {trial.number: self._job(trial) for trial in trials}
        due = {
            job.number: job
            for job in jobs.values()
            if job is not None and not self._over(job)
        }
        if due:
            due = {job.number: job for job in self.sweep.launch(list(due.values()))}
        for trial in trials:
            if (job := jobs[trial.number]) is None:
                continue
            job = due.get(job.number, job)
            self.stopped |= not self.trials.learn(trial, job)
            if job.state == FAILED:
                self.failed.add(job.number)
                self.stopped |= self.fail_fast
            self._tell(job)

    def _job(self, trial: Trial) -> Job | None:
        """The job of a trial; None of one that no run can be made of."""
        axes = self.trials.space.axes
        if not all(axes[name].holds(value) for name, value in trial.chosen.items()):
            log.warning("No trial: %s is none of this search.", dict(trial.chosen))
            self.trials.give_back(trial.number)
            return None
        overrides = self.trials.space.overrides(trial.chosen)
        try:
            (job,) = self.sweep.add(self.sweep.check([overrides]))
        except BadRequest as error:
            log.warning("No trial: %s: %s", " ".join(overrides), error)
            self.trials.give_back(trial.number)
            return None
        self.trials.bind(trial, job)
        return job

    def _over(self, job: Job) -> bool:
        return job.state in DONE or job.number in self.failed

    def _tell(self, job: Job) -> None:
        """How a trial went, beside the best."""
        best, metric = self.trials.best, self.trials.metric
        value = job.figures.get(metric)
        if job.state not in DONE or best is None or value is None:
            return
        log.info(
            "Trial %d%s: %s %.5g. The best of %d is trial %d: %.5g.",
            job.number,
            " (given up)" if job.state == PRUNED else "",
            metric,
            value,
            len(self.trials.jobs),
            best.user_attrs[JOB],
            best.value,
        )
