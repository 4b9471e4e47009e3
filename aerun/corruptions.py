"""Corruptions: what is done to an input before the encoder sees it.

A corruption is a pure function (x, draws, *, knobs) -> x~ of the same shape; the target
of the reconstruction stays the clean x (Vincent et al. 2008).
"""

from torch import Tensor

from aerun.draws import Draws
from aerun.options import NonNegativeKnob


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
