"""Losses and regularizers against closed forms and PyTorch's distributions."""

import dataclasses

import pytest
import torch
from making import make
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from aerun import losses, regularizers
from aerun.draws import Draws
from aerun.models.outputs import Outputs, Posterior
from aerun.objective import Objective
from aerun.training.phases import default


def _out(**changes):
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(6, 2, 3, generator=generator, dtype=torch.float64)
    target = torch.rand(6, 2, 3, generator=generator, dtype=torch.float64)
    code = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    log_variance = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    posterior = Posterior(mean=code, log_variance=log_variance)
    out = Outputs(
        code=code, recon=raw.sigmoid(), raw=raw, target=target, posterior=posterior
    )
    return dataclasses.replace(out, **changes)


def test_mse_and_l1_are_elementwise_differences():
    """Losses keep one value per element; the objective alone reduces."""
    out = _out()
    torch.testing.assert_close(losses.mse(out, None), (out.recon - out.target) ** 2)
    torch.testing.assert_close(losses.l1(out, None), (out.recon - out.target).abs())


def test_bernoulli_is_the_negative_log_likelihood_of_binary_targets():
    """On 0 and 1 it equals the distribution's own figure, also at huge logits."""
    out = _out(target=(torch.rand(6, 2, 3).double() > 0.5).double())
    expected = -Bernoulli(logits=out.raw).log_prob(out.target)
    torch.testing.assert_close(losses.bernoulli(out, None), expected)
    extreme = _out(raw=torch.full((6, 2, 3), 1e4).double(), target=torch.zeros(6, 2, 3))
    assert losses.bernoulli(extreme, None).max() == 1e4


@pytest.mark.parametrize("learned", [False, True])
def test_gaussian_is_the_negative_log_likelihood(learned):
    """It equals the distribution's own figure; learned, it starts there."""
    out = _out()
    loss = losses.Gaussian(learned=learned).double()
    expected = -Normal(out.recon, 0.3).log_prob(out.target)
    torch.testing.assert_close(loss(out, None, variance=0.09), expected)


def test_a_learned_variance_goes_to_the_mean_squared_error():
    """The variance that minimises the loss is the mean squared error."""
    out, loss = _out(), losses.Gaussian(learned=True).double()
    optimizer = torch.optim.LBFGS(
        loss.parameters(), max_iter=100, tolerance_grad=1e-12, tolerance_change=1e-14
    )

    def closure():
        optimizer.zero_grad()
        value = loss(out, None, variance=0.5).mean()
        value.backward()
        return value

    optimizer.step(closure)
    variance = 0.5 * loss.log_factor.exp()
    torch.testing.assert_close(variance, losses.mse(out, None).mean())


def test_kl_is_that_of_the_distributions_and_zero_at_the_prior():
    """The closed form equals PyTorch's, summed over dimensions; 0 at N(0, I)."""
    out = _out()
    posterior = Normal(out.posterior.mean, (out.posterior.log_variance / 2).exp())
    prior = Normal(torch.zeros(()).double(), torch.ones(()).double())
    expected = kl_divergence(posterior, prior).sum(1)
    torch.testing.assert_close(regularizers.kl(out, None, free_bits=0), expected)
    zeros = torch.zeros(6, 4)
    same = _out(posterior=Posterior(mean=zeros, log_variance=zeros))
    assert torch.equal(regularizers.kl(same, None, free_bits=0), torch.zeros(6))


def test_l1_sums_the_codes_magnitudes_per_example():
    """One figure per example."""
    out = _out()
    torch.testing.assert_close(regularizers.l1(out, None), out.code.abs().sum(1))


def test_weight_decay_counts_a_shared_matrix_once_and_no_bias():
    """A tied model pays for half of what the untied one pays."""
    model = make("model=tied")[1].objective.model
    expected = sum((level.weight**2).sum() / 2 for level in model.encoder.levels)
    torch.testing.assert_close(regularizers.weight_decay(None, model), expected)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_loss_is_reconstruction_plus_weighted_terms(reduction):
    """By hand: average over the batch of sums or means over elements, plus terms."""
    _, built = make(
        "model=vae", "+regularizer=[l1]", "regularizer.kl.weight=0.3",
        "regularizer.l1.weight=0.7", f"loss.reduction={reduction}",
    )  # fmt: skip
    objective = built.objective
    x = built.data.train.gather(slice(7))
    noise = torch.randn(7, 16)
    knobs = {k: torch.tensor(v) for k, v in built.training.knob_values().items()}
    found = objective(x, knobs, Draws([noise]))
    features, mean = objective.model.encoder(x)
    log_variance = objective.model.bottleneck.log_variance(features)
    raw = objective.model.decoder(mean + noise * (log_variance / 2).exp())
    errors = nn.functional.binary_cross_entropy_with_logits(raw, x, reduction="none")
    errors = errors.flatten(1)
    reconstruction = getattr(errors, reduction)(1).mean()
    kl = ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).sum(1).mean()
    l1 = mean.abs().sum(1).mean()
    torch.testing.assert_close(found["reconstruction"], reconstruction)
    torch.testing.assert_close(found["kl"], kl)
    torch.testing.assert_close(found["loss"], reconstruction + 0.3 * kl + 0.7 * l1)


def test_the_target_of_a_corrupted_input_stays_clean():
    """Corruption changes what the encoder sees, not what is asked for."""
    _, built = make("corruption=gaussian", "corruption.std=0.5")
    x = built.data.train.gather(slice(4))
    knobs = {k: torch.tensor(v) for k, v in built.training.knob_values().items()}
    noise = torch.randn(4, 1, 8, 8)
    terms, out = built.objective.terms(x, knobs, Draws([noise]))
    assert torch.equal(out.target, x)
    expected = built.objective.model(x + 0.5 * noise).recon
    torch.testing.assert_close(out.recon, expected)
    torch.testing.assert_close(
        terms["reconstruction"], ((expected - x) ** 2).flatten(1).sum(1)
    )


class _Opponent(nn.Module):
    """A toy opponent: it estimates the mean code, the model flees from the estimate."""

    def __init__(self, size):
        super().__init__()
        self.guess = nn.Parameter(torch.zeros(size))

    def forward(self, out, model):
        return -(out.code - self.guess).square().sum(1)

    def opponent_loss(self, out, model):
        return (out.code - self.guess).square().sum(1).mean()


def test_an_opponent_gets_an_update_of_its_own():
    """Each update of a game moves only its own parameters, in the one loop."""
    from aerun.build import trainer_options
    from aerun.schedules import Knobs
    from aerun.training.loop import Training

    config, built = make("trainer.epochs=1", "trainer.max_steps=1")
    plain = built.objective
    objective = Objective(
        model=plain.model,
        loss=losses.mse,
        reduction="sum",
        regularizers={"chase": _Opponent(3)},
    )
    options = trainer_options(config)
    training = Training(
        lambda: default(objective, built.data.train, options),
        options,
        root=objective,
        knobs=Knobs({"regularizer.chase.weight": 0.1}),
        seed=0,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    model_step, opponent_step = training.steps
    assert list(opponent_step.update.parameters) == ["regularizers.chase.call.guess"]
    assert not set(model_step.update.parameters) & set(opponent_step.update.parameters)
    x = built.data.train.gather(slice(8))
    knobs = {"regularizer.chase.weight": torch.tensor(0.1)}
    generator = torch.Generator().manual_seed(0)
    before = {k: v.detach().clone() for k, v in objective.named_parameters()}
    opponent_step(x, knobs, generator, 0.1)
    moved = {
        k for k, v in objective.named_parameters() if not torch.equal(v, before[k])
    }
    assert moved == {"regularizers.chase.call.guess"}
    before = {k: v.detach().clone() for k, v in objective.named_parameters()}
    model_step(x, knobs, generator, 0.1)
    guess = objective.regularizers["chase"].call.guess
    assert torch.equal(guess, before["regularizers.chase.call.guess"])
    list(training)
    assert "chase_opponent" in training.columns
