"""Who may end a training early: signals, as a wish to stop, and an adviser."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from aerun.signals import STOPPING, handled

Adviser = Callable[[Sequence[Mapping[str, Any]]], str | None]
"""Sees the rows of metrics.csv so far; says why the training should end, or None."""


class Wish:
    """Whether someone asked to stop."""

    signum: int | None = None
    """The signal that asked, or None."""


_wish: ContextVar[Wish | None] = ContextVar("wish", default=None)

_late: ContextVar[list[int] | None] = ContextVar("late", default=None)


@contextmanager
def stop_signals() -> Iterator[Wish]:
    """Turn SIGINT and SIGTERM into a wish; a second SIGINT interrupts at once.

    Within another one, that one's wish is given: several trainings may have one.
    Outside the main thread signals cannot be handled, and nothing changes.
    """
    if (known := _wish.get()) is not None:
        yield known
        return
    wish = Wish()

    def note(signum: int, frame: FrameType | None) -> None:
        if wish.signum is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        wish.signum = signum

    try:
        with handled(note, *STOPPING):
            outer = _wish.set(wish)
            try:
                yield wish
            finally:
                _wish.reset(outer)
    finally:
        if wish.signum is not None and (late := _late.get()) is not None:
            late.append(wish.signum)


@contextmanager
def late_signals() -> Iterator[list[int]]:
    """Gives the signals that were wishes within, heeded there or not.

    One that comes as a training draws its last pictures stops nothing any more, but
    should stop what comes after it.
    """
    late: list[int] = []
    outer = _late.set(late)
    try:
        yield late
    finally:
        _late.reset(outer)
