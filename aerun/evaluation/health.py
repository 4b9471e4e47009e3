"""What is wrong with a trained model, in plain words with what to try."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aerun.evaluation.chains import Roaming
from aerun.evaluation.prior import PriorMatch
from aerun.evaluation.units import LevelUnits, PosteriorUnits

_FAR = 0.7  # of a mean in the prior's std, or of a ratio of stds in logs
_WON, _LOST = 0.95, 0.3  # accuracy; 0.5 where it only guesses
_STAYS = 0.5  # share of variance within chains below which they do not mix
_STILL = 0.1  # variance of their steps, of the data's, below which all are alike

FEW = 10
"""Test examples below which nothing is said of what varies over them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Figures from which health is judged."""

    train_mse: float
    test_mse: float
    mean_mse: float
    """Of always answering with the mean training example, on the test part."""
    recon_variance: float
    """Variance over examples of the reconstructions, averaged over elements."""
    data_variance: float
    """The same of the data."""
    levels: list[LevelUnits]
    posterior: PosteriorUnits | None
    num_train: int
    num_test: int
    prior: PriorMatch | None
    """Of a model that is sampled through a prior."""
    roaming: Roaming | None
    """Of a model that is a chain."""
    averaged: bool
    """Whether the loss averages over elements (``loss.reduction=mean``)."""


def health(evidence: Evidence) -> list[str]:
    """Sentences about what is wrong; empty when nothing is."""
    if evidence.num_test < FEW:
        few = (
            "is 1 test example"
            if evidence.num_test == 1
            else (f"are {evidence.num_test} test examples")
        )
        return [
            f"There {few}: too few to tell how outputs and units vary. Set aside more "
            "with dataset.test.",
            *_memorised(evidence),
        ]
    return [
        *_collapse(evidence),
        *_prior(evidence),
        *_chain(evidence),
        *_reconstructions(evidence),
        *_memorised(evidence),
        *_units(evidence),
    ]


def of_figures(metrics: Mapping[str, float | int | None]) -> Iterator[str]:
    """What is to be said of figures that are no numbers, which files cannot hold.

    Args:
        metrics: By name; None where there is none.
    """
    lost = [n for n, v in metrics.items() if v is not None and not math.isfinite(v)]
    if lost:
        yield (
            f"Not finite: {', '.join(lost)}. Values of the data, or what the model "
            "makes of them, are too large to be squared: look at the test part, or try "
            "another dataset.scale."
        )


def _collapse(evidence: Evidence) -> Iterator[str]:
    posterior = evidence.posterior
    if posterior is None:
        return
    size, active = len(posterior.kl), posterior.num_active
    total = float(np.sum(posterior.kl))
    if active == 0:
        cause = (
            "The loss averages over the elements of an example, so that the KL term "
            "outweighs it: use loss.reduction=sum."
            if evidence.averaged
            else "Train longer, or lower regularizer.kl.weight."
        )
        yield (
            f"The posterior has collapsed: 0 of {size} code dimensions are active "
            f"(KL {total:.2g} nats), so every input gets the same code. {cause}"
        )
    elif active < size / 2:
        yield (
            f"Only {active} of {size} code dimensions are active (KL {total:.3g} "
            f"nats); the others carry nothing. model.code={active} would do, or lower "
            "regularizer.kl.weight to use more."
        )


def _prior(evidence: Evidence) -> Iterator[str]:
    match = evidence.prior
    if match is None or match.distance.max() < _FAR:
        return
    i = match.worst
    yield (
        f"The codes are not distributed as the prior: dimension {i} has mean "
        f"{match.mean[i]:.2g} and std {match.std[i]:.2g}, the prior "
        f"{match.prior_mean[i]:.2g} and {match.prior_std[i]:.2g}, so samples come from "
        "where no codes are. Train longer, or raise the weight of the regularizer that "
        "matches them; task=sample task.density=mixture draws from the codes instead."
    )


def _chain(evidence: Evidence) -> Iterator[str]:
    found = evidence.roaming
    if found is None:
        return
    if found.variance < _STILL * evidence.data_variance:
        yield (
            "The steps of the chain are nearly all alike, so its samples are one "
            "picture. Train longer, or lower model.noise_std."
        )
    elif found.within < _STAYS:
        yield (
            f"The chain does not mix: {found.within:.0%} of the variance of its steps "
            "lies within chains, the rest between those that started at different "
            "examples, so that samples stay near where it starts. Train longer, or "
            "raise model.noise_std or model.salt_pepper."
        )


def of_games(row: Mapping[str, Any]) -> Iterator[str]:
    """What the last epoch says of each discriminator.

    Args:
        row: Of metrics.csv.
    """
    for column, value in row.items():
        name = column.removesuffix("_accuracy")
        if name == column or "/" in column:
            continue
        if value > _WON:
            yield (
                f"The discriminator has won: it tells {value:.0%} of codes and samples "
                f"of the prior apart, and the encoder learns little from it. Lower "
                f"regularizer.{name}.rate or trainer.lr, or train longer."
            )
        elif value < _LOST:
            yield (
                f"The discriminator has lost: it tells only {value:.0%} of codes and "
                f"samples of the prior apart. Raise regularizer.{name}.rate."
            )


def _reconstructions(evidence: Evidence) -> Iterator[str]:
    if evidence.data_variance == 0:
        yield "All test examples are the same; nothing can be learned from them."
    elif evidence.recon_variance < 0.01 * evidence.data_variance:
        yield (
            "The reconstructions are constant: every input gives nearly the same "
            "output. Train longer, change trainer.lr, or widen the model."
        )
    elif evidence.test_mse >= 0.98 * evidence.mean_mse and not _is_memorised(evidence):
        yield (
            f"Test mse {evidence.test_mse:.4g} is no better than answering with the "
            f"mean training example ({evidence.mean_mse:.4g}). Train longer, or change "
            "trainer.lr."
        )


def _is_memorised(evidence: Evidence) -> bool:
    return evidence.train_mse * 4 < evidence.test_mse


def _memorised(evidence: Evidence) -> Iterator[str]:
    if _is_memorised(evidence):
        ratio = evidence.test_mse / max(evidence.train_mse, 1e-12)
        yield (
            f"The training data are memorised: mse {evidence.train_mse:.3g} on the "
            f"{evidence.num_train} training examples, {evidence.test_mse:.3g} on the "
            f"test part ({ratio:.3g} times as much). Use more data, a smaller "
            "model.code or a regularizer."
        )


def _units(evidence: Evidence) -> Iterator[str]:
    for level in evidence.levels:
        if level.num_dead > 0.05 * level.num_units:
            yield (
                f"{level.num_dead} of {level.num_units} units of encoder level "
                f"{level.level} are dead: they give the same value for every test "
                "example. Lower trainer.lr or try another model.activation."
            )
        if level.saturated is not None and level.saturated > 0.9:
            yield (
                f"Encoder level {level.level} is saturated: {level.saturated:.0%} of "
                "its activations are at an end of their range, where gradients vanish. "
                "Lower trainer.lr or try another model.activation."
            )
