"""The figures of a finished run, and the file that holds them."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aerun.build import Built
from aerun.evaluation import baselines
from aerun.evaluation.health import Evidence, health
from aerun.evaluation.moments import Moments
from aerun.evaluation.splits import (
    batches,
    collect,
    evaluate,
    flat_blocks,
    reconstructions,
)
from aerun.evaluation.units import PosteriorUnits, level_units, posterior_units

_TRAIN_EXAMPLES = 10_000  # of the training part, enough to compare it with the test


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
    some = data.train.first(_TRAIN_EXAMPLES)
    train = evaluate(objective, some, values, seed=seed)
    metrics: dict[str, float | int | None] = {
        "test/loss": objective.total(found.terms, values)
    }
    metrics |= {f"test/{name}": value for name, value in found.terms.items()}
    metrics["test/mse"] = found.mse
    metrics["train/mse"] = train.mse
    mean = Moments(flat_blocks(data.train)).mean
    mean_mse = baselines.mean_mse(mean, flat_blocks(test))
    metrics["mean/mse"] = mean_mse
    metrics |= _principal(built)
    posterior = posterior_units(model, test)
    if posterior is not None:
        metrics["test/active_units"] = posterior.num_active
    outputs = Moments(
        reconstructions(model, x).flatten(1).cpu().numpy() for x in batches(test)
    )
    evidence = Evidence(
        train_mse=train.mse,
        test_mse=found.mse,
        mean_mse=mean_mse,
        recon_variance=float(outputs.variance.mean()),
        data_variance=float(Moments(flat_blocks(test)).variance.mean()),
        levels=level_units(model, test),
        posterior=posterior,
        num_train=len(some),
        averaged=objective.reduction == "mean",
    )
    return metrics, health(evidence), posterior


def _principal(built: Built) -> dict[str, float | int | None]:
    """PCA at the same code size; of a linear decoder also the angles to it."""
    model: Any = built.objective.model
    train, test = built.data.train, built.data.test
    like = test.gather(slice(1))
    size = model.encode(like).shape[1]
    some = train.first(baselines.pca_examples(like.numel()))
    flat = collect(lambda x: x.flatten(1), some)
    found = baselines.pca(flat, flat_blocks(test), size)
    if found is None:
        return {"pca/mse": None}
    metrics: dict[str, float | int | None] = {"pca/mse": found.mse}
    if len(some) < len(train):
        metrics["pca/examples"] = len(some)
    if hasattr(model, "decode"):
        decoder = baselines.linear_decoder(model, size, like)
        if decoder is not None:
            angles = baselines.principal_angles(decoder, found.components)
            metrics["pca/largest_angle"] = float(angles[-1])
            metrics["pca/mean_angle"] = float(angles.mean())
    return metrics


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
