"""Reconstruction losses, pixel by pixel.

A loss is (out, model, *, knobs) -> [B, ...], one value per element of the target; the
objective alone sums or averages over an example's elements (``loss.reduction``) and
averages over the batch. ``link`` names the output activation whose inverse a loss works
in: such a loss reads ``out.raw``, the decoder's output before that activation. ``unit``
is what a sum over elements is measured in, where it is measured in something.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from aerun.features import RAW, UNIT_TARGET, declares
from aerun.models.outputs import Outputs
from aerun.options import PositiveKnob


def mse(out: Outputs, model: nn.Module) -> Tensor:
    """Squared error.

    Args:
        out: Forward pass; reads ``out.recon`` and ``out.target``, [B, ...].
        model: Unused; every loss takes the same two.

    Returns:
        Squared differences, [B, ...], scaled units squared.
    """
    assert out.target is not None, "only the objective's passes have a target"
    # The same numbers as a difference and its square, in one pass over the pixels.
    return functional.mse_loss(out.recon, out.target, reduction="none")


def l1(out: Outputs, model: nn.Module) -> Tensor:
    """Absolute error, [B, ...], scaled units; its optimum is the median."""
    return out.error.abs()


@declares(needs=frozenset({UNIT_TARGET, RAW}))
def bernoulli(out: Outputs, model: nn.Module) -> Tensor:
    """Negative log-likelihood of a Bernoulli per element, from logits.

    Args:
        out: Forward pass; reads ``out.raw`` (logits) and ``out.target`` in [0, 1].
        model: Unused.

    Returns:
        -t log s(a) - (1 - t) log(1 - s(a)), [B, ...], nats. For grey targets it is a
        cross-entropy with a floor above zero, not a likelihood of the grey values.
    """
    assert out.raw is not None, "a model without raw outputs has no logits"
    assert out.target is not None
    return functional.binary_cross_entropy_with_logits(
        out.raw, out.target, reduction="none"
    )


bernoulli.link = "sigmoid"
bernoulli.unit = "nats"


class Gaussian(nn.Module):
    """Negative log-likelihood of a Gaussian per element, its variance given or learned.

    With ``learned`` one variance for all elements is a parameter that starts at
    ``variance`` (the sigma-VAE of Rybkin et al. 2021); it keeps reconstruction and KL
    in proportion without a weight set by hand.
    """

    unit = "nats"

    def __init__(self, *, learned: bool) -> None:
        """Make the variance a parameter if ``learned``."""
        super().__init__()
        self.log_factor = nn.Parameter(torch.zeros(())) if learned else None

    def forward(
        self, out: Outputs, model: nn.Module, *, variance: PositiveKnob
    ) -> Tensor:
        """The loss of each element.

        Args:
            out: Forward pass; reads ``out.recon`` and ``out.target``, [B, ...].
            model: Unused.
            variance: Variance of an element, [], scaled units squared.

        Returns:
            (x^ - x)^2 / (2 v) + log(2 pi v) / 2, [B, ...], nats.
        """
        log_variance = torch.log(torch.as_tensor(variance, dtype=out.recon.dtype))
        if self.log_factor is not None:
            log_variance = log_variance + self.log_factor
        squared = out.error.square()
        return (squared * torch.exp(-log_variance) + log_variance) / 2 + (
            math.log(2 * math.pi) / 2
        )
