"""Corruptions: what is done to an input before the encoder sees it.

A corruption is a pure function (x, draws, *, knobs) -> x~ of the same shape; the target
of the reconstruction stays the clean x (Vincent et al. 2008). One that leaves some
elements alone returns (x~, emphasis), the weight of each element's loss.
"""

import torch
from torch import Tensor

from aerun.draws import Draws
from aerun.features import UNIT_DATA, UNIT_INPUT, declares
from aerun.options import NonNegativeKnob, PositiveKnob, ShareKnob


def gaussian(x: Tensor, draws: Draws, *, std: NonNegativeKnob) -> Tensor:
    """Add isotropic Gaussian noise.

    Args:
        x: Clean inputs, [B, ...], scaled units.
        draws: Source of the noise.
        std: Standard deviation of the noise, [], scaled units.

    Returns:
        Corrupted inputs, [B, ...]; not clipped to the data's range.

    References:
        Vincent et al., "Stacked denoising autoencoders" (2010), section 3.3.
    """
    return x + std * draws.ask("normal", *x.shape)


@declares(needs=frozenset({UNIT_INPUT}))
def uniform(x: Tensor, draws: Draws, *, eps: PositiveKnob) -> Tensor:
    """Add noise that changes no element by more than ``eps``, and stay within [0, 1].

    Beside ``adversarial_input`` it tells whether the attack teaches more than noise of
    its size does.

    Args:
        x: Clean inputs in [0, 1], [B, ...].
        draws: Source of the noise.
        eps: Largest change of an element, [].

    Returns:
        Corrupted inputs in [0, 1], [B, ...].
    """
    noise = 2 * draws.ask("uniform", *x.shape) - 1
    return (x + eps * noise).clamp(0, 1)


def masking(
    x: Tensor,
    draws: Draws,
    *,
    probability: ShareKnob,
    corrupted_weight: NonNegativeKnob,
    clean_weight: NonNegativeKnob,
) -> tuple[Tensor, Tensor]:
    """Set each element to 0 with a probability; the others are not rescaled.

    Args:
        x: Clean inputs, [B, ...], scaled units.
        draws: Source of the noise.
        probability: Of an element to be masked, [].
        corrupted_weight: Of the loss of masked elements, [] (Vincent's alpha).
        clean_weight: Of the loss of the others, [] (Vincent's beta).

    Returns:
        Corrupted inputs and the emphasis, [B, ...] each.

    References:
        Vincent et al., "Stacked denoising autoencoders" (2010), sections 3.3 and 4.2.
    """
    masked = draws.ask("uniform", *x.shape) < probability
    return x.masked_fill(masked, 0), _emphasis(masked, corrupted_weight, clean_weight)


@declares(needs=frozenset({UNIT_DATA}))
def salt_pepper(
    x: Tensor,
    draws: Draws,
    *,
    probability: ShareKnob,
    corrupted_weight: NonNegativeKnob,
    clean_weight: NonNegativeKnob,
) -> tuple[Tensor, Tensor]:
    """Set each element with a probability to 0 or 1, by the toss of a coin.

    Args:
        x: Clean inputs in [0, 1], [B, ...].
        draws: Source of the noise.
        probability: Of an element to be replaced, [].
        corrupted_weight: Of the loss of replaced elements, [] (Vincent's alpha).
        clean_weight: Of the loss of the others, [] (Vincent's beta).

    Returns:
        Corrupted inputs and the emphasis, [B, ...] each.

    References:
        Vincent et al., "Stacked denoising autoencoders" (2010), sections 3.3 and 4.2.
    """
    luck = draws.ask("uniform", *x.shape)
    replaced = luck < probability
    # The lower half of the replaced ones becomes pepper: a second toss for free.
    corrupted = torch.where(replaced, (luck * 2 >= probability).to(x), x)
    return corrupted, _emphasis(replaced, corrupted_weight, clean_weight)


def _emphasis(
    touched: Tensor, corrupted_weight: NonNegativeKnob, clean_weight: NonNegativeKnob
) -> Tensor:
    """The weight of each element's loss."""
    corrupted = torch.as_tensor(corrupted_weight)
    return torch.where(touched, corrupted, torch.as_tensor(clean_weight))
