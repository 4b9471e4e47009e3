"""hydra/launcher=submitit_local and submitit_slurm: a process for each job."""

import os
import signal
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from tempfile import mkdtemp
from typing import Any

from aerun.options import Count, Natural, Positive, Workers
from aerun.sweeps.parallel import ParallelLauncher, deaf_children, died, tell_stopping
from aerun.sweeps.worker import Order, Report, fulfil

_OFTEN, _SELDOM = 0.05, 2.0
"""Seconds between looks at processes of this machine, and at those of a cluster."""

Running = dict[int, tuple[Order, Any]]
"""Orders and submitit's jobs by number."""


class Resumable:
    """Carries out an order; once more when its time was up, and the job goes on."""

    def __call__(self, order: Order) -> Report:
        """Carry it out."""
        return fulfil(order)

    def checkpoint(self, order: Order) -> Any:
        """What submitit is to submit again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, order)


@dataclass(kw_only=True, eq=False)
class LocalLauncher(ParallelLauncher):
    """Runs jobs in processes that submitit starts here, to try what a cluster does."""

    extra = "submitit"
    modules = ("submitit",)

    n_jobs: Workers
    """At a time; -1: one for each core."""
    submitit_folder: str
    """Of its files, and of what jobs print."""
    timeout_min: Count
    """Minutes that a job may take; then it is stopped and goes on anew."""

    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        """Have orders carried out, so many at a time."""
        from joblib import effective_n_jobs
        from submitit import AutoExecutor

        executor = AutoExecutor(_fresh(self.submitit_folder), cluster="local")
        executor.update_parameters(timeout_min=self.timeout_min)
        waiting, running = deque(orders), Running()
        number = effective_n_jobs(self.n_jobs)
        try:
            while waiting or running:
                while waiting and len(running) < number:
                    order = waiting.popleft()
                    with deaf_children():
                        job = executor.submit(Resumable(), order)
                    running[order.number] = order, job
                yield from _ended(running)
                time.sleep(_OFTEN)
        finally:
            tell_stopping(len(running))
            for _, job in running.values():
                with suppress(ProcessLookupError):
                    # Its controller, which hands the signal on to the job.
                    os.kill(int(job.job_id), signal.SIGTERM)
            _wait(running, _OFTEN)


@dataclass(kw_only=True, eq=False)
class SlurmLauncher(ParallelLauncher):
    """Runs jobs as an array of Slurm; the command stays to see them end.

    Options have submitit's names; None is not handed on.
    """

    extra = "submitit"
    modules = ("submitit",)
    here = False

    submitit_folder: str
    name: str
    timeout_min: Count
    """Minutes that a job may take; then it goes on in another, so many times:"""
    max_num_timeout: Natural
    signal_delay_s: Count
    """Seconds between the notice that time is up and the end."""
    array_parallelism: Count
    cpus_per_task: Count | None
    gpus_per_node: Count | None
    mem_gb: Positive | None
    partition: str | None
    qos: str | None
    account: str | None
    constraint: str | None
    exclude: str | None
    gres: str | None
    cpus_per_gpu: Count | None
    mem_per_gpu: str | None
    mem_per_cpu: str | None
    comment: str | None
    stderr_to_stdout: bool
    commands: list[str] | None
    """Lines of shell that come before the job; submitit's ``setup``."""
    additional_parameters: dict | None

    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        """Have orders carried out, all at once as far as the cluster is concerned."""
        from submitit import AutoExecutor

        executor = AutoExecutor(
            _fresh(self.submitit_folder),
            cluster="slurm",
            slurm_max_num_timeout=self.max_num_timeout,
        )
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        options["setup"] = options.pop("commands")
        for name in ("submitit_folder", "max_num_timeout"):
            options.pop(name)
        of_all = AutoExecutor._valid_parameters()
        executor.update_parameters(
            **{n if n in of_all else f"slurm_{n}": v for n, v in options.items()}
        )
        with executor.batch():
            running = {
                order.number: (order, executor.submit(Resumable(), order))
                for order in orders
            }
        try:
            while running:
                yield from _ended(running)
                time.sleep(_SELDOM)
        finally:
            tell_stopping(len(running))
            for _, job in running.values():
                job.cancel(check=False)
            _wait(running, _SELDOM)


def _fresh(folder: str) -> str:
    """A new folder below one: what comes back is pickled, so nobody else writes there.

    That of a sweep which came from elsewhere could hold what jobs are said to return.
    """
    os.makedirs(folder, exist_ok=True)
    return mkdtemp(prefix=time.strftime("%Y-%m-%d_%H-%M-%S_"), dir=folder)


def _ended(running: Running) -> Generator[Report]:
    """The reports of jobs that have ended, which are taken away."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    for number, (order, job) in list(running.items()):
        if not job.done():
            continue
        del running[number]
        try:
            yield job.result()
        except (FailedJobError, UncompletedJobError):
            yield died(order, str(job.paths.stderr))


def _wait(running: Running, seconds: float) -> None:
    """Wait for the end of jobs that were asked to."""
    while not all(job.done(force_check=True) for _, job in running.values()):
        time.sleep(seconds)
