"""What is wrong with a trained model, in plain words with what to try."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aerun.evaluation.units import LevelUnits, PosteriorUnits

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
        *_reconstructions(evidence),
        *_memorised(evidence),
        *_units(evidence),
    ]


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
