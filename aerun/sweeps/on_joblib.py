"""hydra/launcher=joblib: jobs side by side on this machine, in processes that stay."""

import os
import signal
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aerun.options import Workers
from aerun.sweeps.parallel import ParallelLauncher, deaf_children, died, tell_stopping
from aerun.sweeps.worker import Order, Report, fulfil


@dataclass(kw_only=True, eq=False)
class JoblibLauncher(ParallelLauncher):
    """Runs jobs in processes of joblib's engine, loky; each takes one after another.

    Every process is a pool of its own, so that one that dies takes no other job along.
    """

    extra = "joblib"
    modules = ("joblib",)

    n_jobs: Workers
    """At a time; -1: one for each core."""

    def __post_init__(self) -> None:
        """Begin with no process."""
        self._idle: list[Any] = []

    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        """Have orders carried out; a process that died is replaced by another."""
        waiting = deque(orders)
        busy: dict[Future[Report], tuple[Order, Any]] = {}
        self._grow(len(orders))
        try:
            while waiting or busy:
                while waiting and self._idle:
                    order, pool = waiting.popleft(), self._idle.pop()
                    with deaf_children():
                        busy[pool.submit(fulfil, order)] = order, pool
                done, _ = wait(busy, return_when=FIRST_COMPLETED)
                for future in done:
                    order, pool = busy.pop(future)
                    try:
                        report = future.result()
                        self._idle.append(pool)
                    except BrokenExecutor:
                        report = died(order)
                        pool.shutdown(kill_workers=True)
                        self._grow(len(self._idle) + 1)
                    yield report
        finally:
            _stop(busy)

    def close(self) -> None:
        """End the processes, which have nothing to do."""
        while self._idle:
            self._idle.pop().shutdown()

    def _grow(self, number: int) -> None:
        """Have up to so many pools, of which none is busy."""
        from joblib import effective_n_jobs
        from joblib.externals.loky import ProcessPoolExecutor

        for _ in range(len(self._idle), min(number, effective_n_jobs(self.n_jobs))):
            self._idle.append(ProcessPoolExecutor(1))


def _stop(busy: Mapping[Future[Report], tuple[Order, Any]]) -> None:
    """Have busy processes save what they are at and end; interrupted again, at once."""
    tell_stopping(len(busy))
    pools = [pool for _, pool in busy.values()]
    for pid in [pid for pool in pools for pid in pool._processes]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    impatient = True
    try:
        wait(busy)
        impatient = False
    finally:
        for pool in pools:
            pool.shutdown(kill_workers=impatient)
