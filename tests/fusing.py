"""Trainings that take turns in this process, beside the same ones alone."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from making import make

from aerun.build import Built
from aerun.sweeps.together import together

QUICK = ("dataset.limit=150", "trainer.epochs=1")


def built(*request: str, number: int = 3) -> list[Built]:
    """Jobs of a request that differ in seed and learning rate."""
    rates = [f"trainer.lr={0.001 * (i + 1)}" for i in range(number)]
    return [make(*QUICK, f"seed={i}", rates[i], *request)[1] for i in range(number)]


def trained_alone(jobs: Sequence[Built]) -> None:
    """Train each to its end, one after another."""
    for job in jobs:
        list(job.training)


def trained_together(jobs: Sequence[Built]) -> None:
    """Train all to their ends, in turns."""
    together([partial(list, job.training) for job in jobs])


def weights(job: Built) -> dict[str, torch.Tensor]:
    """Parameters and buffers, by name."""
    objective = job.objective
    return dict((*objective.named_parameters(), *objective.named_buffers()))


def furthest(one: Sequence[Built], other: Sequence[Built]) -> float:
    """The largest difference of weights, relative to the largest of their tensor."""
    return max(
        float((a - b).abs().max() / a.abs().max().clamp(min=1e-30))
        for a, b in _pairs(one, other)
    )


def the_same(one: Sequence[Built], other: Sequence[Built]) -> bool:
    """Whether all weights are equal, bit for bit; of the jobs that both have."""
    return all(torch.equal(a, b) for a, b in _pairs(one, other))


def _pairs(one: Sequence[Built], other: Sequence[Built]) -> Iterator[Any]:
    for a, b in zip(one, other, strict=False):
        theirs = weights(b)
        yield from (
            (tensor.detach(), theirs[n].detach()) for n, tensor in weights(a).items()
        )
