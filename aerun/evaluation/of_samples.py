"""Figures of samples, each beside what real examples give."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aerun.data import Spec, Split
from aerun.data.mapped import block_slices
from aerun.draws import with_noise_of
from aerun.evaluation.classifier import RECIPE
from aerun.evaluation.distances import frechet_distance
from aerun.evaluation.entries import (
    Figure,
    Finding,
    Subject,
    generator_like,
    on_exact_device,
)
from aerun.evaluation.judge import Judge
from aerun.evaluation.of_classes import class_entries
from aerun.evaluation.parzen import parzen, parzen_anchors
from aerun.evaluation.splits import batches
from aerun.features import UNIT_DATA
from aerun.progress import progress_bar

_BLOCK = 1000  # samples made at a time, at most
_SIGMA_IMAGES = 1000  # validation images on which the width is chosen, at most
_PARZEN_ELEMENTS = 4096  # of an image; the covariance of more is out of reach
_PARZEN_VALUES = 50_000_000  # numbers in the training images of the anchors, at most


def sample_figures(
    subject: Subject, judged: Judge | None, *, num_samples: int, seed: int
) -> Iterator[Finding]:
    """Parzen log-likelihood, class coverage and Frechet distance of samples.

    Args:
        subject: A model that can sample; others give a note.
        judged: Of data with classes.
        num_samples: How many, which are also the Parzen windows' centres.
        seed: Of the samples and of the anchors.
    """
    if not getattr(subject.model, "generative", False):
        yield "No figures of samples: the model has no prior or chain to sample from."
        return
    why_not = _no_parzen(subject.grey.spec)
    if why_not is not None:
        yield f"No Parzen log-likelihood: {why_not}"
    if judged is None:
        yield "No class coverage and Frechet distance: the data have no labels."
    if why_not is not None and judged is None:
        return
    made = _made(subject, judged, num_samples, seed, keep=why_not is None)
    if _is_chain(subject):
        yield "Steps of a chain depend on each other: errors of samples/ are too small."
    if made.samples is not None:
        yield from _parzen_figures(subject, made.samples, seed)
    if judged is not None:
        yield from _judged_figures(subject, judged, made)


def _no_parzen(spec: Spec) -> str | None:
    """Why Parzen windows make no sense of these data, or None."""
    if not spec.is_image:
        return "it is for images."
    if UNIT_DATA not in spec.provides:
        return f"the data lie in [{spec.low:.4g}, {spec.high:.4g}], not in [0, 1]."
    if (size := math.prod(spec.shape)) > _PARZEN_ELEMENTS:
        return f"an image has {size:,} values, more than {_PARZEN_ELEMENTS:,}."
    return None


# -- samples ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Samples:
    """Samples, and what the judge makes of them."""

    samples: Tensor | None
    """[M, D], scaled units, where they are needed."""
    features: np.ndarray | None
    """[M, F], where there is a judge."""
    probabilities: np.ndarray | None
    """[M, C], likewise."""


@torch.no_grad()
def _made(
    subject: Subject, judged: Judge | None, number: int, seed: int, *, keep: bool
) -> _Samples:
    """Draw samples block by block; only what is needed of them is kept."""
    model, like, spec = subject.model, subject.like, subject.grey.spec
    generator = generator_like(like, seed)
    samples: list[Tensor] = []
    features: list[np.ndarray] = []
    probabilities: list[np.ndarray] = []
    with progress_bar(number, unit="sample", description="Sampling") as bar:
        for part in block_slices(number, spec.shape, 4, most=_BLOCK):
            size = part.stop - part.start
            x = with_noise_of(generator, functools.partial(model.sample, size), like)
            if keep:
                samples.append(on_exact_device(x.flatten(1)))
            if judged is not None:
                stored = spec.unscaled(x.cpu().double().numpy())
                features.append(judged.features(stored))
                probabilities.append(judged.probabilities(stored))
            bar.update(size)
    return _Samples(
        samples=torch.cat(samples) if samples else None,
        features=np.concatenate(features) if features else None,
        probabilities=np.concatenate(probabilities) if probabilities else None,
    )


def _whose(subject: Subject, number: int) -> str:
    """Samples in words."""
    what = "consecutive steps of chains" if _is_chain(subject) else "samples"
    return f"{number:,} {what}"


def _is_chain(subject: Subject) -> bool:
    return hasattr(subject.model, "transition")


# -- Parzen windows --------------------------------------------------------------------


def _parzen_figures(subject: Subject, samples: Tensor, seed: int) -> Iterator[Figure]:
    """Of samples, and of both anchors with as many centres."""
    data, size = subject.grey, samples.shape[1]

    def rows(x: Tensor) -> Tensor:
        return on_exact_device(x.flatten(1))

    test = torch.cat([rows(x) for x in batches(data.test)])
    shown = min(_SIGMA_IMAGES, len(data.validation))
    validation = rows(data.validation.gather(slice(shown)))
    some = data.train.first(max(2, _PARZEN_VALUES // size))
    train = torch.cat([rows(x) for x in batches(some)])
    total = 3 * (len(test) + len(validation))
    with progress_bar(total, unit="example", description="Parzen windows") as bar:
        found = parzen(samples, validation, test, tick=bar.update)
        anchors = parzen_anchors(
            train, validation, test,
            num_centres=len(samples), seed=seed, tick=bar.update,
        )  # fmt: skip
    whose = f"of {len(test):,} test images, Parzen windows around"
    images = min(len(samples), len(train))
    for name, estimate, centres in (
        ("parzen", found, f"the means of {_whose(subject, len(samples))}"),
        ("parzen/train_images", anchors.train_images, f"{images:,} training images"),
        ("parzen/gaussian", anchors.gaussian, f"{len(samples):,} samples of a Gaussian "
         "fitted to training images"),
    ):  # fmt: skip
        yield Figure(
            name=name,
            value=estimate.mean,
            standard_error=_finite(estimate.standard_error),
            unit="nats",
            definition=f"log-likelihood {whose} {centres}, their width "
            f"{estimate.sigma:.3g} chosen on {shown:,} validation images",
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# -- the judge -------------------------------------------------------------------------


def _judged_figures(
    subject: Subject, judged: Judge, made: _Samples
) -> Iterator[Finding]:
    """What a classifier tells of samples, and of the test part as their measure."""
    data = subject.grey
    number = len(data.test)
    right = judged.accuracy
    yield Figure(
        name="judge/accuracy",
        value=right,
        standard_error=math.sqrt(right * (1 - right) / number),
        unit="share",
        definition=f"test examples that the judge labels rightly: a classifier, recipe "
        f"{RECIPE}, seed {judged.seed}",
    )
    assert made.probabilities is not None
    assert made.features is not None
    real = _of_examples(data.test, data.spec, judged.probabilities)
    of_samples = _whose(subject, len(made.probabilities))
    yield from class_entries("samples", made.probabilities, of_samples)
    yield from class_entries("test", real, f"{number:,} test examples")
    half = data.train.first(len(data.train) // 2)
    few = min(len(half), len(made.features), number)
    if few < 2:
        yield "No Frechet distance: two examples of each kind are the least."
        return
    size = min(len(half), len(made.features))
    test = torch.from_numpy(_of_examples(data.test, data.spec, judged.features))
    training = _of_examples(half.first(size), data.spec, judged.features)
    for name, features, whose in (
        ("frechet", made.features[:size], _whose(subject, size)),
        ("frechet/floor", training, f"{size:,} training examples"),
    ):
        yield Figure(
            name=name,
            value=frechet_distance(torch.from_numpy(features), test),
            unit="judge's features^2",
            definition=f"squared Frechet distance of {whose} from {number:,} test "
            "examples",
        )


def _of_examples(
    split: Split, spec: Spec, function: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """What the judge tells of a whole part, in order."""
    return np.concatenate(
        [function(spec.unscaled(x.cpu().double().numpy())) for x in batches(split)]
    )
