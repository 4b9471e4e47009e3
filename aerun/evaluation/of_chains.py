"""Figures of chains: which classes their steps show, and how long they stay."""

from collections.abc import Iterator

import numpy as np
import torch

from aerun.evaluation.chains import mixing, walk
from aerun.evaluation.entries import Figure, Subject, average, first
from aerun.evaluation.judge import Judge
from aerun.progress import progress_bar

_CHAINS = 10


def chain_classes(
    subject: Subject, judged: Judge, *, num_steps: int, seed: int
) -> np.ndarray | None:
    """Class of each step of chains that start at the first ten test examples.

    Args:
        subject: A model with ``transition``; None is returned for others.
        judged: Tells the classes.
        num_steps: Of each chain.
        seed: Of the noise.

    Returns:
        Indices of the judge's classes, [T, B].
    """
    if not hasattr(subject.model, "transition"):
        return None
    spec, x = subject.data.spec, first(subject.data, _CHAINS)
    labels = []
    with progress_bar(num_steps, unit="step", description="Walking") as bar:
        for means in walk(subject.model, x, num_steps, seed=seed):
            stored = spec.unscaled(means.cpu().double().numpy())
            labels.append(judged.probabilities(stored).argmax(1))
            bar.update(1)
    return np.stack(labels)


def chain_figures(labels: np.ndarray, num_classes: int) -> Iterator[Figure]:
    """How chains move between classes.

    Args:
        labels: Class of each step, [T, B].
        num_classes: That the judge knows.
    """
    found, (steps, chains) = mixing(labels, num_classes), labels.shape
    whose = f"chains of {steps:,} steps from {chains} test examples"
    yield average(
        torch.from_numpy(found.num_visited),
        name="chain/classes",
        unit=f"of {num_classes}",
        definition=f"classes that a chain visits, mean over {whose}",
    )
    if steps > 1:
        rates = (labels[1:] != labels[:-1]).mean(0)
        yield average(
            torch.from_numpy(rates),
            name="chain/change_rate",
            unit="share",
            definition=f"steps to another class, mean over {whose}",
        )
