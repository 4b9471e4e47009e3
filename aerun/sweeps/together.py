"""Jobs that take turns in one process, and have their gradients taken in one call.

Each is the ordinary code, in a coroutine of its own: from the first line of its log to
its page it notices the others only by the time that passes at each of its steps.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar

import torch

from aerun.tasks.interruption import stop_signals
from aerun.training.group import Group
from aerun.training.step import Asked, taken_elsewhere

T = TypeVar("T")


def together(calls: Sequence[Callable[[], T]]) -> list[T | None]:
    """Carry out calls that train, each until it asks for a gradient, in turns.

    A signal is the wish of all to stop: each sees it after its step, as it would alone.

    Args:
        calls: Each with all that it raises caught, and with the same number of threads.

    Returns:
        What each gave, in order; None: a signal came before it began.
    """
    before = torch.get_num_threads()
    with stop_signals() as wish:
        turns: _Turns[T] = _Turns()
        try:
            for number, call in enumerate(calls):
                if wish.signum is None:
                    turns.begin(number, call)
            turns.go_on()
        finally:
            turns.abandon()
            torch.set_num_threads(before)
    return [turns.given.get(number) for number in range(len(calls))]


class _Turns(Generic[T]):
    """Coroutines, and what each waits for."""

    def __init__(self) -> None:
        from greenlet import getcurrent

        self.given: dict[int, T] = {}
        self._here = getcurrent()
        self._waiting: dict[int, tuple[Any, Asked]] = {}
        self._threads = torch.get_num_threads()

    def begin(self, number: int, call: Callable[[], T]) -> None:
        """Carry out a call until it first asks for a gradient."""
        from greenlet import greenlet

        def own() -> T:
            taken_elsewhere.set(self._here.switch)
            return call()

        job = greenlet(own)
        # What it sets there, such as whose log lines go to, is no other job's.
        job.gr_context = copy_context()
        self._switch(number, job)

    def go_on(self) -> None:
        """Give each what it waits for, until none does."""
        group = Group()
        while self._waiting:
            now = dict(self._waiting)
            answers = group([asked for _, asked in now.values()])
            for (number, (job, _)), answer in zip(now.items(), answers, strict=True):
                self._switch(number, job, answer)

    def abandon(self) -> None:
        """Have those that still wait end as if interrupted."""
        for job, _ in self._waiting.values():
            while not job.dead:
                with suppress(BaseException):
                    job.throw(KeyboardInterrupt)

    def _switch(self, number: int, job: Any, *answer: Any) -> None:
        self._waiting.pop(number, None)
        found = job.switch(*answer)
        if job.dead:
            self.given[number] = found
            torch.set_num_threads(self._threads)  # it put back what it had found
        else:
            self._threads = torch.get_num_threads()
            self._waiting[number] = job, found
