"""Trackers: other places that a run is told to while it goes on."""

from aerun.tracking.events import (
    EpochRecorded,
    PictureDrawn,
    RunEnded,
    RunStarted,
    Told,
)

__all__ = ["EpochRecorded", "PictureDrawn", "RunEnded", "RunStarted", "Told"]
