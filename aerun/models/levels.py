"""Stacks of levels: an encoder, and the decoder whose level l inverts its level l.

A level maps [B, *input_shape] to [B, *output_shape], knows how to make its own inverse,
and draws its weights itself. Tying, freezing, layer-by-layer training and filters are
all statements about levels.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from aerun.models.activations import Activation

Initialization = Literal["default", "glorot", "he"]


class Level(Protocol):
    """What a stack asks of its levels; modules all of them."""

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    weight: nn.Parameter
    activation: nn.Module

    def reset_parameters(self) -> None:
        """Draw the weights anew; those of another level are left alone."""

    def inverse(
        self, *, activation: Activation, initialization: Initialization, tied: bool
    ) -> nn.Module:
        """A level that maps [B, *output_shape] back to [B, *input_shape]."""


class Encoder(nn.Module):
    """Levels from the input to the code."""

    def __init__(self, levels: Sequence[nn.Module]) -> None:
        """Stack levels, the outermost first."""
        super().__init__()
        self.levels: Any = nn.ModuleList(levels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map [B, *shape] to the last level's input [B, ...] and the code [B, ...]."""
        *inner, last = self.levels
        features = x
        for level in inner:
            features = level(features)
        return features, last(features)


class Backward(nn.Module):
    """Levels from the code back to the input; level l inverts encoder level l."""

    def __init__(self, levels: Sequence[nn.Module]) -> None:
        """Stack levels, the outermost first as in the encoder."""
        super().__init__()
        self.levels: Any = nn.ModuleList(levels)

    def forward(self, latent: Tensor) -> Tensor:
        """Map codes [B, ...] to raw outputs [B, *shape], not activated yet."""
        hidden = latent
        for level in reversed([*self.levels]):  # of the list itself it takes longer
            hidden = level(hidden)
        return hidden


class Decoder(Backward):
    """The mirror image of an encoder."""

    def __init__(
        self,
        *,
        encoder: Any,
        activation: Activation,
        initialization: Initialization,
        tied: bool,
    ) -> None:
        """Create the mirror image of an encoder.

        Args:
            encoder: The encoder to mirror, with ``levels``.
            activation: Of all levels but the outermost, which stays raw.
            initialization: Of every level.
            tied: Whether each level uses its encoder level's weight transposed.
        """
        super().__init__(
            [
                level.inverse(
                    activation="none" if index == 0 else activation,
                    initialization=initialization,
                    tied=tied,
                )
                for index, level in enumerate(encoder.levels)
            ]
        )
