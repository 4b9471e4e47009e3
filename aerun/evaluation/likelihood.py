"""Log-likelihoods of models with a Gaussian posterior, by importance sampling."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aerun.errors import BadUse
from aerun.models.outputs import Outputs, Posterior
from aerun.models.priors import STANDARD
from aerun.objective import Part

LogDensity = Callable[[Tensor], Tensor]
"""Latents [B, D] -> log p(z), [B], nats."""

LogLikelihood = Callable[[Outputs], Tensor]
"""A pass with ``raw``, ``recon`` and ``target`` -> log p(x|z), [B], nats."""

_DRAWN = 1000  # samples of an example drawn at once; not tied to the chunks' size
_ELEMENTS = 2**20  # of decoded outputs held at once, unless told


@dataclass(frozen=True, kw_only=True, slots=True)
class LikelihoodEstimate:
    """Importance-sampled log-likelihoods, on the CPU in double precision."""

    ks: tuple[int, ...]
    """Numbers of samples, ascending; each uses the first k of the same samples."""
    log_likelihood: Tensor
    """Of each example for each k, [K, N], nats; on average a lower bound."""
    elbo: Tensor
    """Mean log weight over all max(ks) samples, [N], nats; never above the last row."""

    @property
    def mean(self) -> Tensor:
        """Average over examples for each k, [K], nats."""
        return self.log_likelihood.mean(1)

    @property
    def standard_error(self) -> Tensor:
        """Of ``mean`` as an average over examples, [K]; not of the bound's gap."""
        return standard_error(self.log_likelihood)

    @property
    def gain(self) -> Tensor:
        """Average rise from each k to the next, [K - 1], nats; expected >= 0."""
        return self.log_likelihood.diff(dim=0).mean(1)

    @property
    def gain_standard_error(self) -> Tensor:
        """Of ``gain``, from the paired differences, [K - 1]."""
        return standard_error(self.log_likelihood.diff(dim=0))


def standard_error(values: Tensor) -> Tensor:
    """Of the mean over the last dimension, [..., N] -> [...], in the same units.

    Standard deviation (by N - 1) over sqrt(N); NaN where N is 1.
    """
    number = values.shape[-1]
    squares = (values - values.mean(-1, keepdim=True)).square().sum(-1)
    return (squares / number / (number - 1)).sqrt()


def loss_log_likelihood(
    loss: Part, model: nn.Module, knobs: Mapping[str, Tensor]
) -> LogLikelihood:
    """Read a loss as log p(x|z): minus the sum over an example's elements.

    A loss says by ``unit = "nats"`` that each of its elements is a negative
    log-likelihood, as ``bernoulli`` and ``gaussian`` do. Of a Bernoulli that holds for
    targets of 0 and 1 only: grey images have to be binarised before.

    Args:
        loss: The objective's.
        model: The model it is given.
        knobs: All numeric knobs, [] each.

    Raises:
        BadUse: The loss is no likelihood.
    """
    formula: Any = loss.call
    if getattr(formula, "unit", None) != "nats":
        name = getattr(formula, "__name__", type(formula).__name__)
        raise BadUse(
            f"loss: {name} is not a log-likelihood, so log p(x) cannot be estimated. "
            "Train with loss=bernoulli or loss=gaussian."
        )

    def log_likelihood(out: Outputs) -> Tensor:
        return -loss(out, model, knobs=knobs).flatten(1).sum(1)

    return log_likelihood


@torch.no_grad()
def importance_log_likelihood(
    model: Any,
    x: Tensor,
    log_likelihood: LogLikelihood,
    *,
    ks: Sequence[int] = (1, 10, 100, 1000),
    seed: int,
    prior: LogDensity = STANDARD.log_density,
    rows: int | None = None,
    tick: Callable[[int], None] | None = None,
) -> LikelihoodEstimate:
    """Estimate log p(x) with samples of the posterior.

    log p(x) ~ log 1/k sum_i p(x|z_i) p(z_i) / q(z_i|x), z_i ~ q(z|x): on average a
    lower bound that rises with k to log p(x). Noise comes from a generator of its own,
    example by example, so that the result does not depend on ``rows``, nor the first
    examples' on how many follow.

    Args:
        model: An autoencoder with a Gaussian posterior; left in evaluation.
        x: Examples, [N, *shape], scaled units, on the model's device.
        log_likelihood: log p(x|z); see ``loss_log_likelihood``.
        ks: Numbers of samples to give the estimate for, of one run of max(ks).
        seed: Of the noise.
        prior: log p(z).
        rows: Latents decoded at a time; None for about 4 MiB of outputs.
        tick: Told after each chunk how many of the N * max(ks) samples it took.

    Raises:
        BadUse: The model has no posterior, or a k is not positive.

    References:
        Burda, Grosse & Salakhutdinov, "Importance weighted autoencoders" (2015),
        equation 8; k = 5000 in their table 1.
    """
    ks = tuple(sorted(set(ks)))
    if not ks or ks[0] < 1:
        raise BadUse(f"numbers of samples {ks}: give one or more, each at least 1.")
    model.eval()
    most = ks[-1]
    rows = rows or max(1, _ELEMENTS // x[0].numel())
    generator = torch.Generator(device=x.device).manual_seed(seed)
    parts: list[_Running] = []
    for part in x.split(max(1, rows // most)):
        posterior = _posterior(model, part)
        running = _Running(ks)
        for noise in _noise(posterior.mean, most, generator):
            for some in noise.split(max(1, rows // len(part)), dim=1):
                latent = _sample(posterior, some)
                weights = _decoded(model, part, latent, log_likelihood)
                weights = weights + _prior_ratio(prior, posterior, latent, some)
                running.see(weights.cpu().double())
                if tick is not None:
                    tick(weights.numel())
        parts.append(running)
    return LikelihoodEstimate(
        ks=ks,
        log_likelihood=torch.cat([torch.stack(part.found) for part in parts], 1),
        elbo=torch.cat([part.sum / most for part in parts]),
    )


class _Running:
    """Log mean weights of the first k samples for several k, as samples come in."""

    def __init__(self, ks: tuple[int, ...]) -> None:
        self.ks, self.number = ks, 0
        self.found: list[Tensor] = []
        """For each k reached so far, [B]."""
        self.sum = torch.zeros((), dtype=torch.float64)
        """Of log weights, [B]."""
        self._log_sum = torch.tensor(-math.inf, dtype=torch.float64)

    def see(self, log_weights: Tensor) -> None:
        """Take the next samples' log weights [B, s] into account."""
        after = self.number + log_weights.shape[1]
        for k in self.ks:
            if self.number < k <= after:
                own = log_weights[:, : k - self.number].logsumexp(1)
                self.found.append(torch.logaddexp(self._log_sum, own) - math.log(k))
        self._log_sum = torch.logaddexp(self._log_sum, log_weights.logsumexp(1))
        self.sum = self.sum + log_weights.sum(1)
        self.number = after


def _posterior(model: Any, x: Tensor) -> Posterior:
    posterior: Posterior | None = model(x).posterior
    if posterior is None:
        raise BadUse(
            "model.bottleneck: it gives no posterior q(z|x) to draw importance samples "
            "from, so log p(x) cannot be estimated. Train with model=vae."
        )
    return posterior


def _noise(like: Tensor, k: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Standard normal noise [B, s, D] with sum of s = k, drawn example by example."""

    def one(number: int) -> Tensor:
        return torch.randn(
            (number, like.shape[1]),
            generator=generator, device=like.device, dtype=like.dtype,
        )  # fmt: skip

    sizes = [min(_DRAWN, k - start) for start in range(0, k, _DRAWN)]
    if len(like) == 1:
        yield from (one(size)[None] for size in sizes)
    else:
        yield torch.stack([torch.cat([one(size) for size in sizes]) for _ in like])


def _sample(posterior: Posterior, noise: Tensor) -> Tensor:
    """Latents [B, s, D]."""
    std = (posterior.log_variance / 2).exp()
    return posterior.mean[:, None] + noise * std[:, None]


def _prior_ratio(
    prior: LogDensity, posterior: Posterior, latent: Tensor, noise: Tensor
) -> Tensor:
    """Log p(z) - log q(z|x) of latents and their noise [B, s, D], [B, s], nats."""
    log_variance = posterior.log_variance[:, None] + math.log(2 * math.pi)
    log_posterior = -(noise.square() + log_variance).sum(2) / 2
    return prior(latent.flatten(0, 1)).view_as(log_posterior) - log_posterior


def _decoded(
    model: Any, x: Tensor, latent: Tensor, log_likelihood: LogLikelihood
) -> Tensor:
    """Log p(x|z) of examples [B, *shape] and latents [B, s, D], [B, s], nats."""
    number = latent.shape[1]
    flat = latent.flatten(0, 1)
    raw = model.decoder(flat.unflatten(1, model.code_shape))
    target = x[:, None].expand(-1, number, *x.shape[1:]).flatten(0, 1)
    recon = model.output_activation(raw)
    out = Outputs(code=flat, latent=flat, raw=raw, recon=recon, target=target)
    return log_likelihood(out).view(len(x), number)
