"""The two games: what each side pays and moves, and that a run of them continues."""

import math

import pytest
import torch
from continuing import run_in_two_parts
from making import make

from aerun.adversarial import AdversarialInput, AdversarialPrior
from aerun.draws import Draws
from aerun.evaluation.splits import knob_tensors
from aerun.models.outputs import Outputs
from aerun.models.priors import Normal

pytestmark = pytest.mark.usefixtures("unpictured")

GAMES = ["model=aae", "model=adversarial"]
SHORT = ("device=cpu", "dataset.limit=300", "trainer.batch_size=50", "trainer.epochs=2")


def _numbers(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class _Model(torch.nn.Module):
    """A model that answers with half of what it sees."""

    prior = Normal(mean=1.0, std=2.0)

    def forward(self, x):
        return Outputs(code=x.flatten(1), recon=x / 2)


def test_the_discriminator_minimises_the_cross_entropy_of_codes_and_prior():
    """Its loss is PyTorch's, over as many of both; accuracy counts both kinds."""
    term = AdversarialPrior(code_size=3, hidden=[5], rate=1.0)
    codes, noise = _numbers(7, 3), _numbers(7, 3, seed=1) * 4 - 2
    out = Outputs(code=codes, latent=codes, recon=codes)
    loss, watched = term.opponent_loss(out, _Model(), draws=Draws([noise]))
    odds = torch.cat([term.logits(1 + 2 * noise), term.logits(codes)])
    kinds = torch.cat([torch.ones(7), torch.zeros(7)])
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(odds, kinds)
    torch.testing.assert_close(loss, 2 * entropy)
    right = ((odds > 0) == (kinds > 0)).float().mean()
    torch.testing.assert_close(watched["accuracy"], right)


def test_the_encoder_pays_for_codes_that_are_told_apart():
    """-log of the odds' probability, with a gradient for the codes alone."""
    term = AdversarialPrior(code_size=3, hidden=[5], rate=1.0)
    codes = _numbers(7, 3).requires_grad_()
    out = Outputs(code=codes, latent=codes, recon=codes)
    paid = term(out, _Model())
    torch.testing.assert_close(paid, -torch.sigmoid(term.logits(codes)).log())
    loss, _ = term.opponent_loss(out, _Model(), draws=Draws([torch.randn(7, 3)]))
    assert torch.autograd.grad(paid.sum(), codes)[0].abs().sum() > 0
    assert torch.autograd.grad(loss, codes, allow_unused=True)[0] is None


@pytest.mark.parametrize("target", ["clean", "attacked"])
def test_an_attack_is_bounded_and_both_sides_see_the_same_error(target):
    """Within eps and [0, 1]; the model pays it, the attacker gains it."""
    term = AdversarialInput(
        shape=(1, 4, 4), hidden=[9], noise=2, target=target, rate=1.0
    )
    x, noise = _numbers(6, 1, 4, 4), torch.randn(6, 2)
    attacked = term.attack(x, 0.2, Draws([noise]))
    assert (attacked - x).abs().max() <= 0.2 + 1e-6
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    out = Outputs(code=x.flatten(1), recon=x, target=x)
    paid = term(out, _Model(), eps=0.2, draws=Draws([noise]))
    wanted = x if target == "clean" else attacked
    expected = (attacked / 2 - wanted).square().flatten(1).sum(1)
    torch.testing.assert_close(paid, expected)
    loss, watched = term.opponent_loss(out, _Model(), eps=0.2, draws=Draws([noise]))
    torch.testing.assert_close(loss, -expected.mean())
    torch.testing.assert_close(watched["mse"], expected.mean() / 16)


def test_an_attacker_that_learns_does_more_harm():
    """Trained against a model that stands still, it beats its own beginning."""
    target = "regularizer.adversarial_input.target=attacked"
    _, built = make("model=adversarial", target, *SHORT)
    objective = built.objective
    step = next(s for s in built.training.steps if s.update.name != "model")
    x = built.data.train.gather(slice(200))
    knobs = knob_tensors(built.training.knob_values(), x)
    generator = torch.Generator().manual_seed(0)
    errors = [float(-step(x, knobs, generator, 0.002)[0]) for _ in range(60)]
    assert errors[-1] > 1.1 * errors[0]
    assert objective.watched("adversarial_input") == ("mse",)


@pytest.mark.parametrize("model", GAMES)
def test_each_step_of_a_game_moves_only_its_own_side(model):
    """The model's step leaves the opponent as it is, and the other way round."""
    _, built = make(model, *SHORT)
    objective, x = built.objective, built.data.train.gather(slice(20))
    knobs = knob_tensors(built.training.knob_values(), x)
    sides = {step.update.name: step for step in built.training.steps}
    assert len(sides) == 2
    for name, step in sides.items():
        before = {n: p.detach().clone() for n, p in objective.named_parameters()}
        step(x, knobs, torch.Generator().manual_seed(0), 0.01)
        moved = {
            n for n, p in objective.named_parameters() if not torch.equal(p, before[n])
        }
        assert moved == set(step.update.parameters), name
    model_side, opponent = (set(step.update.parameters) for step in sides.values())
    assert model_side | opponent == dict(objective.named_parameters()).keys()
    assert not model_side & opponent


@pytest.mark.parametrize("model", GAMES)
@pytest.mark.parametrize("trainer", ["default", "greedy"])
def test_a_game_continues_bit_for_bit(recorder, tmp_path, model, trainer):
    """Interrupted in the middle of an epoch, both sides end as without."""
    request = [model, f"trainer={trainer}", *SHORT]
    whole = recorder(*request, name="whole")
    assert whole.run(lambda: False)
    run_in_two_parts(recorder, request, step=8)
    for name in ("metrics.csv", "checkpoints/last.safetensors"):
        expected = (tmp_path / "whole" / name).read_bytes()
        assert (tmp_path / "parts" / name).read_bytes() == expected, name
    assert any(c.endswith("_opponent") for row in whole.rows for c in row)


def test_the_best_epoch_of_a_game_is_that_of_the_lowest_error(recorder):
    """What it costs to deceive the opponent says nothing of the model."""
    made = recorder("model=aae", *SHORT, name="run")
    made.run(lambda: False)
    lowest = min(made.rows, key=lambda row: row["val/mse"])
    assert (made.best.epoch, made.best.value) == (lowest["epoch"], lowest["val/mse"])


@pytest.mark.slow
@pytest.mark.shared
def test_codes_come_to_be_those_of_the_prior():
    """Of two dimensions, mean and spread are the prior's after a short game."""
    _, built = make(
        "model=aae", "model.code=2", "model.prior.std=2", "device=cpu",
        "trainer.lr=0.001", "regularizer.adversarial_prior.rate=0.5",
    )  # fmt: skip
    list(built.training)
    x = built.data.train.gather(slice(1000))
    with torch.no_grad():
        codes = built.objective.model.encode(x)
    assert codes.mean(0).abs().max() < 0.7
    assert math.isclose(codes.std(0).mean(), 2, rel_tol=0.25)
