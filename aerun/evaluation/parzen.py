"""Log-likelihoods of a Parzen window around samples."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aerun.evaluation.distances import squared_distances
from aerun.evaluation.likelihood import standard_error

SIGMAS = tuple(float(sigma) for sigma in torch.logspace(-1, 0, 10, dtype=torch.double))
"""Widths to choose from, in units of the data: 0.1 to 1."""

_BLOCK = 1000  # rows and centres compared at once


@dataclass(frozen=True, kw_only=True, slots=True)
class ParzenEstimate:
    """Log-likelihood of test examples under a mixture of Gaussians."""

    mean: float
    """Average over examples, nats per example."""
    standard_error: float
    """Of ``mean``, nats."""
    sigma: float
    """Standard deviation of each Gaussian, units of the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParzenAnchors:
    """What the procedure gives for centres that no model made."""

    train_images: ParzenEstimate
    """For images of the training part: not a bound, models that blur go beyond."""
    gaussian: ParzenEstimate
    """For samples of a Gaussian with the mean and covariance of the training part.

    Clipped to the range of the training part, as a decoder's outputs are; without that
    they score far lower.
    """


def parzen(
    centres: Tensor,
    validation: Tensor,
    test: Tensor,
    *,
    sigmas: Sequence[float] = SIGMAS,
    tick: Callable[[int], None] | None = None,
) -> ParzenEstimate:
    """Parzen window estimate of a model's log-likelihood.

    Each centre carries a Gaussian, of the width of ``sigmas`` under which the
    validation examples are likeliest. High values do not show good samples: smooth ones
    score above real images (see ``parzen_anchors``).

    Args:
        centres: Decoded samples of the model (means, without pixel noise), [M, D].
        validation: Examples that are neither centres nor test examples, [V, D].
        test: [N, D], of the same units and not binarised.
        sigmas: Widths to choose from, in units of the data.
        tick: Told after each block how many of the V + N examples it took.

    References:
        Goodfellow et al., "Generative adversarial nets" (2014), section 5; Theis, van
        den Oord & Bethge, "A note on the evaluation of generative models" (2015).
    """
    tried = log_densities(validation, centres, sigmas=sigmas, tick=tick).mean(1)
    sigma = sigmas[int(tried.argmax())]
    (values,) = log_densities(test, centres, sigmas=[sigma], tick=tick)
    return ParzenEstimate(
        mean=float(values.mean()),
        standard_error=float(standard_error(values)),
        sigma=sigma,
    )


@torch.no_grad()
def log_densities(
    rows: Tensor,
    centres: Tensor,
    *,
    sigmas: Sequence[float],
    tick: Callable[[int], None] | None = None,
) -> Tensor:
    """Log 1/M sum_j N(x; c_j, sigma^2 I) of rows [N, D] for each sigma, [S, N], nats.

    In double precision, which the device of the rows must have: distances between
    close images would lose all digits.

    Args:
        rows: x, [N, D].
        centres: c, [M, D].
        sigmas: S widths, in units of the data.
        tick: Told after each block how many rows it took.
    """
    size = centres.shape[1]
    found = []
    for some in rows.split(_BLOCK):
        sums = some.new_full((len(sigmas), len(some)), -math.inf, dtype=torch.double)
        for block in centres.split(_BLOCK):
            squares = squared_distances(some.double(), block.double())
            for row, sigma in zip(sums, sigmas, strict=True):
                own = (squares / (-2 * sigma**2)).logsumexp(1)
                row.copy_(torch.logaddexp(row, own))
        found.append(sums)
        if tick is not None:
            tick(len(some))
    scales = [size * math.log(sigma * math.sqrt(2 * math.pi)) for sigma in sigmas]
    norms = torch.tensor(scales, dtype=torch.double) + math.log(len(centres))
    return torch.cat(found, 1).cpu() - norms[:, None]


def parzen_anchors(
    train: Tensor,
    validation: Tensor,
    test: Tensor,
    *,
    num_centres: int = 10_000,
    seed: int,
    sigmas: Sequence[float] = SIGMAS,
    tick: Callable[[int], None] | None = None,
) -> ParzenAnchors:
    """The same estimate for centres that say nothing of a model.

    Args:
        train: [T, D]; without the validation examples, else sigma comes out too small.
        validation: As for ``parzen``.
        test: Likewise.
        num_centres: Of each kind; as many images as there are at most.
        seed: Of the choice of images and of the Gaussian's samples.
        sigmas: As for ``parzen``.
        tick: Told after each block how many of twice the V + N examples it took.
    """
    generator = torch.Generator(device=train.device).manual_seed(seed)
    order = torch.randperm(len(train), generator=generator, device=train.device)
    images = train[order[:num_centres]]
    samples = gaussian_samples(train, num_centres, generator)
    samples = samples.clamp(train.min(), train.max())
    of_images, of_gaussian = (
        parzen(centres, validation, test, sigmas=sigmas, tick=tick)
        for centres in (images, samples)
    )
    return ParzenAnchors(train_images=of_images, gaussian=of_gaussian)


@torch.no_grad()
def gaussian_samples(rows: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Samples of a Gaussian with the mean and covariance of rows [N, D].

    Returns:
        [number, D], in double precision, beyond the range of the rows too.
    """
    rows = rows.double()
    values, vectors = torch.linalg.eigh(torch.cov(rows.T))
    noise = torch.randn(
        (number, rows.shape[1]),
        generator=generator, device=rows.device, dtype=rows.dtype,
    )  # fmt: skip
    return rows.mean(0) + (noise * values.clamp(min=0).sqrt()) @ vectors.T
