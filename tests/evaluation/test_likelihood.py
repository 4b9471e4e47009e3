"""Importance-sampled likelihoods against linear models whose likelihood is known."""

import math

import pytest
import torch
from torch import nn

from aerun import losses
from aerun.errors import BadUse
from aerun.evaluation import likelihood
from aerun.evaluation.likelihood import (
    importance_log_likelihood,
    loss_log_likelihood,
    standard_error,
)
from aerun.models.autoencoder import Autoencoder
from aerun.models.outputs import Outputs, Posterior
from aerun.models.priors import STANDARD
from aerun.objective import Part

VARIANCE = 0.3


class _Encoder(nn.Module):
    """The exact posterior mean of a linear model, moved and spread on request."""

    def __init__(self, weight, offset, moved):
        super().__init__()
        precision = torch.eye(weight.shape[1]) + weight.T @ weight / VARIANCE
        self.precision, self.offset, self.moved = precision, offset, moved
        self.read = precision.inverse() @ weight.T / VARIANCE
        self.output_shape = (weight.shape[1],)
        self.levels = [self]

    def forward(self, x):
        mean = (x - self.offset) @ self.read.T
        return x, mean + self.moved


class _Bottleneck(nn.Module):
    def __init__(self, log_variance):
        super().__init__()
        self.log_variance = log_variance

    def forward(self, features, code, draws):
        spread = self.log_variance.expand_as(code)
        return code, Posterior(mean=code, log_variance=spread)


def _linear(size, elements=6, *, spread=1.0, moved=0.0):
    """A linear-Gaussian model, examples of it [N, elements] and their log p(x)."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    weight, offset = 0.5 * normal(elements, size), normal(elements)
    decoder = nn.Linear(size, elements, dtype=torch.float64)
    decoder.weight.data, decoder.bias.data = weight.clone(), offset.clone()
    encoder = _Encoder(weight, offset, moved)
    log_variance = (spread / encoder.precision.diagonal()).log()
    model = Autoencoder(
        encoder=encoder, bottleneck=_Bottleneck(log_variance), decoder=decoder,
        prior=nn.Identity(), output_activation="none",
    )  # fmt: skip
    x = normal(64, size) @ weight.T + offset + VARIANCE**0.5 * normal(64, elements)
    covariance = weight @ weight.T + VARIANCE * torch.eye(elements)
    exact = torch.distributions.MultivariateNormal(offset, covariance).log_prob(x)
    return model, x, exact


def _log_likelihood(model):
    loss = Part(losses.Gaussian(learned=False), "loss")
    return loss_log_likelihood(loss, model, {"loss.variance": torch.tensor(VARIANCE)})


def _estimate(model, x, **options):
    options = {"ks": (1, 10, 100, 1000), "seed": 0, **options}
    return importance_log_likelihood(model, x, _log_likelihood(model), **options)


@pytest.fixture(autouse=True)
def _double():
    """Oracles in double precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_wide_posterior_gives_the_exact_likelihood(size):
    """Log N(x; b, W W^T + v I), from samples twice as spread and off their place."""
    model, x, exact = _linear(size, spread=2.0, moved=0.05)
    found = _estimate(model, x, ks=(5000,))
    assert float(found.mean) == pytest.approx(float(exact.mean()), abs=0.01)
    torch.testing.assert_close(found.log_likelihood[0], exact, atol=0.12, rtol=0)
    assert bool((found.elbo < exact - 0.05).all())


def test_the_exact_posterior_leaves_nothing_to_chance():
    """All weights are then p(x): the estimate and the ELBO equal it for every k."""
    model, x, exact = _linear(1)
    found = _estimate(model, x, ks=(1, 3, 7))
    assert found.ks == (1, 3, 7)
    for row in (*found.log_likelihood, found.elbo):
        torch.testing.assert_close(row, exact, atol=1e-4, rtol=0)


def test_the_bound_rises_with_the_number_of_samples():
    """By no less than chance allows, to the exact value, and never below the ELBO."""
    model, x, exact = _linear(3, spread=3.0)
    found = _estimate(model, x)
    assert bool((found.gain > -3 * found.gain_standard_error).all())
    assert float(found.gain[0]) > 3 * float(found.gain_standard_error[0])
    assert float(found.mean[0]) < float(found.mean[-1]) < float(exact.mean()) + 0.01
    assert bool((found.log_likelihood[-1] >= found.elbo).all())


def test_the_elbo_is_likelihood_minus_divergence():
    """E log p(x|z) - KL(q || p), both of which a linear model has in closed form."""
    model, x, _ = _linear(2, spread=2.0)
    found = _estimate(model, x, ks=(20000,))
    posterior, weight = model(x).posterior, model.decoder.weight
    variance = posterior.log_variance.exp()
    spread = (variance @ weight.square().T).sum(1) / (2 * VARIANCE)
    error = (model(x).recon - x).square().sum(1) / (2 * VARIANCE)
    decoded = -error - spread - 6 * math.log(2 * math.pi * VARIANCE) / 2
    kl = (posterior.mean.square() + variance - 1 - posterior.log_variance).sum(1) / 2
    expected = float((decoded - kl).detach().mean())
    assert float(found.elbo.mean()) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("rows", [1, 7, 60, 130, 200, 100_000])
def test_chunks_do_not_change_the_result(rows, monkeypatch):
    """One seed gives one result, however many latents are decoded at a time."""
    monkeypatch.setattr(likelihood, "_DRAWN", 30)
    model, x, _ = _linear(2, spread=2.0)
    sizes, rows_seen = [], []
    model.decoder.register_forward_hook(lambda *a: sizes.append(len(a[2])))
    options = {"ks": (1, 4, 65), "seed": 3}
    whole = _estimate(model, x[:5], **options)
    sizes.clear()
    parts = _estimate(model, x[:5], **options, rows=rows, tick=rows_seen.append)
    torch.testing.assert_close(parts.log_likelihood, whole.log_likelihood)
    torch.testing.assert_close(parts.elbo, whole.elbo)
    assert max(sizes) <= rows
    assert sum(rows_seen) == 5 * 65
    assert max(rows_seen) <= rows


def test_each_estimate_is_of_the_first_samples_of_one_run():
    """And the first examples' does not depend on how many follow, only on the seed."""
    model, x, _ = _linear(2, spread=2.0)
    found = _estimate(model, x, ks=(100, 1, 10, 10))
    assert found.ks == (1, 10, 100)
    some = _estimate(model, x[:3], ks=(1, 10, 100))
    torch.testing.assert_close(some.log_likelihood, found.log_likelihood[:, :3])
    other = _estimate(model, x[:3], ks=(1, 10, 100), seed=1)
    assert not torch.isclose(some.log_likelihood, other.log_likelihood).any()


def test_global_random_numbers_are_left_alone():
    """Noise comes from a generator of its own; the model is left in evaluation."""
    model, x, _ = _linear(2)
    state = torch.get_rng_state()
    model.train()
    _estimate(model, x[:3])
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training


def test_another_prior_can_be_given():
    """A prior moved to m is that of a model whose offset is moved by W m."""
    model, x, exact = _linear(1, spread=1.5)
    shift = 0.7

    def moved(latent):
        return STANDARD.log_density(latent - shift)

    x = x + shift * model.decoder.weight.detach()[:, 0]
    found = _estimate(model, x, ks=(5000,), prior=moved)
    assert float(found.mean) == pytest.approx(float(exact.mean()), abs=0.01)


def test_standard_errors_are_those_of_numpy():
    """Of each k and of paired differences; of a single example there is none."""
    model, x, _ = _linear(2, spread=2.0)
    found = _estimate(model, x, ks=(1, 50))
    values = found.log_likelihood.numpy()
    expected = values.std(1, ddof=1) / math.sqrt(64)
    torch.testing.assert_close(found.standard_error, torch.tensor(expected))
    paired = (values[1] - values[0]).std(ddof=1) / math.sqrt(64)
    assert float(found.gain_standard_error) == pytest.approx(paired)
    assert float(found.gain) == pytest.approx((values[1] - values[0]).mean())
    assert standard_error(torch.ones(1)).isnan()


# -- the likelihood of a loss --------------------------------------------------------


def _pass(recon, target):
    return Outputs(code=recon, recon=recon, raw=recon, target=target)


def test_likelihoods_of_losses_are_those_of_distributions():
    """Summed over all elements of an image, against torch.distributions."""
    raw, target = torch.randn(4, 2, 3), (torch.rand(4, 2, 3) > 0.5).double()
    bernoulli = loss_log_likelihood(Part(losses.bernoulli, "loss"), nn.Module(), {})
    expected = torch.distributions.Bernoulli(logits=raw).log_prob(target)
    torch.testing.assert_close(bernoulli(_pass(raw, target)), expected.sum((1, 2)))
    gaussian = _log_likelihood(nn.Module())
    expected = torch.distributions.Normal(raw, VARIANCE**0.5).log_prob(target)
    torch.testing.assert_close(gaussian(_pass(raw, target)), expected.sum((1, 2)))


@pytest.mark.parametrize("loss", [losses.mse, losses.l1])
def test_a_loss_that_is_no_likelihood_is_refused(loss):
    """By name, with what to use instead."""
    with pytest.raises(BadUse, match=f"{loss.__name__} is not a log-likelihood.*loss="):
        loss_log_likelihood(Part(loss, "loss"), nn.Module(), {})


def test_a_model_without_posterior_is_refused():
    """As are numbers of samples that are not positive."""
    model, x, _ = _linear(1)
    with pytest.raises(BadUse, match="at least 1"):
        _estimate(model, x, ks=(0, 5))
    model.bottleneck.forward = lambda features, code, draws: (code, None)
    with pytest.raises(BadUse, match="no posterior"):
        _estimate(model, x)
