"""The objective and the mean squared error over a whole split."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aerun.data.mapped import block_slices
from aerun.data.splits import Examples, Split
from aerun.draws import Draws, DryDraws, draw
from aerun.models.outputs import Outputs, Posterior
from aerun.objective import Objective

_BATCH = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a pass over a split gives."""

    terms: dict[str, float]
    """``reconstruction`` and each regularizer, unweighted, averaged over examples."""
    mse: float
    """Mean over elements of (x^ - x)^2 from clean inputs, without sampling."""


@torch.no_grad()
def evaluate(
    objective: Objective, split: Examples, values: Mapping[str, float], *, seed: int
) -> Evaluation:
    """Average every term over a split, weighted by examples.

    Noise comes from a generator of its own, the same at each call. A regularizer that
    is a statistic of a batch is computed once, over the codes of the whole split.

    Args:
        objective: Switched to evaluation here.
        split: Examples on the objective's device.
        values: All numeric knobs.
        seed: Of the noise.
    """
    objective.eval()
    _rest_at(objective, values)
    device = split.device
    generator = torch.Generator(device=device).manual_seed(seed)
    sums: dict[str, float] = {}
    squared, elements = 0.0, 0
    passes: list[Outputs] = []
    statistics: set[str] = set()
    probe = split.gather(slice(2))
    knobs, dry = knob_tensors(values, probe), DryDraws(probe)
    objective.terms(probe, knobs, dry)
    disturbed = bool(dry.requests) or objective.corruption is not None
    for x in batches(split):
        terms, out = objective.terms(x, knobs, _drawn(dry, x, generator))
        statistics = {name for name, term in terms.items() if term.dim() == 0}
        for name, term in terms.items():
            if name not in statistics:
                sums[name] = sums.get(name, 0.0) + exact_sum(term)
        target = objective.clean(x)
        recon = objective.model(target).recon if disturbed else out.recon
        squares = (recon - target).square().flatten(1)
        squared += exact_sum(squares.mean(1)) * target[0].numel()
        elements += target.numel()
        if statistics:
            passes.append(_codes_only(out))
    means = {name: total / len(split) for name, total in sums.items()}
    if statistics:
        whole = _joined(passes)
        for name in statistics:
            term = objective.regularizers[name](whole, objective.model, knobs=knobs)
            means[name] = float(term)
    order = ["reconstruction", *objective.regularizers]
    ordered = {name: means[name] for name in order}
    return Evaluation(terms=ordered, mse=squared / elements)


@dataclass(frozen=True, kw_only=True, slots=True)
class CorruptedErrors:
    """Mean squared errors against clean inputs, from corrupted ones."""

    of_model: float
    of_identity: float
    """Of answering with the corrupted input itself."""


@torch.no_grad()
def corrupted_errors(
    objective: Objective, split: Examples, values: Mapping[str, float], *, seed: int
) -> CorruptedErrors:
    """What a model makes of corrupted inputs, without sampling.

    Args:
        objective: With a corruption; switched to evaluation here.
        split: Examples on the objective's device.
        values: All numeric knobs.
        seed: Of the corruption, from a generator of its own.
    """
    objective.eval()
    _rest_at(objective, values)
    generator = torch.Generator(device=split.device).manual_seed(seed)
    probe = split.gather(slice(2))
    knobs, dry = knob_tensors(values, probe), DryDraws(probe)
    objective.corrupt(probe, knobs, dry)
    of_model, of_identity, elements = 0.0, 0.0, 0
    for x in batches(split):
        seen, _ = objective.corrupt(x, knobs, _drawn(dry, x, generator))
        recon = objective.model(seen).recon
        of_model += exact_sum((recon - x).square().flatten(1).sum(1))
        of_identity += exact_sum((seen - x).square().flatten(1).sum(1))
        elements += x.numel()
    return CorruptedErrors(
        of_model=of_model / elements, of_identity=of_identity / elements
    )


def _drawn(dry: DryDraws, x: Tensor, generator: torch.Generator) -> Draws:
    """What a dry run on other examples asked for, drawn for these."""
    requests = [(kind, (len(x), *shape[1:])) for kind, shape in dry.requests]
    return Draws(draw(requests, generator, x.dtype))


def _rest_at(objective: Objective, values: Mapping[str, float]) -> None:
    """Passes without knobs take those of this evaluation, as one with knobs does."""
    model: Any = objective.model
    if hasattr(model, "resting"):
        model.resting = dict(values)


def exact_sum(values: Tensor) -> float:
    """The sum of [B] in double precision, which not every device has."""
    return float(values.cpu().double().sum())


def knob_tensors(values: Mapping[str, float], like: Tensor) -> dict[str, Tensor]:
    """Knob values as 0-dim tensors on the device and of the type of ``like``."""
    return {
        name: torch.tensor(value, device=like.device, dtype=like.dtype)
        for name, value in values.items()
    }


def batches(split: Examples) -> Iterator[Tensor]:
    """A whole split in order, [B, *shape] at a time."""
    for part in block_slices(len(split), split.shape, 4, most=_BATCH):
        yield split.gather(part)


def flat_batches(split: Split) -> Iterator[Tensor]:
    """A whole split in order, scaled and flattened, [B, D] at a time."""
    for x in batches(split):
        yield x.flatten(1)


@torch.no_grad()
def collect(function: Callable[[Tensor], Tensor], split: Split) -> np.ndarray:
    """Apply a function [B, ...] -> [B, ...] to a whole split, in batches.

    Returns:
        The results in order, [N, ...].
    """
    return torch.cat([function(x).cpu() for x in batches(split)]).numpy()


@torch.no_grad()
def reconstructions(model: nn.Module, x: Tensor) -> Tensor:
    """Reconstructions [B, *shape] without sampling, the model left in evaluation."""
    model.eval()
    return model(x).recon


def _codes_only(out: Outputs) -> Outputs:
    """A pass without its pictures, which a statistic of codes does not need."""
    return Outputs(
        code=out.code, latent=out.latent, posterior=out.posterior, recon=out.code[:, :0]
    )


def _joined(passes: list[Outputs]) -> Outputs:
    first = passes[0]
    posterior = None
    if first.posterior is not None:
        posterior = Posterior(
            mean=torch.cat([p.posterior.mean for p in passes if p.posterior]),
            log_variance=torch.cat(
                [p.posterior.log_variance for p in passes if p.posterior]
            ),
        )
    latents = [p.latent for p in passes if p.latent is not None]
    return Outputs(
        code=torch.cat([p.code for p in passes]),
        recon=torch.cat([p.recon for p in passes]),
        latent=torch.cat(latents) if latents else None,
        posterior=posterior,
    )
