"""The epoch that a run is judged by."""

from dataclasses import dataclass


@dataclass(kw_only=True, slots=True)
class Best:
    """The epoch with the lowest validation objective so far."""

    value: float | None = None
    epoch: int | None = None
    stale: int = 0
    """Epochs since then."""
