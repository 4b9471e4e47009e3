"""How the units of a model behave on a whole split."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aerun.data.splits import Split
from aerun.evaluation.moments import Moments
from aerun.evaluation.splits import batches
from aerun.models.priors import STANDARD, prior_of

ACTIVE_VARIANCE = 0.01
"""Variance of a posterior mean above which its unit is active (Burda et al. 2015)."""

_SHOWN = 2_000_000  # activations kept for a histogram at most
_CONSTANT = 1e-6  # units that move less over all examples are dead
_EDGE = 0.05  # share of the range of a bounded activation that counts as its end


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelUnits:
    """Units of one encoder level; of one that gives maps, each map is a unit."""

    level: int
    """Counted from 1, at the input."""
    num_units: int
    num_dead: int
    """Units that give the same value for every example."""
    saturated: float | None
    """Share of activations within 5 % of an end of their range; None if unbounded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PosteriorUnits:
    """Dimensions of a variational code."""

    kl: np.ndarray
    """KL per dimension averaged over examples, [D], nats."""
    mean_variance: np.ndarray
    """Variance over examples of the posterior mean, [D]."""

    @property
    def num_active(self) -> int:
        """Dimensions whose posterior mean varies (by more than 0.01)."""
        return int((self.mean_variance > ACTIVE_VARIANCE).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeUnits:
    """Units of the code; of a code of maps, each map is a unit."""

    activity: np.ndarray
    """Mean over examples of each unit, [D]."""
    values: np.ndarray
    """Activations of all units in the first examples, for a histogram."""
    num_dead: int
    """Units that give the same value for every example."""
    num_nonzero: float
    """Values of an example's code that are not exactly zero, on average."""
    size: int
    """Values of a code."""
    lowest: float
    """Of all activations."""

    @property
    def sparse(self) -> bool:
        """Whether a good part of the code is exactly zero."""
        return self.num_nonzero < 0.9 * self.size

    @property
    def tell_activity(self) -> bool:
        """Whether a unit's mean says how active it is: signs do not cancel out."""
        return self.lowest >= 0 or self.sparse


@torch.no_grad()
def level_units(model: Any, split: Split) -> list[LevelUnits]:
    """Dead and saturated units of every encoder level, over a split.

    Args:
        model: With ``encoder.levels``, each with an ``activation``; others give [].
        split: Examples on the model's device.
    """
    levels = list(getattr(getattr(model, "encoder", None), "levels", []))
    stats = [_Extremes(level) for level in levels]
    hooks = [
        level.register_forward_hook(stat.see)
        for level, stat in zip(levels, stats, strict=True)
    ]
    try:
        for x in batches(split):
            model.encode(x)
    finally:
        for hook in hooks:
            hook.remove()
    return [stat.summary(i + 1) for i, stat in enumerate(stats)]


@torch.no_grad()
def posterior_units(model: Any, split: Split) -> PosteriorUnits | None:
    """KL and activity of each code dimension, or None without a posterior."""
    means, kls = [], []
    # A prior without dimensions has no such figures; the usual one stands in.
    usual = STANDARD.divergence_per_dimension
    per_dimension = getattr(prior_of(model), "divergence_per_dimension", usual)
    for x in batches(split):
        out = model(x)
        if out.posterior is None:
            return None
        kls.append(per_dimension(out.posterior).cpu().double())
        means.append(out.posterior.mean.cpu().double())
    return PosteriorUnits(
        kl=torch.cat(kls).mean(0).numpy(),
        mean_variance=torch.cat(means).var(0, correction=0).numpy(),
    )


@torch.no_grad()
def code_units(model: Any, split: Split) -> CodeUnits:
    """How active each unit of the code is, over a split.

    Args:
        model: With ``encode``.
        split: Examples on the model's device.
    """
    moments = Moments()
    nonzero, low, high = 0, None, None
    shown: list[Tensor] = []
    left = _SHOWN
    shape = getattr(model, "code_shape", None)
    for x in batches(split):
        codes = model.encode(x)
        units = _per_unit(codes if shape is None else codes.unflatten(1, shape))
        moments.see(units)
        nonzero += int(codes.count_nonzero())
        below, above = units.amin(0), units.amax(0)
        low = below if low is None else torch.minimum(low, below)
        high = above if high is None else torch.maximum(high, above)
        rows = min(len(codes), left // codes.shape[1])
        if rows > 0 or not shown:
            shown.append(codes[: max(rows, 1)].cpu())
        left -= rows * codes.shape[1]
    assert low is not None
    assert high is not None
    return CodeUnits(
        activity=moments.mean.numpy(),
        values=torch.cat(shown).flatten().double().numpy(),
        num_dead=int((high - low < _CONSTANT).sum()),
        num_nonzero=nonzero / len(split),
        size=codes.shape[1],
        lowest=float(low.min()),
    )


def _per_unit(values: Tensor) -> Tensor:
    """Rows with a column per unit, [N, D], of [B, D] or of maps [B, D, H, W]."""
    if values.dim() < 4:
        return values.flatten(1)
    return values.movedim(1, -1).flatten(0, -2)


class _Extremes:
    """Running smallest and largest output of each unit of a level."""

    def __init__(self, level: nn.Module) -> None:
        bounds: dict[Any, tuple[float, float]]
        bounds = {nn.Tanh: (-1.0, 1.0), nn.Sigmoid: (0.0, 1.0)}
        self.bounds = bounds.get(type(level.activation))
        self.low: Tensor | None = None
        self.high: Tensor | None = None
        self.at_an_end, self.seen = 0, 0

    def see(self, level: nn.Module, inputs: object, output: Tensor) -> None:
        """Take a batch [B, ...] into account."""
        rows = _per_unit(output)
        low, high = rows.amin(0), rows.amax(0)
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)
        if self.bounds is not None:
            bottom, top = self.bounds
            edge = _EDGE * (top - bottom)
            ends = (rows < bottom + edge) | (rows > top - edge)
            self.at_an_end += int(ends.sum())
            self.seen += rows.numel()

    def summary(self, level: int) -> LevelUnits:
        """The level's figures, once the split has passed."""
        assert self.low is not None
        assert self.high is not None
        return LevelUnits(
            level=level,
            num_units=len(self.low),
            num_dead=int((self.high - self.low < _CONSTANT).sum()),
            saturated=self.at_an_end / self.seen if self.bounds is not None else None,
        )
