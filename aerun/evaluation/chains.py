"""Markov chains: running long ones, and how well they mix."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aerun.data.splits import Split
from aerun.draws import Draws, DryDraws, draw
from aerun.evaluation.moments import Moments

_CHAINS, _STEPS = 20, 200  # of a look at whether chains mix; the first half left out


@torch.no_grad()
def walk(model: Any, x: Tensor, num_steps: int, *, seed: int) -> Iterator[Tensor]:
    """Means of chains, step by step; only the noise of one step is ever held.

    Args:
        model: With ``start(x)`` and ``transition(state, draws)``; left in evaluation.
        x: Where the chains start, [B, *shape].
        num_steps: Of each chain.
        seed: Of the noise, from a generator of its own.

    Yields:
        Means after each step, [B, *shape].
    """
    model.eval()
    generator = torch.Generator(device=x.device).manual_seed(seed)
    state, dry = model.start(x), DryDraws(x)
    model.transition(state, dry)
    for _ in range(num_steps):
        drawn = draw(dry.requests, generator, x.dtype)
        mean, state = model.transition(state, Draws(drawn))
        yield mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Roaming:
    """How far short chains come from where they start."""

    within: float
    """Share of the variance of their steps that lies within chains: near 1 where each
    goes where all others go, 0 where each stays where it is; NaN without variance, and
    of fewer than two chains."""
    variance: float
    """Of all steps together, averaged over elements."""


def roaming(model: Any, split: Split, *, seed: int) -> Roaming | None:
    """Let chains go from test examples, and see whether they stay near them.

    Args:
        model: Is a chain if it has ``transition``; None is returned for others.
        split: The chains start at up to 20 of its examples, spread over it.
        seed: Of the noise.

    References:
        Gelman & Rubin, "Inference from iterative simulation using multiple sequences"
        (1992): the variance within chains against that of all.
    """
    if not hasattr(model, "transition"):
        return None
    places = torch.linspace(0, len(split) - 1, min(_CHAINS, len(split))).long()
    x = split.gather(places.unique().to(split.device))
    everything, each = Moments(), [Moments() for _ in range(len(x))]
    for step, means in enumerate(walk(model, x, _STEPS, seed=seed)):
        if step < _STEPS // 2:
            continue
        flat = means.flatten(1)
        everything.see(flat)
        for moments, row in zip(each, flat.split(1), strict=True):
            moments.see(row)
    total = float(everything.variance.mean())
    inside = float(np.mean([float(moments.variance.mean()) for moments in each]))
    known = total > 0 and len(x) > 1
    return Roaming(within=inside / total if known else float("nan"), variance=total)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixing:
    """How chains move between classes."""

    num_visited: np.ndarray
    """Classes that each chain was ever in, [B]."""
    occupancy: np.ndarray
    """Share of all steps in each class, [C]; sums to 1."""
    stay: np.ndarray
    """Steps in a row in each class on average, [C]; NaN of classes never visited. Stays
    at the ends of a chain are counted as long as they were seen."""
    change_rate: np.ndarray
    """Share of each chain's steps that go to another class, [B]; NaN of one step."""


def mixing(labels: np.ndarray, num_classes: int) -> Mixing:
    """How chains move between the classes that a classifier tells of their steps.

    Args:
        labels: Class of each step, [T] of one chain or [T, B] of several, integers from
            0 to ``num_classes`` - 1.
        num_classes: C.

    Raises:
        ValueError: There is no step, or a label is no class.
    """
    steps = np.asarray(labels)
    steps = steps[:, None] if steps.ndim == 1 else steps
    if steps.size == 0:
        raise ValueError("a chain without steps is in no class")
    if steps.min() < 0 or steps.max() >= num_classes:
        raise ValueError(
            f"labels lie in [{steps.min()}, {steps.max()}]; classes are counted from 0 "
            f"to {num_classes - 1}"
        )
    changes = steps[1:] != steps[:-1]
    arrivals = np.concatenate([steps[0], steps[1:][changes]])
    counts = np.bincount(steps.ravel(), minlength=num_classes)
    stays = np.bincount(arrivals, minlength=num_classes)
    stay = np.full(num_classes, np.nan)
    np.divide(counts, stays, out=stay, where=stays > 0)
    return Mixing(
        num_visited=(steps[:, :, None] == np.arange(num_classes)).any(0).sum(1),
        occupancy=counts / steps.size,
        stay=stay,
        change_rate=changes.mean(0)
        if len(changes)
        else np.full(steps.shape[1], np.nan),
    )
