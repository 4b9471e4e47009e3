"""Regularizers that keep the mean activity of code units low."""

import torch
from torch import Tensor, nn

from aerun.features import UNIT_CODE, declares
from aerun.models.outputs import Outputs
from aerun.options import FractionKnob

_TINY = 1e-6  # a mean of exactly 0 or 1 would cost infinitely much


@declares(needs=frozenset({UNIT_CODE}))
def kl_sparsity(out: Outputs, model: nn.Module, *, rho: FractionKnob) -> Tensor:
    """Penalise code units whose mean activity drifts from ``rho``.

    Each unit's mean over the batch is read as a Bernoulli rate m; the penalty is the
    sum over units of KL(rho || m).

    Args:
        out: Forward pass; reads ``out.code``, in (0, 1), [B, D].
        model: Unused.
        rho: Wanted mean activity, [], typically 0.05.

    Returns:
        Scalar [], nats, >= 0; zero exactly when every mean equals ``rho``.

    References:
        Ng, CS294A lecture notes "Sparse autoencoder" (2011), section 3.
    """
    mean = out.code.mean(0).clamp(_TINY, 1 - _TINY)
    rho = torch.as_tensor(rho, dtype=mean.dtype, device=mean.device)
    active = rho * (rho / mean).log()
    return (active + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()


kl_sparsity.unit = "nats"


def squared_sparsity(out: Outputs, model: nn.Module, *, rho: FractionKnob) -> Tensor:
    """Penalise the squared distance of each unit's mean activity from ``rho``.

    Args:
        out: Forward pass; reads ``out.code``, [B, D].
        model: Unused.
        rho: Wanted mean activity, [].

    Returns:
        Sum over units of (m - rho)^2, [], >= 0. Its gradient fades near ``rho`` and
        stays small far away, which is why the divergence is preferred.
    """
    return (out.code.mean(0) - rho).square().sum()
