"""The figures of a finished run."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aerun.build import Built
from aerun.contraction import mean_norm
from aerun.evaluation import baselines
from aerun.evaluation.chains import roaming
from aerun.evaluation.health import Evidence, health
from aerun.evaluation.moments import Moments
from aerun.evaluation.prior import prior_match
from aerun.evaluation.splits import (
    batches,
    corrupted_errors,
    evaluate,
    exact_sum,
    flat_batches,
    reconstructions,
)
from aerun.evaluation.units import (
    CodeUnits,
    LevelUnits,
    PosteriorUnits,
    code_units,
    level_units,
    posterior_units,
)

_TRAIN_EXAMPLES = 10_000
_TRAIN_ELEMENTS = 2**29  # of those examples together

DECIDED = (
    "test/dead_units", "test/active_units", "test/nonzero_units", "chain/within"
)  # fmt: skip
"""Figures that count decisions, or that come of samples which decisions led to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What is found of a trained model on the whole test split."""

    metrics: dict[str, float | int | None]
    """Flat, with those of baselines."""
    health: list[str]
    """What is wrong, in plain words."""
    posterior: PosteriorUnits | None
    """Of a variational code."""
    code: CodeUnits
    wanted_activity: float | None
    """How active a regularizer wants the units of the code to be."""


def final_figures(built: Built, *, seed: int) -> Findings:
    """Evaluate the weights that the objective holds.

    Args:
        built: With the weights to be judged.
        seed: Of the noise of corruptions and samples.
    """
    objective, data = built.objective, built.data
    model: Any = objective.model
    test = data.test
    values = built.training.knob_values(final=True)
    found = evaluate(objective, test, values, seed=seed)
    some = data.train.first(_some_examples(data.spec.shape))
    train = evaluate(objective, some, values, seed=seed)
    metrics: dict[str, float | int | None] = {
        "test/loss": objective.total(found.terms, values)
    }
    metrics |= {f"test/{name}": value for name, value in found.terms.items()}
    metrics["test/mse"] = found.mse
    if objective.corruption is not None:
        errors = corrupted_errors(objective, test, values, seed=seed)
        metrics["test/corrupted_mse"] = errors.of_model
        metrics["identity/corrupted_mse"] = errors.of_identity
    metrics["train/mse"] = train.mse
    principal, angles = _principal(built)
    seen = _compare(built, principal)
    metrics["mean/mse"], metrics["pca/mse"] = seen.mean_mse, seen.pca_mse
    metrics |= angles
    levels = level_units(model, test)
    posterior, code = posterior_units(model, test), code_units(model, test)
    wanted = objective.wanted_activity(values)
    metrics |= _unit_figures(levels, posterior, code, wanted)
    norm = mean_norm(model, batches(test))
    if norm is not None:
        metrics["test/jacobian_norm"] = norm
    chains = roaming(model, test, seed=seed)
    if chains is not None:
        known = math.isfinite(chains.within)
        metrics["chain/within"] = chains.within if known else None
    evidence = Evidence(
        train_mse=train.mse,
        test_mse=found.mse,
        mean_mse=seen.mean_mse,
        recon_variance=seen.recon_variance,
        data_variance=seen.data_variance,
        levels=_with_code(levels, code),
        posterior=posterior,
        prior=prior_match(model, test),
        roaming=chains,
        num_train=len(some),
        num_test=len(test),
        averaged=objective.reduction == "mean",
    )
    return Findings(
        metrics=metrics,
        health=health(evidence),
        posterior=posterior,
        code=code,
        wanted_activity=wanted,
    )


def _with_code(levels: list[LevelUnits], code: CodeUnits) -> list[LevelUnits]:
    """The last level's units as the code shows them: some never win."""
    if not levels or levels[-1].num_units != len(code.activity):
        return levels
    return [*levels[:-1], replace(levels[-1], num_dead=code.num_dead)]


def _unit_figures(
    levels: list[LevelUnits],
    posterior: PosteriorUnits | None,
    code: CodeUnits,
    wanted: float | None,
) -> Iterator[tuple[str, float | int]]:
    """Of the units of the code, those figures that mean something here."""
    yield "test/dead_units", code.num_dead
    if posterior is not None:
        yield "test/active_units", posterior.num_active
    if code.sparse:
        yield "test/nonzero_units", code.num_nonzero
    if wanted is not None:
        yield "test/mean_activity", float(code.activity.mean())
        distance = np.abs(code.activity - wanted).mean()
        yield "test/activity_off_rho", float(distance)
    if levels and levels[-1].saturated is not None:
        yield "test/saturation", levels[-1].saturated


def _some_examples(shape: tuple[int, ...]) -> int:
    """Of the training part, enough to compare it with the test, fewer of large ones."""
    return max(1000, min(_TRAIN_EXAMPLES, _TRAIN_ELEMENTS // math.prod(shape)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What one pass over the test split finds beside the objective."""

    mean_mse: float
    """Of always answering with the mean training example."""
    pca_mse: float | None
    data_variance: float
    """Over examples, averaged over elements."""
    recon_variance: float
    """The same of the reconstructions."""


def _compare(built: Built, principal: baselines.Principal | None) -> _Seen:
    """Baselines and variances, in one pass over the test split."""
    mean = Moments(flat_batches(built.data.train)).mean
    test = built.data.test
    x_moments, recon_moments = Moments(), Moments()
    mean_errors, pca_errors, elements = 0.0, 0.0, 0
    for x in flat_batches(test):
        x_moments.see(x)
        recon = reconstructions(built.objective.model, x.unflatten(1, test.spec.shape))
        recon_moments.see(recon.flatten(1))
        off = x - mean.to(x)
        mean_errors += exact_sum(off.square_().sum(1))
        if principal is not None:
            errors = principal.errors(x.cpu().numpy())
            pca_errors += float(errors.sum(dtype=np.float64))
        elements += x.numel()
    return _Seen(
        mean_mse=mean_errors / elements,
        pca_mse=None if principal is None else pca_errors / elements,
        data_variance=float(x_moments.variance.mean()),
        recon_variance=float(recon_moments.variance.mean()),
    )


def _principal(
    built: Built,
) -> tuple[baselines.Principal | None, dict[str, float | int | None]]:
    """PCA at the same code size; of a linear decoder also the angles to it."""
    model: Any = built.objective.model
    train = built.data.train
    like = built.data.test.gather(slice(1))
    size = model.encode(like).shape[1]
    found = baselines.principal(train, size)
    said: dict[str, float | int | None] = {}
    if found is None:
        return None, said
    if found.num_examples < len(train):
        said["pca/examples"] = found.num_examples
    if hasattr(model, "decode"):
        decoder = baselines.linear_decoder(model, size, like)
        if decoder is not None:
            angles = baselines.principal_angles(decoder, found.components)
            if len(angles):  # a decoder that gives one answer to all spans nothing
                said["pca/largest_angle"] = float(angles[-1])
                said["pca/mean_angle"] = float(angles.mean())
    return found, said
