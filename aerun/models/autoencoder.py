"""The module that joins encoder, bottleneck and decoder."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from aerun.draws import Draws
from aerun.features import RAW, UNIT_DATA, Feature, declares
from aerun.models.activations import Activation, activation_module
from aerun.models.outputs import Outputs


def _needs(options: Mapping[str, Any]) -> frozenset[Feature]:
    sigmoid = options.get("output_activation") == "sigmoid"
    return frozenset({UNIT_DATA}) if sigmoid else frozenset()


@declares(needs=_needs, provides=frozenset({RAW}))
class Autoencoder(nn.Module):
    """Any encoder, any bottleneck, any decoder."""

    def __init__(
        self,
        *,
        encoder: Any,
        bottleneck: Any,
        decoder: nn.Module,
        output_activation: Activation,
    ) -> None:
        """Join the parts.

        Args:
            encoder: [B, *shape] -> (features [B, F], code [B, D]), with ``levels``.
            bottleneck: (features, code, draws) -> (latent [B, D], posterior or None).
            decoder: [B, D] -> raw output [B, *shape], with ``levels``.
            output_activation: From raw output to reconstruction.
        """
        super().__init__()
        self.encoder: Any = encoder
        self.bottleneck: Any = bottleneck
        self.decoder = decoder
        self.output_activation = activation_module(output_activation)

    def forward(self, x: Tensor, draws: Draws | None = None) -> Outputs:
        """Encode and decode.

        Args:
            x: Inputs, possibly corrupted, [B, *shape], scaled units.
            draws: Source of noise; None takes the posterior mean.

        Returns:
            The pass; ``target`` is left to the objective.
        """
        features, code = self.encoder(x)
        latent, posterior = self.bottleneck(features, code, draws)
        raw = self.decoder(latent)
        return Outputs(
            code=code,
            latent=latent,
            posterior=posterior,
            raw=raw,
            recon=self.output_activation(raw),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Codes [B, D] of inputs [B, *shape]; the mean of a posterior."""
        return self.encoder(x)[1]

    def decode(self, latent: Tensor) -> Tensor:
        """Reconstructions [B, *shape] of codes [B, D]."""
        return self.output_activation(self.decoder(latent))

    @property
    def generative(self) -> bool:
        """Whether the bottleneck has a prior to sample from."""
        return hasattr(self.bottleneck, "prior")

    @property
    def code_size(self) -> int:
        """D, the size of the code."""
        return int(self.encoder.levels[-1].num_outputs)

    def sample(self, num_samples: int, draws: Draws) -> Tensor:
        """Decoded samples of the prior, [num_samples, *shape].

        Raises:
            TypeError: The bottleneck has no prior.
        """
        if not self.generative:
            kind = type(self.bottleneck).__name__
            raise TypeError(f"the bottleneck {kind} has no prior to sample from")
        return self.decode(self.bottleneck.prior(num_samples, self.code_size, draws))
