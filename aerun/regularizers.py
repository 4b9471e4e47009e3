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


@declares(needs=frozenset({POSTERIOR}))
def kl(out: Outputs, model: nn.Module) -> Tensor:
    """Divergence of the posterior q(z|x) from the standard normal prior.

    Args:
        out: Forward pass; reads ``out.posterior``, a diagonal Gaussian.
        model: Unused.

    Returns:
        KL(q || N(0, I)) summed over the dimensions of the code, [B], nats, >= 0.

    References:
        Kingma & Welling, "Auto-encoding variational Bayes" (2013), appendix B.
    """
    return kl_per_dimension(out).sum(1)


kl.unit = "nats"


def kl_per_dimension(out: Outputs) -> Tensor:
    """The same before the sum: [B, D], nats."""
    posterior = out.posterior
    assert posterior is not None, "the check refuses kl without a posterior"
    mean, log_variance = posterior.mean, posterior.log_variance
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def l1(out: Outputs, model: nn.Module) -> Tensor:
    """Sum of the code's absolute values, [B]: drives code units to zero."""
    return out.code.abs().sum(1)


def weight_decay(out: Outputs, model: nn.Module) -> Tensor:
    """Half the sum of squared weights, [].

    Biases are left out; a matrix that encoder and decoder share counts once.
    """
    squares = [p.square().sum() for p in model.parameters() if p.dim() > 1]
    return torch.stack(squares).sum() / 2
