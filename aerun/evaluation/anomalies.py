"""How well a score tells anomalies from normal examples."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class Auroc:
    """Area under the receiver operating characteristic."""

    value: float
    """Probability that an anomaly scores higher than a normal example; ties half."""
    standard_error: float | None
    """None of one example of a kind."""


def auroc(normal: np.ndarray, anomalies: np.ndarray) -> Auroc:
    """Area under the curve of hits against false alarms.

    Args:
        normal: Scores, [N], N >= 1.
        anomalies: Scores, [M], M >= 1.

    References:
        DeLong, DeLong & Clarke-Pearson, "Comparing the areas under two or more
        correlated receiver operating characteristic curves" (1988), for the error.
    """
    # Of each score, the share of the others that it lies above (or below).
    below = _share_below(normal, anomalies)
    above = 1 - _share_below(anomalies, normal)
    error = None
    if min(len(normal), len(anomalies)) > 1:
        variance = below.var(ddof=1) / len(below) + above.var(ddof=1) / len(above)
        error = math.sqrt(variance)
    return Auroc(value=float(below.mean()), standard_error=error)


def _share_below(others: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of others [N] that lie below each score [M], ties half, [M]."""
    ranked = np.sort(others)
    places = np.searchsorted(ranked, scores) + np.searchsorted(ranked, scores, "right")
    shares: np.ndarray = places / (2 * len(others))
    return shares
