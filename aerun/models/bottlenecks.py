"""Bottlenecks: what happens to a code between encoder and decoder."""

import copy
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from aerun.draws import Draws
from aerun.features import MAPS, POSTERIOR, PRIOR, Feature, declares
from aerun.models.outputs import Posterior
from aerun.models.priors import STANDARD
from aerun.options import LARGEST, Fraction, Knob, Momentum, Range
from aerun.running import RunningMean


class Plain(nn.Module):
    """The code is decoded as it is."""

    def forward(
        self, features: Tensor, code: Tensor, draws: Draws | None
    ) -> tuple[Tensor, None]:
        """The code [B, ...] itself, and no posterior."""
        return code, None


@declares(provides=frozenset({POSTERIOR, PRIOR}))
class Gaussian(nn.Module):
    """The code is the mean of a diagonal Gaussian, from which a sample is decoded.

    The encoder's last level gives the mean; a second level of the same kind and on the
    same features gives the log variance (Kingma & Welling 2013). Encoder, tying and
    levels are therefore those of a plain autoencoder.
    """

    usual_prior = STANDARD
    """Of a model that names none: what the KL term then compares with."""

    def __init__(self, *, encoder: Any, gives: Literal["variance", "std"]) -> None:
        """Copy the encoder's last level, with weights of its own and no activation.

        Args:
            encoder: Whose last level gives the mean.
            gives: The logarithm of what the second level gives.
        """
        super().__init__()
        self.factor = 2 if gives == "std" else 1
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
        log_variance = self.factor * self.log_variance(features)
        posterior = Posterior(
            mean=code.flatten(1), log_variance=log_variance.flatten(1)
        )
        if draws is None:
            return code, posterior
        noise = draws.ask("normal", *code.shape)
        return code + noise * (log_variance / 2).exp(), posterior


class TopK(nn.Module):
    """Of each example the largest code units are kept, the others set to zero."""

    decodes_code = True
    """What is decoded is also the code, which ``encode`` gives."""

    def __init__(self, *, encoder: Any) -> None:
        """Learn from the encoder's last level how many units there are."""
        super().__init__()
        self.limits = {"k": math.prod(encoder.levels[-1].output_shape)}
        """The largest sensible values of knobs."""

    def forward(
        self,
        features: Tensor,
        code: Tensor,
        draws: Draws | None,
        *,
        k: Annotated[Knob, Range(1)],
    ) -> tuple[Tensor, None]:
        """Keep the k largest; gradients flow through these alone.

        Args:
            features: Unused.
            code: [B, ...].
            draws: Unused.
            k: How many, [], rounded down; of equal values the first ones are kept.

        Returns:
            What to decode, [B, ...], and no posterior.

        References:
            Makhzani & Frey, "k-sparse autoencoders" (2013), section 2.1.
        """
        return keep_largest(code.flatten(1), k).view_as(code), None


def _spatial(options: Mapping[str, Any]) -> frozenset[Feature]:
    return frozenset({MAPS}) if options["spatial"] else frozenset()


@declares(needs=_spatial)
class Lifetime(nn.Module):
    """Of each code unit the largest activations of a batch are kept.

    With ``spatial`` only the largest value of each map survives first. A single example
    has no batch: outside training a unit is kept where it reaches the running mean of
    its smallest kept activation, so that about the same share is. Winners are
    rectified, and learn also where that makes them zero: no unit is ever without a
    gradient. The code itself, which ``encode`` gives, is rectified and whole, as the
    paper's features are.

    References:
        Makhzani & Frey, "Winner-take-all autoencoders" (2015), sections 2 and 3.
    """

    def __init__(
        self, *, encoder: Any, share: Fraction, spatial: bool, momentum: Momentum
    ) -> None:
        """Prepare to count.

        Args:
            encoder: Its last level gives the shape of the code.
            share: Of the examples of a batch in which a unit is kept.
            spatial: Whether only the largest value of each map is kept; units are then
                the maps.
            momentum: Of the running mean of thresholds.
        """
        super().__init__()
        self.share, self.spatial = share, spatial
        shape = encoder.levels[-1].output_shape
        units = shape[0] if spatial else math.prod(shape)
        self.threshold = RunningMean(units, momentum)

    whole_batches = True
    """Ranks the examples of a batch, of which several processes have only parts."""

    def code(self, raw: Tensor) -> Tensor:
        """What ``encode`` gives of the encoder's output [B, ...]."""
        return raw.relu()

    @staticmethod
    def smallest_batch(options: Mapping[str, Any]) -> int:
        """The smallest batch of which the share is at least one example."""
        return math.ceil(min(1 / options["share"], LARGEST))

    def forward(
        self, features: Tensor, code: Tensor, draws: Draws | None
    ) -> tuple[Tensor, None]:
        """Keep the winners; gradients flow through these alone.

        Args:
            features: Unused.
            code: [B, D], or maps [B, C, H, W], not rectified.
            draws: Unused.

        Returns:
            What to decode, of the same shape, and no posterior.
        """
        kept = largest_of_each_map(code) if self.spatial else code
        units = code.amax((2, 3)) if self.spatial else kept.flatten(1)
        if self.training:
            number = max(1, round(self.share * len(units)))
            threshold = units.topk(number, dim=0).values[-1]
            self.threshold.see(threshold)
        else:
            threshold = self.threshold.value
        winners = (units >= threshold).to(code).detach()
        shape = (*winners.shape, 1, 1) if self.spatial else code.shape
        rectified = kept + (kept.relu() - kept).detach()
        return rectified * winners.reshape(shape), None


def keep_largest(rows: Tensor, k: Any) -> Tensor:
    """Values [B, D] with all but the k largest of each row set to zero.

    By a threshold, so that k may be a tensor, and differ between jobs trained together.
    """
    values, k = rows.detach(), torch.as_tensor(k, device=rows.device)
    place = (values.shape[1] - k).clamp(min=0).long()
    smallest = values.sort(dim=1).values.gather(1, place.expand(values.shape[0], 1))
    above, level = values > smallest, values == smallest
    left = k - above.sum(1, keepdim=True)
    return rows * (above | (level & (level.cumsum(1) <= left))).to(rows)


def largest_of_each_map(maps: Tensor) -> Tensor:
    """Maps [B, C, H, W] with all but the largest value of each set to zero."""
    flat = maps.flatten(2)
    place = flat.detach().argmax(dim=2, keepdim=True)
    here = torch.arange(flat.shape[2], device=flat.device)
    return (flat * (here == place).to(flat)).view_as(maps)
