"""A run that exists, as its directory tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun:
    """What a run's directory says of it."""

    directory: Path
    config: Mapping[str, Any]
    """Resolved."""
    choices: Mapping[str, str]
    """By dotted group, what was chosen: {"model": "vae"}; empty where unknown."""
    typed: tuple[str, ...]
    """Dotted keys that its command line set, in order."""
    summary: Mapping[str, Any]
    """What ``summary.json`` holds."""
    rows: tuple[Mapping[str, Any], ...]
    """Of ``metrics.csv``, one per epoch."""

    @property
    def seed(self) -> int:
        """Of the weights and of all noise."""
        seed: int = self.config["seed"]
        return seed

    @property
    def status(self) -> str:
        """completed, interrupted, pruned or failed."""
        return str(self.summary.get("status"))

    @property
    def completed(self) -> bool:
        """Whether it was trained to its end, so that its figures are final."""
        return self.status == "completed"

    @property
    def figures(self) -> Mapping[str, float]:
        """Those of its final figures that are numbers."""
        found = self.summary.get("metrics") or {}
        return {name: value for name, value in found.items() if value is not None}
