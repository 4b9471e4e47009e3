"""Dense levels, and the encoder made of them."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aerun.models.activations import Activation, activation_module
from aerun.models.levels import Encoder, Initialization
from aerun.models.weights import draw_bias, draw_weight
from aerun.options import Count
from aerun.ranks import batch_mean
from aerun.running import RunningMean, remembers

_SLOW = 0.999  # momentum of the mean of inputs: of about a thousand batches


class DenseLevel(nn.Module):
    """One dense layer with its activation; alone, or as the transpose of another."""

    def __init__(
        self,
        input_shape: Sequence[int],
        output_shape: Sequence[int],
        *,
        activation: Activation,
        initialization: Initialization,
        inverse_of: "DenseLevel | None" = None,
        centred: bool = False,
    ) -> None:
        """Create the level.

        Args:
            input_shape: Of one input; flattened.
            output_shape: Of one output.
            activation: Applied to each output.
            initialization: See ``aerun.models.weights``.
            inverse_of: A level whose weight this one uses transposed; the matrix is
                one tensor for both, the bias is this level's own.
            centred: Whether inputs have the mean of those seen in training taken away.
        """
        super().__init__()
        self.input_shape, self.output_shape = tuple(input_shape), tuple(output_shape)
        self.initialization = initialization
        self.transposed = inverse_of is not None
        width, self.num_outputs = math.prod(input_shape), math.prod(output_shape)
        self.weight: nn.Parameter = (
            nn.Parameter(torch.empty(self.num_outputs, width))
            if inverse_of is None
            else inverse_of.weight
        )
        self.bias = nn.Parameter(torch.empty(self.num_outputs))
        self.activation = activation_module(activation)
        self.centre = RunningMean(width, _SLOW) if centred else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight anew (unless it is another level's) and the bias."""
        if not self.transposed:
            draw_weight(self.weight, self.initialization)
        draw_bias(self.bias, math.prod(self.input_shape), self.initialization)

    def inverse(
        self, *, activation: Activation, initialization: Initialization, tied: bool
    ) -> "DenseLevel":
        """A dense level back from the outputs to the inputs."""
        return DenseLevel(
            self.output_shape,
            self.input_shape,
            activation=activation,
            initialization=initialization,
            inverse_of=self if tied else None,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, *input_shape] to [B, *output_shape]."""
        # Out of the dictionaries: a module that is asked for each takes microseconds.
        own: dict[str, Any] = self._parameters
        activation: Any = self._modules["activation"]
        if len(own) < 2:  # pruned: what was a parameter is computed from others
            own = {"weight": self.weight, "bias": self.bias}
        weight = own["weight"]
        if self.transposed:
            weight = weight.t()
        inputs = x if x.dim() == 2 else x.flatten(1)
        if self.centre is not None:
            if self.training and remembers():
                self.centre.see(batch_mean(inputs.detach()))
            # A copy: the next batch moves the mean, this one's gradient needs it.
            inputs = inputs - self.centre.value.clone()
        outputs = functional.linear(inputs, weight, own["bias"])
        if type(activation) is not nn.Identity:
            outputs = activation(outputs)
        flat = len(self.output_shape) == 1  # a view costs a little, there and back
        return outputs if flat else outputs.unflatten(1, self.output_shape)


class DenseEncoder(Encoder):
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
        centred: bool,
    ) -> None:
        """Create the levels.

        Args:
            shape: Shape of one input, [C, H, W] or [D]; known from the data.
            hidden: Widths between input and code, outermost first; may be empty.
            code: Size of the code.
            activation: Of the hidden levels.
            code_activation: Of the last level.
            initialization: Of every level.
            centred: Whether the mean of the inputs seen in training is taken away
                first. Where units compete, it would decide most of the competition.
        """
        shapes = [tuple(shape), *((width,) for width in (*hidden, code))]
        last = len(shapes) - 2
        super().__init__(
            [
                DenseLevel(
                    shapes[i],
                    shapes[i + 1],
                    activation=code_activation if i == last else activation,
                    initialization=initialization,
                    centred=centred and i == 0,
                )
                for i in range(last + 1)
            ]
        )
