"""What launchers with worker processes share: orders go out, reports come back."""

import fcntl
import logging
import os
import pickle
import signal
import sys
from abc import abstractmethod
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, closing
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, ClassVar

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from aerun.config.grammar import parse
from aerun.errors import RunFailed
from aerun.logs import printed_level
from aerun.signals import handled
from aerun.sweeps.given import Given
from aerun.sweeps.job import note, tell_failure
from aerun.sweeps.manifest import DONE, FAILED, Manifest
from aerun.sweeps.worker import Order, Report

log = logging.getLogger("aerun")


class ParallelLauncher(Given, Launcher):
    """Runs the jobs of a sweep in processes of their own, several at a time.

    Lines of a job are printed when it ends, together and with its number, so that jobs
    do not talk across each other; its own ``aerun.log`` has them as they come.
    """

    extra: ClassVar[str]
    """Of the package, which brings the engine."""
    modules: ClassVar[tuple[str, ...]]
    """What the engine is imported as."""
    here: ClassVar[bool] = True
    """Whether workers share this machine, and see its GPUs as the command does."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run jobs; one that fails, or whose process dies, stops no other."""
        from aerun.progress import progress_bar

        orders = self._orders(job_overrides, initial_job_idx)
        found: dict[int, Report] = {}
        bar = progress_bar(len(orders), unit="job", description="Sweep")
        with bar, closing(self.reports(orders)) as reports:
            for report in reports:
                found[report.number] = report
                self._tell(report)
                bar.update()
        return [_returned(found[order.number], order) for order in orders]

    @abstractmethod
    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        """Have orders carried out; the report of each as soon as it is there.

        When it is closed or interrupted, what runs is stopped, and nothing is left.
        """

    def _tell(self, report: Report) -> None:
        """Print what a job had to say, each line with its directory's name."""
        for level, text in report.lines:
            for line in text.splitlines():
                log.log(level, "[%s] %s", report.name, line)
        if report.problem is None:
            return
        folder = Path(str(self.config.hydra.sweep.dir))
        manifest = Manifest(folder)
        job = manifest.job_in(folder / report.name, manifest.jobs())
        if job.state not in DONE:
            note(manifest, job, state=FAILED, reason=report.problem)
        tell_failure(manifest, job, report.problem)

    def close(self) -> None:
        """End the processes that waited for more; nothing else may be asked for."""

    def _orders(self, jobs: Sequence[Sequence[str]], first: int) -> list[Order]:
        # Without its resolvers, which are closures: every process registers its own.
        instances = Singleton.get_state()["instances"]
        parts = (self.task_function, self.hydra_context, self.config, instances)
        listed = Manifest(str(self.config.hydra.sweep.dir)).exists
        names = [name for name in os.environ if name.startswith("AERUN_")]
        if self.here:
            names.append("CUDA_VISIBLE_DEVICES")
        return [
            Order(
                number=first + index,
                name=_directory(job) or str(first + index),
                overrides=tuple(job),
                listed=listed,
                folder=os.getcwd(),
                path=tuple(map(os.path.abspath, sys.path)),
                environment={name: os.environ.get(name) for name in names},
                level=printed_level(),
                leash=_leash() if self.here else None,
                shared=shared,
            )
            for shared in [pickle.dumps(parts)]
            for index, job in enumerate(jobs)
        ]


@lru_cache
def _leash() -> str:
    """A file that this process holds locked until it ends, however that is."""
    file = NamedTemporaryFile(prefix="aerun_")  # noqa: SIM115
    fcntl.flock(file, fcntl.LOCK_EX)
    _kept.append(file)
    return file.name


_kept: list[Any] = []
"""Files that stay open."""


def died(order: Order, where: str = "") -> Report:
    """The report on a job that could make none itself.

    Args:
        order: Given to the process that died.
        where: To look for more.
    """
    look = f"; see {where}" if where else ""
    problem = f"its process died, or was killed, perhaps for want of memory{look}"
    return Report(number=order.number, name=order.name, problem=problem)


def tell_stopping(number: int) -> None:
    """Say why a command that was interrupted does not end at once."""
    if number:
        jobs = "1 job" if number == 1 else f"{number} jobs"
        log.info("Stopping %s, which save what they are at; Ctrl-C: at once.", jobs)


def deaf_children() -> AbstractContextManager[None]:
    """Processes started within ignore Ctrl-C: it is for the command to stop them."""
    return handled(signal.SIG_IGN, signal.SIGINT)


def _directory(overrides: Sequence[str]) -> str | None:
    """The job's, where the sweeper gave it one."""
    given = [text for text in overrides if text.startswith("hydra.sweep.subdir=")]
    return str(parse(given)[-1].value()) if given else None


def _returned(report: Report, order: Order) -> JobReturn:
    """What Hydra's launchers give for a job."""
    if report.returned is not None:
        returned: JobReturn = report.returned
        return returned
    returned = JobReturn(overrides=list(order.overrides), status=JobStatus.FAILED)
    returned.return_value = RunFailed(report.problem or "no report")
    return returned
