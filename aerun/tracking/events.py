"""What a tracker is told, in order: started, epochs and pictures, ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """A run begins, or goes on."""

    directory: Path
    """The run's; what a tracker keeps there survives until the run goes on."""
    config: Mapping[str, Any]
    """Resolved, nested, as in config.yaml."""
    step: int
    """0 at the beginning; of a run that goes on the step up to which what was told
    holds: all that was told of later ones will be told again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochRecorded:
    """An epoch was trained and validated."""

    row: Mapping[str, Any]
    """That of metrics.csv: epoch, step, train/..., val/..., and so on, numbers; with
    several phases also phase, a text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureDrawn:
    """A picture lies in the run directory."""

    name: str
    """Within the directory, without ending: reconstructions/epoch_0010, latent."""
    path: Path
    """A PNG file."""
    step: int
    """After so many steps; of final pictures one more than there were."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnded:
    """A run was completed, interrupted, given up (pruned) or failed; the last event."""

    summary: Mapping[str, Any]
    """As in summary.json: status, metrics (flat: test/mse, ...; empty where the run did
    not complete), and so on."""
    step: int
    """One more than there were."""


Told = RunStarted | EpochRecorded | PictureDrawn | RunEnded
