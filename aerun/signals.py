"""Handlers of signals that hold for a while, and instants at which none may come."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a process to stop."""

Handler = Callable[[int, FrameType | None], object] | signal.Handlers


@contextmanager
def handled(handler: Handler, *signals: signal.Signals) -> Iterator[None]:
    """Within, signals have another handler.

    Outside the main thread signals cannot be handled, and nothing changes; nor does a
    handler that is not Python's, which could not be put back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {signum: signal.getsignal(signum) for signum in signals}
    before = {signum: old for signum, old in found.items() if old is not None}
    try:
        for signum in before:
            signal.signal(signum, handler)
        yield
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)


@contextmanager
def held_signals() -> Iterator[None]:
    """Signals that ask to stop, and come within, are handled at its end.

    For a step that must be noted where it is done, as that a folder was made.
    """
    came: list[int] = []
    try:
        with handled(lambda signum, frame: came.append(signum), *STOPPING):
            yield
    finally:
        for signum in came:
            signal.raise_signal(signum)
