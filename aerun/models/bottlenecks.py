"""Bottlenecks: what happens to a code between encoder and decoder."""

import copy
from typing import Any

from torch import Tensor, nn

from aerun.draws import Draws
from aerun.features import POSTERIOR, declares
from aerun.models.outputs import Posterior


class Plain(nn.Module):
    """The code is decoded as it is."""

    def forward(
        self, features: Tensor, code: Tensor, draws: Draws | None
    ) -> tuple[Tensor, None]:
        """The code [B, D] itself, and no posterior."""
        return code, None


@declares(provides=frozenset({POSTERIOR}))
class Gaussian(nn.Module):
    """The code is the mean of a diagonal Gaussian, from which a sample is decoded.

    The encoder's last level gives the mean; a second level of the same kind and on the
    same features gives the log variance (Kingma & Welling 2013). Encoder, tying and
    levels are therefore those of a plain autoencoder.
    """

    def __init__(self, *, encoder: Any) -> None:
        """Copy the encoder's last level, with weights of its own and no activation."""
        super().__init__()
        self.log_variance: Any = copy.deepcopy(encoder.levels[-1])
        self.log_variance.activation = nn.Identity()
        self.log_variance.reset_parameters()

    def forward(
        self, features: Tensor, code: Tensor, draws: Draws | None
    ) -> tuple[Tensor, Posterior]:
        """Sample by reparameterisation.

        Args:
            features: Input of the encoder's last level, [B, F].
            code: Its output, the posterior mean, [B, D].
            draws: Source of the noise; None decodes the mean.

        Returns:
            What to decode, [B, D], and the posterior.
        """
        log_variance = self.log_variance(features)
        posterior = Posterior(mean=code, log_variance=log_variance)
        if draws is None:
            return code, posterior
        noise = draws.ask("normal", *code.shape)
        return code + noise * (log_variance / 2).exp(), posterior

    def prior(self, num_samples: int, size: int, draws: Draws) -> Tensor:
        """Samples of the prior N(0, I), [num_samples, size]."""
        return draws.ask("normal", num_samples, size)
