"""Elementwise activations by the names that the command line uses."""

from typing import Literal

from torch import nn

Activation = Literal[
    "none", "tanh", "sigmoid", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus"
]

_MODULES: dict[str, type[nn.Module]] = {
    "none": nn.Identity,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


def activation_module(name: Activation) -> nn.Module:
    """The module of an activation; "none" is the identity."""
    return _MODULES[name]()
