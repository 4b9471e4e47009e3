"""A figure over several seeds, and how much two of them differ in pairs."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
"""Of every interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeated:
    """A quantity that was measured once per seed."""

    values: tuple[float, ...]
    """Of each seed, at least two."""

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over seeds, of the sample (n - 1)."""
        return float(np.std(self.values, ddof=1))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean by Student's t, lower and upper end."""
        number = len(self.values)
        quantile = float(stats.t.ppf((1 + LEVEL) / 2, number - 1))
        half = quantile * self.deviation / math.sqrt(number)
        return self.mean - half, self.mean + half

    @property
    def verdict(self) -> str:
        """Of differences that are better when larger: gain, loss, or no gain.

        "no gain" exactly where the interval contains 0.
        """
        low, high = self.interval
        if low <= 0 <= high:
            return "no gain"
        return "gain" if low > 0 else "loss"

    def less(self, other: "Repeated") -> "Repeated":
        """The differences to another quantity, seed by seed."""
        pairs = zip(self.values, other.values, strict=True)
        return Repeated(values=tuple(mine - theirs for mine, theirs in pairs))

    def entry(self, *, unit: str, definition: str) -> dict[str, Any]:
        """All of it for a file."""
        return {
            "value": self.mean,
            "standard_deviation": self.deviation,
            "interval": list(self.interval),
            "unit": unit,
            "definition": definition,
            "seeds": list(self.values),
        }
