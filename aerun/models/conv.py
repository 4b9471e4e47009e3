"""Convolutional levels of exact sizes, and the encoder made of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from aerun.features import IMAGES, MAPS, Feature, declares
from aerun.models.activations import Activation, activation_module
from aerun.models.dense import DenseLevel
from aerun.models.levels import Encoder, Initialization
from aerun.models.weights import draw_bias, draw_weight
from aerun.options import Count, OddCount

Downsampling = Literal["stride", "pool", "none"]

_FACTOR = 2  # by which a level makes height and width smaller


class ConvLevel(nn.Module):
    """One convolution with its activation that halves height and width, or keeps them.

    Edges are padded with zeros so that a level without downsampling keeps the size; odd
    sizes are rounded up. The inverse gives exactly the input's size.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        channels: int,
        *,
        kernel: int,
        downsampling: Downsampling,
        activation: Activation,
        initialization: Initialization,
    ) -> None:
        """Create the level.

        Args:
            input_shape: [C, H, W] of one input.
            channels: Of the output.
            kernel: Height and width of the kernel, odd.
            downsampling: A stride of 2, max-pooling over 2x2 pixels, or none.
            activation: Applied before pooling.
            initialization: See ``aerun.models.weights``.
        """
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.kernel, self.downsampling = kernel, downsampling
        self.initialization = initialization
        self.stride = _FACTOR if downsampling == "stride" else 1
        height, width = self.input_shape[1:]
        factor = 1 if downsampling == "none" else _FACTOR
        self.output_shape = (channels, -(-height // factor), -(-width // factor))
        self.num_outputs = math.prod(self.output_shape)
        shape = (channels, self.input_shape[0], kernel, kernel)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(channels))
        self.activation = activation_module(activation)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        draw_weight(self.weight, self.initialization)
        draw_bias(self.bias, self.weight[0].numel(), self.initialization)

    def inverse(
        self, *, activation: Activation, initialization: Initialization, tied: bool
    ) -> "TransposedConvLevel":
        """A transposed convolution back to the input's size."""
        return TransposedConvLevel(
            self, activation=activation, initialization=initialization, tied=tied
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, *input_shape] to [B, *output_shape]."""
        maps = functional.conv2d(
            x, self.weight, self.bias, stride=self.stride, padding=self.kernel // 2
        )
        maps = self.activation(maps)
        if self.downsampling == "pool":
            maps = functional.max_pool2d(maps, _FACTOR, ceil_mode=True)
        return maps


class TransposedConvLevel(nn.Module):
    """Back from the outputs of a convolutional level to the size of its inputs."""

    def __init__(
        self,
        level: ConvLevel,
        *,
        activation: Activation,
        initialization: Initialization,
        tied: bool,
    ) -> None:
        """Mirror a level.

        Args:
            level: The level to invert.
            activation: Applied to the result.
            initialization: See ``aerun.models.weights``.
            tied: Whether to use the level's kernels, one tensor for both.
        """
        super().__init__()
        self.input_shape, self.output_shape = level.output_shape, level.input_shape
        self.kernel, self.stride = level.kernel, level.stride
        self.pooled = level.downsampling == "pool"
        self.initialization, self.tied = initialization, tied
        self.weight: nn.Parameter = (
            level.weight if tied else nn.Parameter(torch.empty_like(level.weight))
        )
        self.bias = nn.Parameter(torch.empty(self.output_shape[0]))
        self.activation = activation_module(activation)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight anew (unless it is the level's) and the bias."""
        fan_in = self.weight.shape[0] * self.kernel**2
        if not self.tied:
            # Seen from here, inputs and outputs have changed places.
            draw_weight(self.weight.transpose(0, 1), self.initialization)
        draw_bias(self.bias, fan_in, self.initialization)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, *input_shape] to [B, *output_shape]."""
        size = list(self.output_shape[1:])
        if self.pooled:
            x = functional.interpolate(x, size=size, mode="nearest")
        padding = self.kernel // 2
        rest = [
            wanted - ((have - 1) * self.stride - 2 * padding + self.kernel)
            for wanted, have in zip(size, x.shape[2:], strict=True)
        ]
        maps = functional.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=padding,
            output_padding=rest,
        )
        return self.activation(maps)


def _maps(options: Mapping[str, Any]) -> frozenset[Feature]:
    return frozenset() if options["dense_code"] else frozenset({MAPS})


@declares(needs=frozenset({IMAGES}), provides=_maps)
class ConvEncoder(Encoder):
    """Convolutional levels, and a dense one to the code where that is wanted."""

    def __init__(
        self,
        *,
        shape: Sequence[int],
        hidden: list[Count],
        code: Count,
        kernel: OddCount,
        downsampling: Downsampling,
        dense_code: bool,
        activation: Activation,
        code_activation: Activation,
        initialization: Initialization,
    ) -> None:
        """Create the levels.

        Args:
            shape: [C, H, W] of one input; known from the data.
            hidden: Channels between input and code, outermost first.
            code: Size of the code, or its number of maps without ``dense_code``.
            kernel: Height and width of kernels, odd.
            downsampling: How each convolutional level halves height and width.
            dense_code: Whether the last level is dense; else the code are maps.
            activation: Of the hidden levels.
            code_activation: Of the last level.
            initialization: Of every level.
        """
        channels = hidden if dense_code else [*hidden, code]
        levels: list[nn.Module] = []
        here = tuple(shape)
        for index, wanted in enumerate(channels):
            last = not dense_code and index == len(channels) - 1
            level = ConvLevel(
                here,
                wanted,
                kernel=kernel,
                downsampling=downsampling,
                activation=code_activation if last else activation,
                initialization=initialization,
            )
            levels.append(level)
            here = level.output_shape
        if dense_code:
            levels.append(
                DenseLevel(
                    here,
                    (code,),
                    activation=code_activation,
                    initialization=initialization,
                )
            )
        super().__init__(levels)
