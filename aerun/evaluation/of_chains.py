"""Figures of chains: which classes their steps show, and how long they stay."""

from collections.abc import Iterator

import numpy as np
import torch

from aerun.evaluation.chains import mixing, walk
from aerun.evaluation.entries import Finding, Subject, average, first
from aerun.evaluation.judge import Judge
from aerun.progress import progress_bar

_CHAINS = 10


def walked_classes(
    subject: Subject, judged: Judge | None, *, num_steps: int, seed: int
) -> np.ndarray | None:
    """Class of each step of chains that start at the first ten test examples.

    Args:
        subject: A model with ``transition``; None is returned for others.
        judged: Tells the classes; None is returned where there is no judge.
        num_steps: Of each chain.
        seed: Of the noise.

    Returns:
        Indices of the judge's classes, [T, B].
    """
    if judged is None or not hasattr(subject.model, "transition"):
        return None
    spec, x = subject.grey.spec, first(subject.data, _CHAINS)
    labels = []
    with progress_bar(num_steps, unit="step", description="Walking") as bar:
        for means in walk(subject.model, x, num_steps, seed=seed):
            stored = spec.unscaled(means.cpu().double().numpy())
            labels.append(judged.probabilities(stored).argmax(1))
            bar.update(1)
    return np.stack(labels)


def chain_figures(
    subject: Subject, judged: Judge | None, labels: np.ndarray | None
) -> Iterator[Finding]:
    """How chains move between classes.

    Args:
        subject: A model with ``transition``; of others nothing is said.
        judged: Of data with classes; without, a note.
        labels: Class of each step, [T, B], as ``walked_classes`` found them.
    """
    if not hasattr(subject.model, "transition"):
        return
    if judged is None or labels is None:
        yield "No classes of the chain's steps: the data have no labels."
        return
    num_classes, (steps, chains) = len(judged.labels), labels.shape
    found = mixing(labels, num_classes)
    whose = f"chains of {steps:,} steps from {chains} test examples"
    yield average(
        torch.from_numpy(found.num_visited),
        name="chain/classes",
        unit=f"of {num_classes}",
        definition=f"classes that a chain visits, mean over {whose}",
    )
    if steps > 1:
        yield average(
            torch.from_numpy(found.change_rate),
            name="chain/change_rate",
            unit="share",
            definition=f"steps to another class, mean over {whose}",
        )
