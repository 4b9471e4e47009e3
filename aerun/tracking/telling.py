"""Tells a tracker what happens, and goes on without one that fails."""

import logging
from collections.abc import Callable

from aerun.tracking.events import Told

log = logging.getLogger("aerun")

Tracker = Callable[[Told], None]
"""Is called with each event; its class's keyword-only parameters are its options."""


class Telling:
    """Hands events to a tracker until it fails; a run does not depend on it."""

    def __init__(self, tracker: Tracker | None) -> None:
        """Tell this tracker; None: nobody."""
        self._tracker = tracker

    def __call__(self, event: Told) -> None:
        """Hand an event on."""
        if self._tracker is None:
            return
        try:
            self._tracker(event)
        except Exception as error:  # of a network, a full disk, a user's own class
            self._tracker = None
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            log.warning(
                "The tracker failed (%s); it is told nothing more, and the run goes on "
                "without it.",
                reason.removesuffix(": "),
            )
            log.debug("The tracker failed.", exc_info=True)
