"""Whether codes are distributed as the prior that samples are drawn from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aerun.data.splits import Split
from aerun.draws import with_noise
from aerun.evaluation.moments import Moments
from aerun.evaluation.splits import batches

_SAMPLES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorMatch:
    """Moments of each dimension, over a split and of the prior."""

    mean: np.ndarray
    """Of the aggregated posterior, [D]."""
    std: np.ndarray
    prior_mean: np.ndarray
    """[D]."""
    prior_std: np.ndarray

    @property
    def worst(self) -> int:
        """The dimension whose mean and spread are furthest from the prior's."""
        return int(np.argmax(self.distance))

    @property
    def distance(self) -> np.ndarray:
        """Of each dimension, [D]: of the means in the prior's std, and log of stds."""
        off = np.abs(self.mean - self.prior_mean) / self.prior_std
        return np.maximum(off, np.abs(np.log(self.std / self.prior_std + 1e-12)))


@torch.no_grad()
def prior_match(model: Any, split: Split) -> PriorMatch | None:
    """Compare the codes of a split with samples of the model's prior.

    Args:
        model: With ``prior.sample``; None is returned for others.
        split: Examples on the model's device.
    """
    prior: Any = getattr(model, "prior", None)
    if not hasattr(prior, "sample"):
        return None
    moments, variances, seen = Moments(), [], 0
    for x in batches(split):
        out = model(x)
        moments.see(out.code)
        seen += len(x)
        if out.posterior is not None:
            # What is drawn around a code widens the whole.
            each = out.posterior.log_variance.exp().cpu().double()
            variances.append(each.sum(0))
    samples = with_noise(
        lambda draws: prior.sample(_SAMPLES, model.code_size, draws), out.code, seed=0
    )
    samples = samples.cpu().double()
    variance = moments.variance.numpy()
    if variances:
        variance = variance + torch.stack(variances).sum(0).numpy() / seen
    return PriorMatch(
        mean=moments.mean.numpy(),
        std=np.sqrt(variance),
        prior_mean=samples.mean(0).numpy(),
        prior_std=samples.std(0).numpy(),
    )
