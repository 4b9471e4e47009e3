"""The contractive penalty: the squared norm of the encoder's Jacobian."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import vjp, vmap

from aerun.draws import Draws
from aerun.errors import BadUse
from aerun.models.outputs import Outputs
from aerun.running import unseen

Estimator = Literal["auto", "closed_form", "exact", "hutchinson"]

_EXACT_CODES = 64  # code units up to which "auto" takes the Jacobian row by row


def contractive(
    out: Outputs, model: nn.Module, *, estimator: Estimator, draws: Draws
) -> Tensor:
    """Squared Frobenius norm of the Jacobian of the code by what the encoder saw.

    Args:
        out: Forward pass; reads ``out.seen`` (the corrupted input, where there is a
            corruption) and ``out.code``.
        model: With ``encode`` and, for the closed form, ``encoder.levels``.
        estimator: "closed_form" is for one dense level with sigmoid or tanh; "exact"
            pulls each code unit's gradient back; "hutchinson" estimates with one random
            direction per example, without bias. "auto" takes the closed form where
            there is one, exact up to 64 code units, and the estimate beyond.
        draws: Source of the directions.

    Returns:
        ||dh/dx||^2 per example, [B]; gradients flow through weights and activations.

    Raises:
        BadUse: There is no closed form, and it was asked for.

    References:
        Rifai et al., "Contractive auto-encoders: explicit invariance during feature
        extraction" (2011); Hutchinson, "A stochastic estimator of the trace of the
        influence matrix" (1990).
    """
    found: Any = model
    assert out.seen is not None, "the objective sets what the encoder saw"
    chosen = choose(found, out.code.shape[1]) if estimator == "auto" else estimator
    if chosen == "closed_form":
        if not has_closed_form(found):
            raise BadUse(
                "regularizer.contractive.estimator=closed_form: is for an encoder of "
                "one dense level with model.code_activation=sigmoid or tanh, decoded "
                "as it is; choose auto."
            )
        return closed_form(found, out.code)
    with unseen():
        if chosen == "exact":
            return exact(found, out.seen)
        directions = draws.ask("normal", *out.code.shape)
        return hutchinson(found, out.seen, directions)


def has_closed_form(model: Any) -> bool:
    """Whether the encoder is one dense level with a sigmoid or tanh."""
    levels = getattr(getattr(model, "encoder", None), "levels", None)
    if levels is None or len(levels) != 1 or not getattr(model, "plain_code", False):
        return False
    smooth = isinstance(levels[0].activation, nn.Sigmoid | nn.Tanh)
    return smooth and levels[0].weight.dim() == 2


def choose(model: Any, code_size: int) -> Estimator:
    """What "auto" means for a model."""
    if has_closed_form(model):
        return "closed_form"
    return "exact" if code_size <= _EXACT_CODES else "hutchinson"


def closed_form(model: Any, code: Tensor) -> Tensor:
    """sum_j s'(a_j)^2 ||W_j||^2, [B], of codes [B, D] of one dense level."""
    (level,) = model.encoder.levels
    sigmoid = isinstance(level.activation, nn.Sigmoid)
    slope = code * (1 - code) if sigmoid else 1 - code.square()
    return slope.square() @ level.weight.square().sum(1)


@torch.no_grad()
def mean_norm(model: Any, batches: Iterable[Tensor]) -> float | None:
    """Mean over examples of the (unsquared) norm of the Jacobian.

    Args:
        model: With ``encode``.
        batches: Inputs, [B, *shape] each.

    Returns:
        None where only the row by row way is left, which takes too long for all.
    """
    if not has_closed_form(model):
        return None
    norms = [closed_form(model, model.encode(x)).sqrt().double() for x in batches]
    return float(torch.cat([norm.cpu() for norm in norms]).mean())


def exact(model: Any, x: Tensor) -> Tensor:
    """The Jacobian row by row, [B], at inputs [B, *shape]."""
    code, pull, *_ = vjp(model.encode, x)
    basis = torch.eye(code.shape[1], dtype=code.dtype, device=code.device)

    def row(unit: Tensor) -> Tensor:
        (gradient,) = pull(unit.expand_as(code))
        return gradient.flatten(1).square().sum(1)

    return vmap(row)(basis).sum(0)


def hutchinson(model: Any, x: Tensor, directions: Tensor) -> Tensor:
    """||v^T J||^2, [B], with standard normal v [B, D]: the squared norm on average."""
    _, pull, *_ = vjp(model.encode, x)
    (gradient,) = pull(directions)
    return gradient.flatten(1).square().sum(1)
