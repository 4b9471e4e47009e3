"""Dense levels, and the encoder and decoder made of them."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from aerun.models.activations import Activation, activation_module
from aerun.options import Count

Initialization = Literal["default", "glorot", "he"]


class DenseLevel(nn.Module):
    """One dense layer with its activation; alone, or as the transpose of another."""

    def __init__(
        self,
        num_inputs: int,
        num_outputs: int,
        *,
        activation: Activation,
        initialization: Initialization,
        inverse_of: "DenseLevel | None" = None,
    ) -> None:
        """Create the level.

        Args:
            num_inputs: Width of the input.
            num_outputs: Width of the output.
            activation: Applied to each output.
            initialization: "default" is PyTorch's (uniform, 1 / sqrt(fan-in)),
                "glorot" uniform and "he" normal with zero biases.
            inverse_of: A level whose weight this one uses transposed; the matrix is
                one tensor for both, the bias is this level's own.
        """
        super().__init__()
        self.num_inputs, self.num_outputs = num_inputs, num_outputs
        self.initialization = initialization
        self.transposed = inverse_of is not None
        self.weight: nn.Parameter = (
            nn.Parameter(torch.empty(num_outputs, num_inputs))
            if inverse_of is None
            else inverse_of.weight
        )
        self.bias = nn.Parameter(torch.empty(num_outputs))
        self.activation = activation_module(activation)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight anew (unless it is another level's) and the bias."""
        if not self.transposed:
            if self.initialization == "glorot":
                nn.init.xavier_uniform_(self.weight)
            elif self.initialization == "he":
                nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
            else:
                nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.initialization == "default":
            bound = 1 / math.sqrt(self.num_inputs)
            nn.init.uniform_(self.bias, -bound, bound)
        else:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, num_inputs] to [B, num_outputs]."""
        weight = self.weight.t() if self.transposed else self.weight
        return self.activation(functional.linear(x, weight, self.bias))


class DenseEncoder(nn.Module):
    """Dense levels from the flattened input to the code."""

    def __init__(
        self,
        *,
        shape: Sequence[int],
        hidden: list[Count],
        code: Count,
        activation: Activation,
        code_activation: Activation,
        initialization: Initialization,
    ) -> None:
        """Create the levels.

        Args:
            shape: Shape of one input, [C, H, W] or [D]; known from the data.
            hidden: Widths between input and code, outermost first; may be empty.
            code: Size of the code.
            activation: Of the hidden levels.
            code_activation: Of the last level.
            initialization: Of every level.
        """
        super().__init__()
        widths = [math.prod(shape), *hidden, code]
        last = len(widths) - 2
        self.levels = nn.ModuleList(
            DenseLevel(
                widths[i],
                widths[i + 1],
                activation=code_activation if i == last else activation,
                initialization=initialization,
            )
            for i in range(last + 1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map [B, *shape] to the last level's input [B, F] and the code [B, D]."""
        *inner, last = self.levels
        features = x.flatten(1)
        for level in inner:
            features = level(features)
        return features, last(features)


class DenseDecoder(nn.Module):
    """Dense levels from the code back to the input; level l inverts encoder level l."""

    def __init__(
        self,
        *,
        encoder: Any,
        shape: Sequence[int],
        activation: Activation,
        initialization: Initialization,
        tied: bool,
    ) -> None:
        """Create the mirror image of an encoder.

        Args:
            encoder: The encoder to mirror; its ``levels`` are dense.
            shape: Shape of one reconstruction, [C, H, W] or [D].
            activation: Of all levels but the outermost, which stays raw.
            initialization: Of every level.
            tied: Whether each level uses its encoder level's weight transposed.
        """
        super().__init__()
        self.shape = tuple(shape)
        self.levels = nn.ModuleList(
            DenseLevel(
                level.num_outputs,
                level.num_inputs,
                activation="none" if index == 0 else activation,
                initialization=initialization,
                inverse_of=level if tied else None,
            )
            for index, level in enumerate(encoder.levels)
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Map codes [B, D] to raw outputs [B, *shape], before the output activation."""
        hidden = latent
        for level in reversed(self.levels):
            hidden = level(hidden)
        return hidden.unflatten(1, self.shape)
