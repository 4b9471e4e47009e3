"""Figures of the classes that a judge tells of samples or examples."""

import math
from collections.abc import Iterator

import numpy as np

from aerun.evaluation.entries import Figure
from aerun.evaluation.judge import SURE, ClassFigures, class_figures


def class_entries(
    prefix: str, probabilities: np.ndarray, whose: str
) -> Iterator[Figure]:
    """Coverage, entropy and confidence of examples as a judge sees them.

    Args:
        prefix: Of the figures' names.
        probabilities: Of each class, [N, C].
        whose: The examples in words.
    """
    found: ClassFigures = class_figures(probabilities)
    classes = probabilities.shape[1]
    yield Figure(
        name=f"{prefix}/classes",
        value=found.num_classes,
        unit=f"of {classes}",
        definition=f"classes that at least one of {whose} most resembles",
    )
    yield Figure(
        name=f"{prefix}/class_entropy",
        value=found.entropy,
        standard_error=entropy_error(probabilities, found.entropy),
        unit="nats",
        definition=f"entropy of the classes of {whose}, at most "
        f"{math.log(classes):.4g}",
    )
    yield Figure(
        name=f"{prefix}/sure",
        value=found.share_sure,
        standard_error=found.share_sure_error,
        unit="share",
        definition=f"of {whose}, those of which the judge is at least {SURE:.0%} sure",
    )


def entropy_error(probabilities: np.ndarray, entropy: float) -> float:
    """Standard error of the entropy of a histogram, by the delta method, nats."""
    counts = np.bincount(probabilities.argmax(1))
    shares = counts[counts > 0] / len(probabilities)
    variance = float((shares * np.log(shares) ** 2).sum()) - entropy**2
    return math.sqrt(max(0.0, variance) / len(probabilities))
