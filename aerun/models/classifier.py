"""A classifier whose lower layers are an encoder."""

from copy import copy, deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from aerun.errors import BadUse
from aerun.models.levels import Encoder

Freeze = Literal["none", "all"] | int
"""Which levels of an encoder do not learn: how many of the lowest, or all of it."""


class Classifier(nn.Module):
    """A linear layer on the code of an encoder, some lower levels of which are fixed.

    The fixed part comes first and is a function of its own, ``below``, so that what it
    makes of an example need be computed only once.
    """

    def __init__(
        self, model: Any, example: Tensor, num_classes: int, *, freeze: Freeze
    ) -> None:
        """Put a linear layer, at first all zero, on a copy of an encoder.

        Args:
            model: Offers ``encode``: codes [B, D] of inputs [B, *shape].
            example: One input, [1, *shape].
            num_classes: How many outputs, C.
            freeze: Which levels are fixed.

        Raises:
            BadUse: There is no encoder, or no such level, or its code has no gradient.
        """
        super().__init__()
        if not hasattr(model, "encode"):
            raise BadUse(
                "this model has no encode method, which would be the lower layers of a "
                "classifier"
            )
        self.lower, self.upper = _divided(deepcopy(model), freeze)
        code = model.encode(example).flatten(1)
        self.head = nn.Linear(code.shape[1], num_classes).to(code)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.learning = [*self.head.parameters()]
        """The parameters that are trained: those on which the outputs depend."""
        if self.upper is not None:
            self.learning += _needed(self.upper, self.below(example))

    @torch.no_grad()
    def below(self, x: Tensor) -> Tensor:
        """What the fixed levels make of inputs [B, *shape]: [B, ...]."""
        if self.upper is None:
            code: Tensor = self.lower.eval().encode(x)
            return code.flatten(1)
        for level in self.lower.eval():
            x = level(x)
        return x

    def forward(self, hidden: Tensor) -> Tensor:
        """Logits [B, C] of what ``below`` gives."""
        code = hidden if self.upper is None else self.upper.encode(hidden).flatten(1)
        logits: Tensor = self.head(code)
        return logits


def _divided(model: Any, freeze: Freeze) -> tuple[Any, Any]:
    """The fixed levels and the model above them; or the model alone, all of it fixed.

    Raises:
        BadUse: There are no such levels.
    """
    if freeze == "none":
        return nn.ModuleList(), model
    if freeze == "all":
        return model, None
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, Encoder):
        raise BadUse(
            f"task.freeze={freeze}: the encoder of this model is not made of levels; "
            "choose none or all"
        )
    levels, number = list(encoder.levels), int(freeze)
    if number > len(levels):
        raise BadUse(
            f"task.freeze={freeze}: the encoder has {len(levels)} levels; choose at "
            "most as many, or all"
        )
    if number == len(levels):
        return model, None
    upper = copy(encoder)
    upper._modules = {**encoder._modules, "levels": nn.ModuleList(levels[number:])}
    model.encoder = upper
    return nn.ModuleList(levels[:number]), model


def _needed(model: Any, hidden: Tensor) -> list[nn.Parameter]:
    """The parameters on which codes depend.

    Raises:
        BadUse: They depend on none.
    """
    parameters = list(model.parameters())
    code = model.eval().encode(hidden)
    found: list[Any] = []
    if code.requires_grad:
        gradients = torch.autograd.grad(code.sum(), parameters, allow_unused=True)
        pairs = zip(parameters, gradients, strict=True)
        found = [own for own, gradient in pairs if gradient is not None]
    if not found:
        raise BadUse(
            "the encode method of this model has no gradient, so that its weights "
            "cannot be trained further; choose task.freeze=all"
        )
    return found
