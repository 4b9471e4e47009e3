"""Priors against SciPy and PyTorch: their densities, samples and divergences."""

import math

import numpy as np
import pytest
import torch
from making import make
from torch.distributions import Normal as Reference
from torch.distributions import kl_divergence

import aerun
from aerun import regularizers
from aerun.draws import with_noise
from aerun.errors import BadUse
from aerun.models.outputs import Outputs, Posterior
from aerun.models.priors import STANDARD, Mixture, NoPrior, Normal, SwissRoll

pytestmark = pytest.mark.usefixtures("unpictured")

PRIORS = {
    "normal": Normal(mean=1.0, std=3.0),
    "mixture": Mixture(components=5, radius=3.0, std=0.3),
    "swiss_roll": SwissRoll(radius=3.0, std=0.2),
}


def _samples(prior, number=20_000, size=2, seed=0):
    like = torch.zeros((), dtype=torch.float64)
    return with_noise(lambda draws: prior.sample(number, size, draws), like, seed=seed)


def _posterior(size=4):
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 6, size, generator=generator).double()
    return Posterior(mean=mean, log_variance=log_variance)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_a_density_integrates_to_one_and_is_that_of_the_samples(prior):
    """On a fine grid; its mean over samples is minus the entropy of the grid."""
    edge = torch.arange(-16, 16, 0.2, dtype=torch.float64)
    grid = torch.cartesian_prod(edge, edge)
    logs = prior.log_density(grid)
    mass = logs.exp() * 0.2**2
    assert math.isclose(mass.sum(), 1, abs_tol=2e-3)
    found = prior.log_density(_samples(prior)).mean()
    assert math.isclose(found, (mass * logs).sum(), abs_tol=0.04)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_pairs_of_a_larger_code_are_independent(prior):
    """The density of four numbers is that of both pairs."""
    codes = _samples(prior, number=50, size=4)
    pairs = prior.log_density(codes[:, :2]) + prior.log_density(codes[:, 2:])
    torch.testing.assert_close(prior.log_density(codes), pairs)


def test_the_divergence_from_a_gaussian_is_pytorchs():
    """Of any mean and spread, dimension by dimension."""
    posterior = _posterior()
    theirs = kl_divergence(
        Reference(posterior.mean, (posterior.log_variance / 2).exp()),
        Reference(torch.tensor(1.0).double(), torch.tensor(3.0).double()),
    )
    found = PRIORS["normal"].divergence_per_dimension(posterior)
    torch.testing.assert_close(found, theirs)


def test_dimensions_may_have_moments_of_their_own():
    """Density, divergence and samples are PyTorch's, dimension by dimension."""
    mean, std = [1.0, -2.0, 0.0, 0.5], [0.5, 1.0, 3.0, 2.0]
    prior, posterior = Normal(mean=mean, std=std), _posterior()
    theirs = Reference(*torch.tensor([mean, std]).double())
    own = Reference(posterior.mean, (posterior.log_variance / 2).exp())
    found = prior.divergence_per_dimension(posterior)
    torch.testing.assert_close(found, kl_divergence(own, theirs))
    z = posterior.mean
    torch.testing.assert_close(prior.log_density(z), theirs.log_prob(z).sum(1))
    samples = _samples(prior, size=4)
    torch.testing.assert_close(samples.mean(0), theirs.mean, atol=0.1, rtol=0)
    torch.testing.assert_close(samples.std(0), theirs.stddev, rtol=0.03, atol=0)


def test_one_number_is_the_same_in_every_dimension():
    """To the last digits of double precision."""
    one, each = Normal(mean=0.1, std=0.3), Normal(mean=[0.1] * 4, std=[0.3] * 4)
    posterior = _posterior()
    for found in ("log_density", "divergence_per_dimension"):
        given = posterior.mean if found == "log_density" else posterior
        ours, theirs = (getattr(prior, found)(given) for prior in (one, each))
        torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=0)


def test_a_list_of_another_length_is_refused():
    """Before anything is trained, with both numbers."""
    asked = "model.prior.std=[1,2,3]"
    with pytest.raises(BadUse, match=r"model.prior.std: a list of 3 for a code of 16"):
        make("model=vae", asked)
    make("model=vae", asked, "model.code=3", "model.prior.mean=[0,1,5]")


def test_one_sample_estimates_the_divergence_without_bias():
    """Its average over many samples is the closed form, within three errors."""
    posterior = _posterior(2)
    exact = STANDARD.divergence_per_dimension(posterior).sum(1)
    noise = torch.randn(4000, 6, 2, generator=torch.Generator().manual_seed(1)).double()
    latent = posterior.mean + noise * (posterior.log_variance / 2).exp()
    found = torch.stack([STANDARD.divergence(posterior, z) for z in latent])
    error = found.std(0) / math.sqrt(len(found))
    assert ((found.mean(0) - exact).abs() < 3 * error).all()


def test_free_bits_cost_nothing_and_push_nothing():
    """Each dimension pays at least its free nats, and below them has no gradient."""
    posterior = _posterior()
    posterior.mean.requires_grad_()
    out = Outputs(code=posterior.mean, recon=posterior.mean, posterior=posterior)
    each = STANDARD.divergence_per_dimension(posterior)
    paid = regularizers.kl(out, torch.nn.Identity(), free_bits=0.5)
    torch.testing.assert_close(paid, each.clamp(min=0.5).sum(1))
    (gradient,) = torch.autograd.grad(paid.sum(), posterior.mean)
    assert torch.equal(gradient == 0, each <= 0.5)


@pytest.mark.parametrize("name", ["mixture", "swiss_roll"])
def test_a_variational_model_takes_any_prior(name):
    """Its samples are decoded samples of that prior; the KL falls in training."""
    _, built = make(
        "model=vae", f"model/prior={name}", "model.code=2", "trainer.epochs=3"
    )
    list(built.training)
    model = built.objective.model.eval()
    samples = with_noise(
        lambda draws: model.sample(50, draws), built.data.test.gather(slice(1)), seed=0
    )
    assert samples.shape == (50, 1, 8, 8)
    assert not isinstance(model.prior, NoPrior)


@pytest.mark.parametrize("name", ["mixture", "swiss_roll"])
def test_the_last_number_of_an_odd_code_is_gaussian(name):
    """Its density is the plane's times that of N(0, (radius / 2)^2)."""
    prior = PRIORS[name]
    codes = _samples(prior, number=4000, size=3)
    last = Reference(torch.zeros(()).double(), torch.tensor(1.5).double())
    expected = prior.log_density(codes[:, :2]) + last.log_prob(codes[:, 2])
    torch.testing.assert_close(prior.log_density(codes), expected)
    assert math.isclose(codes[:, 2].std(), 1.5, rel_tol=0.05)


def test_a_term_that_needs_a_prior_says_so():
    """A plain model has none to be matched to."""
    with pytest.raises(BadUse, match="model/prior=normal"):
        aerun.run(["model=stacked", "regularizer=adversarial_prior"])


def test_the_log_std_of_the_lecture_is_half_the_log_variance():
    """The same network read both ways differs by that factor."""
    models = [
        make("model=vae", f"model.bottleneck.gives={gives}")[1].objective.model.eval()
        for gives in ("variance", "std")
    ]
    x = torch.rand(5, 1, 8, 8)
    variance, std = (model(x).posterior.log_variance for model in models)
    np.testing.assert_allclose(std.detach(), 2 * variance.detach(), rtol=1e-6)
