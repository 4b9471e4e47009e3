"""Handlers of signals that hold for a while, and instants at which none may come."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a process to stop."""

Handler = Callable[[int, FrameType | None], object] | signal.Handlers


class handled:  # noqa: N801 - as those of contextlib
    """Within, signals have another handler.

    Outside the main thread signals cannot be handled, and nothing changes; nor does a
    handler that is not Python's, which could not be put back.
    """

    def __init__(self, handler: Handler, *signals: signal.Signals) -> None:
        """Change nothing yet."""
        self._handler, self._signals = handler, signals
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        """Set the handler."""
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            for signum in self._signals:
                if (before := signal.getsignal(signum)) is not None:
                    self._before[signum] = before
                    signal.signal(signum, self._handler)
        except BaseException:  # by a signal that still has its own
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        """Put back all handlers, even if one that is back is called and raises."""
        raised = None
        for _ in range(1 + len(self._before)):
            try:
                while self._before:
                    signum = next(reversed(self._before))
                    signal.signal(signum, self._before[signum])
                    del self._before[signum]
            except BaseException as stop:
                raised = stop
        if raised is not None:
            raise raised


@contextmanager
def held_signals() -> Iterator[None]:
    """Signals that ask to stop, and come within, are handled at its end.

    For a step that must be noted where it is done, as that a folder was made. All of
    them are, though the handler of one raises.
    """
    with ExitStack() as at_the_end:

        def hold(signum: int, frame: FrameType | None) -> None:
            at_the_end.callback(signal.raise_signal, signum)

        with handled(hold, *STOPPING):
            yield
