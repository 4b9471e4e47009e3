"""What one forward pass of an autoencoder hands on."""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Posterior:
    """A diagonal Gaussian over codes."""

    mean: Tensor
    """[B, D]."""
    log_variance: Tensor
    """[B, D], log of the variance (not of the standard deviation)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """A forward pass; ``recon`` and ``code`` are always there."""

    code: Tensor
    """[B, D]: the deterministic code; a posterior's mean where there is one."""
    recon: Tensor
    """[B, *shape]: the reconstruction, scaled units."""
    latent: Tensor | None = None
    """[B, D]: what was decoded; a sample where the bottleneck is random."""
    raw: Tensor | None = None
    """[B, *shape]: the decoder's output before the output activation."""
    posterior: Posterior | None = None
    """The distribution over codes, of bottlenecks that have one."""
    target: Tensor | None = None
    """[B, *shape]: the clean input; set by the objective."""
    seen: Tensor | None = None
    """[B, *shape]: what the encoder was given; set by the objective."""
    walk: tuple[tuple[Tensor, Tensor], ...] = ()
    """(raw, recon), [B, *shape] each, of earlier steps of models that take several; the
    last step is ``raw`` and ``recon``. The objective pays for every step."""

    def to(self, dtype: torch.dtype) -> "Outputs":
        """The same pass in another floating-point type."""
        changes: dict[str, Any] = {
            field.name: value.to(dtype)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        if self.posterior is not None:
            changes["posterior"] = Posterior(
                mean=self.posterior.mean.to(dtype),
                log_variance=self.posterior.log_variance.to(dtype),
            )
        changes["walk"] = tuple(
            (raw.to(dtype), recon.to(dtype)) for raw, recon in self.walk
        )
        return replace(self, **changes)

    @property
    def error(self) -> Tensor:
        """Reconstruction minus target, [B, *shape]."""
        assert self.target is not None, "only the objective's passes have a target"
        return self.recon - self.target
