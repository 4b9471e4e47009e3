"""Who may end a training early: signals, as a wish to stop, and an adviser."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

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
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def note(signum: int, frame: FrameType | None) -> None:
        if wish.signum is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        wish.signum = signum

    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    outer = _wish.set(wish)
    try:
        yield wish
    finally:
        _wish.reset(outer)
        for signum, handler in before.items():
            signal.signal(signum, handler)
