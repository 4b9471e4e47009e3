"""The figures of a finished run, and the file that holds them."""

import hashlib
import json
import math
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from aerun.build import Built
from aerun.contraction import mean_norm
from aerun.evaluation import baselines
from aerun.evaluation.health import Evidence, health
from aerun.evaluation.moments import Moments
from aerun.evaluation.splits import (
    batches,
    collect,
    evaluate,
    exact_sum,
    flat_batches,
    reconstructions,
)
from aerun.evaluation.units import PosteriorUnits, level_units, posterior_units

_TRAIN_EXAMPLES = 10_000
_TRAIN_ELEMENTS = 2**29  # of those examples together


def final_figures(
    built: Built, *, seed: int
) -> tuple[dict[str, float | int | None], list[str], PosteriorUnits | None]:
    """Evaluate the weights that the objective holds.

    Returns:
        Flat metrics on the whole test split (and baselines), health, and the units of
        a variational code.
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
    metrics["train/mse"] = train.mse
    principal, angles = _principal(built)
    seen = _compare(built, principal)
    metrics["mean/mse"], metrics["pca/mse"] = seen.mean_mse, seen.pca_mse
    metrics |= angles
    posterior = posterior_units(model, test)
    if posterior is not None:
        metrics["test/active_units"] = posterior.num_active
    levels = level_units(model, test)
    if levels and levels[-1].saturated is not None:
        metrics["test/saturation"] = levels[-1].saturated
    norm = mean_norm(model, batches(test))
    if norm is not None:
        metrics["test/jacobian_norm"] = norm
    evidence = Evidence(
        train_mse=train.mse,
        test_mse=found.mse,
        mean_mse=seen.mean_mse,
        recon_variance=seen.recon_variance,
        data_variance=seen.data_variance,
        levels=levels,
        posterior=posterior,
        num_train=len(some),
        num_test=len(test),
        averaged=objective.reduction == "mean",
    )
    return metrics, health(evidence), posterior


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
    some = train.first(baselines.pca_examples(like.numel()))
    found = baselines.pca(collect(lambda x: x.flatten(1), some), size)
    said: dict[str, float | int | None] = {}
    if found is None:
        return None, said
    if len(some) < len(train):
        said["pca/examples"] = len(some)
    if hasattr(model, "decode"):
        decoder = baselines.linear_decoder(model, size, like)
        if decoder is not None:
            angles = baselines.principal_angles(decoder, found.components)
            said["pca/largest_angle"] = float(angles[-1])
            said["pca/mean_angle"] = float(angles.mean())
    return found, said


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a summary says of where a run came from."""
    text = json.dumps(config, sort_keys=True)
    return {
        "seed": config["seed"],
        "device": config["device"],
        "versions": versions(),
        "git_commit": git_commit(),
        "config_hash": hashlib.sha256(text.encode()).hexdigest()[:16],
        "data_hash": config["data"]["fingerprint"],
    }


def versions() -> dict[str, str]:
    """Of everything that can change a number."""
    names = ("aerun", "torch", "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {n: version(n) for n in names}


@lru_cache
def git_commit() -> str | None:
    """The commit of the working directory, where there is one."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            cwd=Path.cwd(),
            check=False,
        )
    except OSError:  # git is not installed
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None
