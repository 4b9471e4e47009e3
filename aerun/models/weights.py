"""How weights and biases are drawn before training.

"default" is PyTorch's (uniform, 1 / sqrt(fan-in)), "glorot" uniform and "he" normal,
both with zero biases.
"""

import math

from torch import Tensor, nn


def draw_weight(weight: Tensor, initialization: str) -> None:
    """Fill a weight, [out, in] or [out, in, height, width], in place."""
    if initialization == "glorot":
        nn.init.xavier_uniform_(weight)
    elif initialization == "he":
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    else:
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5))


def draw_bias(bias: Tensor, fan_in: int, initialization: str) -> None:
    """Fill the bias of units with so many inputs each, in place."""
    if initialization == "default":
        bound = 1 / math.sqrt(fan_in)
        nn.init.uniform_(bias, -bound, bound)
    else:
        nn.init.zeros_(bias)
