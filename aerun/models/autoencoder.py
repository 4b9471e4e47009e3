"""The module that joins encoder, bottleneck and decoder."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from aerun.draws import Draws
from aerun.features import LEVELS, RAW, UNIT_CODE, UNIT_DATA, Feature, declares
from aerun.models.activations import Activation, activation_module
from aerun.models.outputs import Outputs
from aerun.options import knob_types


def _needs(options: Mapping[str, Any]) -> frozenset[Feature]:
    sigmoid = options.get("output_activation") == "sigmoid"
    return frozenset({UNIT_DATA}) if sigmoid else frozenset()


def _provides(options: Mapping[str, Any]) -> frozenset[Feature]:
    sigmoid = options.get("code_activation") == "sigmoid"
    always = frozenset({RAW, LEVELS})
    return always | {UNIT_CODE} if sigmoid else always


@declares(needs=_needs, provides=_provides)
class Autoencoder(nn.Module):
    """Any encoder, any bottleneck, any decoder."""

    def __init__(
        self,
        *,
        encoder: Any,
        bottleneck: Any,
        decoder: nn.Module,
        prior: Any,
        output_activation: Activation,
    ) -> None:
        """Join the parts.

        Args:
            encoder: [B, *shape] -> (features [B, ...], code [B, ...]), with ``levels``.
            bottleneck: (features, code, draws, *, knobs) -> (latent [B, ...], posterior
                or None).
            decoder: [B, ...] -> raw output [B, *shape], with ``levels``.
            prior: (num_samples, size, draws) -> [num_samples, size] as ``sample``;
                one without it cannot be sampled from.
            output_activation: From raw output to reconstruction.

        Raises:
            BadUse: The prior is not one of codes of this size.
        """
        super().__init__()
        self.encoder: Any = encoder
        self.bottleneck: Any = bottleneck
        self.decoder: Any = decoder
        usual = getattr(bottleneck, "usual_prior", prior)
        self.prior: Any = prior if hasattr(prior, "sample") else usual
        if hasattr(self.prior, "check_size"):
            self.prior.check_size(self.code_size)
        self.output_activation = activation_module(output_activation)
        self.knobs = {k: f"model.bottleneck.{k}" for k in knob_types(bottleneck)}
        """Numbers of the bottleneck that may be schedules, with their full names."""
        limits: Mapping[str, float] = getattr(bottleneck, "limits", {})
        self.limits = {self.knobs[name]: limit for name, limit in limits.items()}
        """The largest sensible values of some of them."""
        self.decodes_code = bool(getattr(bottleneck, "decodes_code", False))
        """Whether the code is what is decoded, not what the encoder gives."""
        self._makes_code = hasattr(bottleneck, "code")
        self.resting: dict[str, float] = {}
        """Their values at the end of training, used where none are given."""

    def forward(
        self,
        x: Tensor,
        draws: Draws | None = None,
        knobs: Mapping[str, Tensor] | None = None,
    ) -> Outputs:
        """Encode and decode.

        Args:
            x: Inputs, possibly corrupted, [B, *shape], scaled units.
            draws: Source of noise; None takes the posterior mean.
            knobs: All numeric knobs, [] each; None takes their final values.

        Returns:
            The pass; ``target`` is left to the objective.
        """
        features, code = self.encoder(x)
        given: Mapping[str, Any] = self.resting if knobs is None else knobs
        latent, posterior = self.bottleneck(features, code, draws, **self._own(given))
        raw = self.decoder(latent)
        return Outputs(
            code=self._coded(code, latent).flatten(1),
            latent=latent.flatten(1),
            posterior=posterior,
            raw=raw,
            recon=self.output_activation(raw),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Codes [B, D] of inputs [B, *shape]; the mean of a posterior."""
        features, code = self.encoder(x)
        latent = code
        if self.decodes_code:
            latent, _ = self.bottleneck(features, code, None, **self._own(self.resting))
        return self._coded(code, latent).flatten(1)

    @property
    def plain_code(self) -> bool:
        """Whether the code is the encoder's output as it is."""
        return not (self.decodes_code or self._makes_code)

    def _coded(self, raw: Tensor, latent: Tensor) -> Tensor:
        """The code, of the encoder's output and what is decoded of it."""
        if self.decodes_code:
            return latent
        return self.bottleneck.code(raw) if self._makes_code else raw

    def _own(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The bottleneck's knobs among all."""
        return {name: given[full] for name, full in self.knobs.items()}

    def decode(self, latent: Tensor) -> Tensor:
        """Reconstructions [B, *shape] of codes [B, D]."""
        raw = self.decoder(latent.unflatten(1, self.code_shape))
        return self.output_activation(raw)

    @property
    def generative(self) -> bool:
        """Whether there is a prior to sample from."""
        return hasattr(self.prior, "sample")

    @property
    def code_shape(self) -> tuple[int, ...]:
        """Of one code: [D], or [C, H, W] where it consists of maps."""
        return tuple(self.encoder.levels[-1].output_shape)

    @property
    def code_size(self) -> int:
        """D, the size of the code."""
        return math.prod(self.code_shape)

    def sample(self, num_samples: int, draws: Draws) -> Tensor:
        """Decoded samples of the prior, [num_samples, *shape].

        Raises:
            TypeError: There is no prior.
        """
        if not self.generative:
            kind = type(self.prior).__name__
            raise TypeError(f"{kind} has no samples; choose model/prior=normal")
        return self.decode(self.prior.sample(num_samples, self.code_size, draws))
