"""Regularizers: what an objective adds to the reconstruction loss.

A term is (out, model, *, knobs) -> [B] (per example) or [] (of a batch or of the
weights). It never applies its own weight; the objective does. One with parameters of
its own is an ``nn.Module`` whose ``forward`` is what the model pays and whose
``opponent_loss`` is what its own update minimises.
"""

import torch
from torch import Tensor, nn

from aerun.features import POSTERIOR, declares
from aerun.models.outputs import Outputs
from aerun.models.priors import prior_of
from aerun.options import NonNegativeKnob


@declares(needs=frozenset({POSTERIOR}))
def kl(out: Outputs, model: nn.Module, *, free_bits: NonNegativeKnob) -> Tensor:
    """Divergence of the posterior q(z|x) from the model's prior.

    Args:
        out: Forward pass; reads ``out.posterior``, a diagonal Gaussian, and its sample.
        model: Its ``prior``; a standard normal where it has none.
        free_bits: Nats that each dimension of each example may use without paying, [];
            where the prior does not factorise, the whole code of each example.

    Returns:
        KL(q || p) summed over the dimensions of the code, [B], nats. Of a Gaussian
        prior it is exact and >= 0, of others estimated with the one sample.

    References:
        Kingma & Welling, "Auto-encoding variational Bayes" (2013), appendix B; Kingma
        et al., "Improved variational inference with inverse autoregressive flow"
        (2016), appendix C.8, for free bits (there of a batch's mean).
    """
    each = kl_per_dimension(out, model)
    free = torch.as_tensor(free_bits, dtype=each.dtype, device=each.device)
    # Without free bits nothing is clamped: an estimate may be negative.
    return torch.where(free > 0, each.maximum(free), each).sum(1)


kl.unit = "nats"


def kl_per_dimension(out: Outputs, model: nn.Module) -> Tensor:
    """The same before the sum: [B, D], nats; [B, 1] where no dimension is by itself."""
    posterior = out.posterior
    assert posterior is not None, "the check refuses kl without a posterior"
    prior = prior_of(model)
    if hasattr(prior, "divergence_per_dimension"):
        each: Tensor = prior.divergence_per_dimension(posterior)
        return each
    whole: Tensor = prior.divergence(posterior, out.latent)
    return whole[:, None]


def l1(out: Outputs, model: nn.Module) -> Tensor:
    """Sum of the code's absolute values, [B]: drives code units to zero."""
    return out.code.abs().sum(1)


def weight_decay(out: Outputs, model: nn.Module) -> Tensor:
    """Half the sum of squared weights, [].

    Biases are left out; a matrix that encoder and decoder share counts once.
    """
    squares = [p.square().sum() for p in model.parameters() if p.dim() > 1]
    return torch.stack(squares).sum() / 2
