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

    outer = _wish.set(wish)
    try:
        with handled(note, *STOPPING):
            yield wish
    finally:
        _wish.reset(outer)
