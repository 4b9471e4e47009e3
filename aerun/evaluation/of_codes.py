"""Figures of codes beside the prior that they are to have."""

import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from aerun.data import Split
from aerun.draws import with_noise_of
from aerun.evaluation.distances import discrepancy
from aerun.evaluation.entries import Figure, Finding, Subject, generator_like
from aerun.evaluation.splits import batches

_COMPARED = 5000  # codes and samples between which distances are taken, at most
_UNIT = "code units"
_LEAST = 4  # rows of which the discrepancy has an error


@torch.no_grad()
def code_figures(subject: Subject, *, seed: int) -> Iterator[Finding]:
    """How far codes of the test part are from the model's prior.

    Args:
        subject: A model with ``prior.sample``; others give a note.
        seed: Of posterior and prior samples.
    """
    model = subject.model
    prior: Any = getattr(model, "prior", None)
    if not hasattr(prior, "sample"):
        yield "No codes beside a prior: the model has none."
        return
    generator = generator_like(subject.like, seed)
    codes, drawn = _codes(subject.data.test, subject, generator)
    whose = "codes drawn from test posteriors" if drawn else "test codes"
    if len(codes) < _LEAST:
        yield f"No codes beside the prior: {len(codes)} test examples are too few."
        return
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(seed))
    some = codes[order[:_COMPARED]]
    samples = with_noise_of(
        generator,
        lambda draws: prior.sample(len(some), codes.shape[1], draws),
        subject.like,
    )
    found = discrepancy(some, samples.cpu())
    yield Figure(
        name="mmd2",
        value=found.squared,
        standard_error=found.standard_error,
        unit="none",
        definition=f"squared maximum mean discrepancy of {len(some):,} {whose} and "
        "as many prior samples, 0 where equal",
    )
    drawn_from = samples.cpu().double()
    yield from _moments(codes, drawn_from, whose)
    training, _ = _codes(subject.data.train, subject, generator)
    whose = whose.replace("test", "training")
    yield _largest_mean("codes/largest_mean/train", training, drawn_from, whose)


def _moments(codes: Tensor, samples: Tensor, whose: str) -> Iterator[Figure]:
    """Mean and standard deviation of each dimension, and where they are furthest off.

    Args:
        codes: [N, D].
        samples: Of the prior, [M, D].
        whose: The codes in words.
    """
    means, stds = codes.mean(0), codes.std(0)
    wanted, spread = samples.mean(0), samples.std(0)

    def figure(name: str, value: Any, definition: str) -> Figure:
        return Figure(name=name, value=value, unit=_UNIT, definition=definition)

    yield _largest_mean("codes/largest_mean", codes, samples, whose)
    small, large = int((stds / spread).argmin()), int((stds / spread).argmax())
    yield figure(
        "codes/smallest_std",
        float(stds[small]),
        f"standard deviation of {whose} in dimension {small}, the smallest beside the "
        f"prior's, {spread[small]:.3g}",
    )
    yield figure(
        "codes/largest_std",
        float(stds[large]),
        f"standard deviation of {whose} in dimension {large}, the largest beside the "
        f"prior's, {spread[large]:.3g}",
    )
    text = "of prior samples in each dimension"
    yield figure("prior/mean", wanted.tolist(), f"mean {text}")
    yield figure("prior/std", spread.tolist(), f"standard deviation {text}")
    yield figure("codes/mean", means.tolist(), f"mean of {whose} in each dimension")
    text = f"standard deviation of {whose} in each dimension"
    yield figure("codes/std", stds.tolist(), text)


def _largest_mean(name: str, codes: Tensor, samples: Tensor, whose: str) -> Figure:
    """Of the dimension where the mean is farthest from that of prior samples."""
    mean, wanted = codes.mean(0), samples.mean(0)
    place = int(((mean - wanted) / samples.std(0)).abs().argmax())
    return Figure(
        name=name,
        value=float(mean[place]),
        standard_error=float(codes[:, place].std()) / len(codes) ** 0.5,
        unit=_UNIT,
        definition=f"mean of {whose} in dimension {place}, where it is farthest from "
        f"the prior's, {wanted[place]:.3g}",
    )


def _codes(
    split: Split, subject: Subject, generator: torch.Generator
) -> tuple[Tensor, bool]:
    """What is decoded of examples, [N, D], and whether posteriors drew it."""
    parts, drawn = [], False
    for x in batches(split):
        out = with_noise_of(generator, functools.partial(subject.model, x), x)
        latent = out.code if out.latent is None else out.latent
        parts.append(latent.flatten(1).cpu().double())
        drawn = out.posterior is not None
    return torch.cat(parts), drawn
