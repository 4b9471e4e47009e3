"""Regularizers that keep the mean activity of code units low."""

import torch
from torch import Tensor, nn

from aerun.features import UNIT_CODE, declares
from aerun.models.outputs import Outputs
from aerun.options import FractionKnob, Momentum
from aerun.ranks import batch_mean
from aerun.running import RunningMean

_TINY = 1e-6  # a mean of exactly 0 or 1 would cost infinitely much


class _Sparsity(nn.Module):
    """A penalty on how far each code unit's mean activity is from ``rho``."""

    wanted_activity = "rho"
    """The knob that says how active a unit should be."""

    def __init__(self, *, code_size: int, momentum: Momentum) -> None:
        """Prepare to average.

        Args:
            code_size: Units of the code, D; known from the model.
            momentum: Of a running mean over batches, for batches too small to tell a
                unit's activity; 0 takes that of each batch alone.
        """
        super().__init__()
        self.code_size = code_size
        self.running = RunningMean(code_size, momentum) if momentum else None

    def activity(self, code: Tensor) -> Tensor:
        """Mean activity of each unit, [D], of codes [B, D].

        A running mean has the value of many batches and the gradient of this one, as
        if all of them were at hand.
        """
        mean = batch_mean(code)
        if self.running is None or not self.training:
            return mean
        self.running.see(mean)
        return mean + (self.running.value - mean).detach()


@declares(needs=frozenset({UNIT_CODE}))
class KLSparsity(_Sparsity):
    """The divergence of each unit's mean activity from ``rho``.

    Each unit's mean is read as a Bernoulli rate m; the penalty is the sum over units of
    KL(rho || m).

    References:
        Ng, CS294A lecture notes "Sparse autoencoder" (2011), section 3.
    """

    unit = "nats"

    def forward(self, out: Outputs, model: nn.Module, *, rho: FractionKnob) -> Tensor:
        """The penalty of a batch.

        Args:
            out: Forward pass; reads ``out.code``, in (0, 1), [B, D].
            model: Unused.
            rho: Wanted mean activity, [], typically 0.05.

        Returns:
            Scalar [], nats, >= 0; zero exactly when every mean equals ``rho``.
        """
        mean = self.activity(out.code).clamp(_TINY, 1 - _TINY)
        rho = torch.as_tensor(rho, dtype=mean.dtype, device=mean.device)
        active = rho * (rho / mean).log()
        return (active + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()


class SquaredSparsity(_Sparsity):
    """The squared distance of each unit's mean activity from ``rho``."""

    def forward(self, out: Outputs, model: nn.Module, *, rho: FractionKnob) -> Tensor:
        """The penalty of a batch.

        Args:
            out: Forward pass; reads ``out.code``, [B, D].
            model: Unused.
            rho: Wanted mean activity, [].

        Returns:
            Sum over units of (m - rho)^2, [], >= 0. Its gradient fades near ``rho`` and
            stays small far away, which is why the divergence is preferred.
        """
        return (self.activity(out.code) - rho).square().sum()
