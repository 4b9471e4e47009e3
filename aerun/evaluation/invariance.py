"""How far codes move when inputs hardly do: the second mark of a good code."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aerun.contraction import choose, closed_form, exact, hutchinson
from aerun.data import Split
from aerun.evaluation.entries import on_exact_device
from aerun.evaluation.moments import Moments
from aerun.evaluation.splits import batches
from aerun.running import unseen

_DIRECTIONS = 32  # random ones, where rows of the Jacobian are too many
_ELEMENTS = 2**22  # of a block of inputs and all its gradients


@torch.no_grad()
def code_shifts(
    model: Any, split: Split, *, noise: float, generator: torch.Generator
) -> Tensor:
    """Squared distances between codes of inputs with and without noise, [N].

    They are divided by the mean squared distance between the codes of two examples
    (twice their total variance), so that 1 means as far as to another example; NaN
    where all codes are the same.

    Args:
        model: With ``encode``.
        split: Examples on the model's device, scaled.
        noise: Standard deviation of what is added to each element, scaled units.
        generator: Of the noise, on the model's device.
    """
    moments, shifts = Moments(), []
    for x in batches(split):
        moved = torch.empty_like(x).normal_(generator=generator).mul_(noise).add_(x)
        code = on_exact_device(model.encode(x).flatten(1)).double()
        other = on_exact_device(model.encode(moved).flatten(1)).double()
        moments.see(code)
        shifts.append((other - code).square().sum(1).cpu())
    typical = 2 * float(moments.variance.sum())
    return torch.cat(shifts) / (typical if typical > 0 else math.nan)


@dataclass(frozen=True, kw_only=True, slots=True)
class JacobianNorms:
    """Frobenius norms of the Jacobian of the code by the input."""

    values: Tensor
    """Of each example, [N], scaled units."""
    num_directions: int | None
    """Random directions that estimate each one; None: exact."""


def jacobian_norms(model: Any, x: Tensor, generator: torch.Generator) -> JacobianNorms:
    """Norms at inputs [N, *shape], exact where that takes few passes.

    Args:
        model: With ``encode``; its gradients are not touched.
        x: Examples, scaled, on the model's device.
        generator: Of random directions, on the model's device.
    """
    with torch.no_grad():
        size = model.encode(x[:1]).shape[1]
    estimator = choose(model, size)
    rows = min(size, _DIRECTIONS) if estimator == "hutchinson" else size
    block = max(1, _ELEMENTS // (rows * math.prod(x.shape[1:])))
    found = []
    with unseen():
        for part in x.split(block):
            if estimator == "closed_form":
                with torch.no_grad():
                    squares = closed_form(model, model.encode(part))
            elif estimator == "exact":
                squares = exact(model, part)
            else:
                drawn = _directions(len(part), size, part, generator)
                each = [hutchinson(model, part, v) for v in drawn]
                squares = torch.stack(each).mean(0)
            found.append(squares.detach().cpu().double().sqrt())
    return JacobianNorms(
        values=torch.cat(found),
        num_directions=_DIRECTIONS if estimator == "hutchinson" else None,
    )


def _directions(
    number: int, size: int, like: Tensor, generator: torch.Generator
) -> Iterator[Tensor]:
    for _ in range(_DIRECTIONS):
        yield like.new_empty(number, size).normal_(generator=generator)
