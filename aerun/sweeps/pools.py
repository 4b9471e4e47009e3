"""Processes on this machine that stay: joblib's engine, loky."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from typing import Any, TypeVar

from aerun.sweeps.parallel import deaf_children, tell_stopping

W = TypeVar("W")
R = TypeVar("R")


class Pools:
    """Every process is a pool of its own: one that dies takes nothing else along."""

    def __init__(self, number: int) -> None:
        """Begin with no process.

        Args:
            number: At a time; -1: one for each core.
        """
        self._number = number
        self._idle: list[Any] = []

    @property
    def number(self) -> int:
        """At most so many at a time."""
        from joblib import effective_n_jobs

        return int(effective_n_jobs(self._number))

    def carry_out(
        self, waiting: deque[W], call: Callable[[W], R]
    ) -> Generator[tuple[W, R | None]]:
        """Have pieces of work carried out; each as soon as it is.

        Closed or interrupted, it has processes save what they are at and end.

        Args:
            waiting: Is emptied from the left; more may be appended meanwhile.
            call: In the process.

        Yields:
            The piece, and what was made of it; None: its process died.
        """
        busy: dict[Future[R], tuple[W, Any]] = {}
        try:
            while waiting or busy:
                self._grow(min(len(waiting), self.number - len(busy)))
                while waiting and self._idle:
                    work, pool = waiting.popleft(), self._idle.pop()
                    with deaf_children():
                        busy[pool.submit(call, work)] = work, pool
                done, _ = wait(busy, return_when=FIRST_COMPLETED)
                for future in done:
                    work, pool = busy.pop(future)
                    result = None
                    try:
                        result = future.result()
                        self._idle.append(pool)
                    except BrokenExecutor:
                        pool.shutdown(kill_workers=True)
                    yield work, result
        finally:
            _stop(busy)

    def close(self) -> None:
        """End the processes, which have nothing to do."""
        while self._idle:
            self._idle.pop().shutdown()

    def _grow(self, number: int) -> None:
        """Have up to so many pools of which none is busy."""
        from joblib.externals.loky import ProcessPoolExecutor

        for _ in range(len(self._idle), number):
            self._idle.append(ProcessPoolExecutor(1))


def _stop(busy: Mapping[Future[Any], tuple[Any, Any]]) -> None:
    """Have busy processes save what they are at and end; interrupted again, at once."""
    tell_stopping(sum(len(w) if isinstance(w, list) else 1 for w, _ in busy.values()))
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
