"""Figures of models whose code has a distribution: likelihoods, used dimensions."""

from collections.abc import Iterator

import torch
from torch import Tensor

from aerun.errors import BadUse
from aerun.evaluation.entries import Figure, Finding, Subject, average, first
from aerun.evaluation.likelihood import (
    importance_log_likelihood,
    loss_log_likelihood,
)
from aerun.evaluation.units import ACTIVE_VARIANCE, posterior_units
from aerun.models.priors import prior_of
from aerun.progress import progress_bar

_BINARY_SEED = 0  # the same zeros and ones for every run on the same data
_RELIED_ON = ("decoder", "code_shape", "output_activation")


def posterior_figures(
    subject: Subject, *, num_images: int, num_samples: int, seed: int
) -> Iterator[Finding]:
    """Log-likelihoods, and how much each dimension of the code carries.

    Args:
        subject: Whose posterior is sampled.
        num_images: Test examples whose likelihood is estimated, at most.
        num_samples: Importance samples of each.
        seed: Of these samples.
    """
    model = subject.model
    units = posterior_units(model, subject.data.test)
    if units is None:
        yield "No log-likelihood: the code has no distribution, as model=vae has one."
        return
    yield from _likelihoods(subject, num_images, num_samples, seed)
    own = hasattr(getattr(model, "prior", None), "divergence_per_dimension")
    yield Figure(
        name="active_units",
        value=units.num_active,
        unit=f"of {len(units.kl)}",
        definition="code dimensions whose posterior mean varies over test examples by "
        f"more than {ACTIVE_VARIANCE:g}",
    )
    yield Figure(
        name="kl_per_dimension",
        value=units.kl.tolist(),
        unit="nats",
        definition="KL divergence of the posterior from "
        f"{'the prior' if own else 'a standard normal'}, mean over test examples",
    )


def _likelihoods(
    subject: Subject, num_images: int, num_samples: int, seed: int
) -> Iterator[Finding]:
    """-log p(x) for 1, 10, 100, ... samples, and the lower bound of log p(x)."""
    model, loss = subject.model, subject.objective.loss
    try:
        log_likelihood = loss_log_likelihood(loss, model, subject.knobs)
    except BadUse as error:
        yield f"No log-likelihood: {error}"
        return
    if not all(hasattr(model, name) for name in _RELIED_ON):
        yield "No log-likelihood: the model lacks one of " + ", ".join(_RELIED_ON) + "."
        return
    x = first(subject.data, num_images)
    if subject.binarize == "dynamic":
        x = _drawn(x)
    ks = [10**power for power in range(len(str(num_samples)))] + [num_samples]
    total = len(x) * num_samples
    with progress_bar(total, unit="sample", description="Likelihood") as bar:
        found = importance_log_likelihood(
            model,
            x,
            log_likelihood,
            ks=ks,
            seed=seed,
            prior=prior_of(model).log_density,
            tick=bar.update,
        )
    what, of_which = _meaning(subject, x)
    whose = f"{len(x):,} test examples{of_which}"
    for k, values in zip(found.ks, found.log_likelihood, strict=True):
        text = f"{what} with {k} importance sample{'s' * (k > 1)} each, {whose}"
        yield average(-values, name=f"nll/{k}", unit="nats", definition=text)
    text = f"lower bound of minus nll by {num_samples} samples each, {whose}"
    yield average(found.elbo, name="elbo", unit="nats", definition=text)


def _meaning(subject: Subject, x: Tensor) -> tuple[str, str]:
    """What minus a log-likelihood is called here, and what was done to the examples."""
    drawn = {
        "none": "",
        "dynamic": ", binarised once (dataset.binarize=dynamic)",
        "fixed": ", binarised (dataset.binarize=fixed)",
    }[subject.binarize]
    formula = subject.objective.loss.call
    grey = not bool(((x == 0) | (x == 1)).all())
    if grey and getattr(formula, "link", None) == "sigmoid":
        return "cross-entropy, no likelihood of grey values,", drawn
    return "-log p(x)", drawn


def _drawn(x: Tensor) -> Tensor:
    """Zeros and ones with the probabilities x, the same on every device."""
    generator = torch.Generator().manual_seed(_BINARY_SEED)
    return (torch.rand(x.shape, generator=generator).to(x) < x).to(x)
