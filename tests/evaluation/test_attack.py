"""Attacked inputs: where they may lie, and how much harm they do."""

import copy

import numpy as np
import pytest
import torch
from making import make
from torch import nn

from aerun.errors import BadUse
from aerun.evaluation import attack
from aerun.evaluation.attack import attack_errors, pgd
from aerun.models.outputs import Outputs

TARGETS = ["clean", "attacked"]


class _Line(nn.Module):
    """recon = scale x, element by element."""

    def __init__(self, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x):
        return Outputs(code=x, recon=self.scale * x)


@pytest.fixture(scope="module")
def trained():
    """A small model after some epochs, and its test images [B, 1, 8, 8]."""
    _, built = make("trainer.epochs=5", "trainer.lr=0.005")
    list(built.training)
    return built.objective.model, built.data.test.gather(slice(100))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("eps", "low", "high"), [(0.1, 0, 1), (0.3, -0.5, 2), (5, 0, 1)]
)
def test_attacked_inputs_stay_in_the_ball_and_in_the_range(
    trained, target, eps, low, high
):
    """And use up the ball: most elements that have an effect reach an end."""
    model, x = trained
    found = pgd(model, x, eps=eps, target=target, seed=0, low=low, high=high)
    away = (found - x).abs()
    assert found.shape == x.shape
    assert float(away.max()) <= eps + 1e-6
    assert low <= float(found.min())
    assert float(found.max()) <= high
    ends = (away > eps - 1e-4) | (found <= low) | (found >= high)
    assert float(ends.float().mean()) > 0.4


@pytest.mark.parametrize("target", TARGETS)
def test_an_attack_does_more_harm_than_noise(trained, target):
    """On nearly every image, and by far on average."""
    model, x = trained
    found = attack_errors(model, x, eps=0.1, target=target, seed=0)
    assert float((found.attacked >= found.noise).double().mean()) > 0.95
    assert float(found.excess.mean()) > 2 * float(found.excess_of_noise.mean())


def test_more_steps_do_more_harm(trained):
    """None at all is the noise itself."""
    model, x = trained
    none, few, many = (
        attack_errors(model, x, eps=0.1, steps=steps, seed=0) for steps in (0, 2, 20)
    )
    assert torch.equal(none.attacked, none.noise)
    assert none.noise.mean() < few.attacked.mean() < many.attacked.mean()


@pytest.mark.parametrize("eps", [0.1, 0.3])
def test_a_linear_model_is_led_to_the_best_sign(eps):
    """(x'/2 - x)^2 grows as x' falls, to x - eps; (x'/2 - x')^2 as it rises."""
    x = torch.linspace(0.35, 0.65, 7)[:, None]
    down = pgd(_Line(0.5), x, eps=eps, target="clean", seed=0)
    torch.testing.assert_close(down, x - eps)
    up = pgd(_Line(0.5), x, eps=eps, target="attacked", seed=0)
    torch.testing.assert_close(up, x + eps)
    ended = pgd(_Line(0.5), x, eps=eps, target="clean", seed=0, low=0.2)
    torch.testing.assert_close(ended, (x - eps).clamp(min=0.2))


def test_errors_are_those_by_hand(trained):
    """Per example, against what the reconstruction is compared with."""
    model, x = trained
    given = pgd(model, x, eps=0.2, target="attacked", seed=4)
    found = attack_errors(model, x, eps=0.2, target="attacked", seed=4)
    with torch.no_grad():
        own = (model(given).recon - given).square().mean((1, 2, 3))
        clean = (model(x).recon - x).square().mean((1, 2, 3))
    torch.testing.assert_close(found.attacked, own.double())
    torch.testing.assert_close(found.clean, clean.double())
    means = found.means()
    expected = (own - clean).double().numpy()
    assert means["excess"][0] == pytest.approx(expected.mean(), rel=1e-5)
    error = expected.std(ddof=1) / np.sqrt(len(x))
    assert means["excess"][1] == pytest.approx(error, rel=1e-5)
    assert set(means) == {"clean", "noise", "attacked", "excess", "excess_of_noise"}


def test_noise_is_uniform_in_the_ball():
    """Of variance eps^2 / 3 where the range does not cut it, and it is what is told."""
    x = torch.full((1000, 50), 0.5)
    found = attack_errors(_Line(0.0), x, eps=0.3, target="attacked", seed=0)
    expected = 0.25 + 0.3**2 / 3
    assert float(found.noise.mean()) == pytest.approx(expected, rel=0.01)
    assert float(found.clean.mean()) == pytest.approx(0.25)


@pytest.mark.parametrize("target", TARGETS)
def test_the_model_is_left_as_it_was(trained, target):
    """Weights, buffers, gradients already there, and global random numbers."""
    model, x = copy.deepcopy(trained)
    state, luck = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    first, *others = model.parameters()
    first.grad = torch.ones_like(first)
    for parameter in others:
        parameter.grad = None
    model.train()
    found = attack_errors(model, x, eps=0.1, target=target, seed=0)
    assert not found.attacked.requires_grad
    assert all(torch.equal(model.state_dict()[name], state[name]) for name in state)
    assert torch.equal(first.grad, torch.ones_like(first))
    assert all(parameter.grad is None for parameter in others)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), luck)
    assert not model.training


def test_an_attack_depends_on_its_seed_alone(trained, monkeypatch):
    """Not on how many examples are attacked at a time, nor on a caller's no_grad."""
    model, x = trained
    ticks = []
    whole = pgd(model, x, eps=0.1, seed=0)
    monkeypatch.setattr(attack, "_BATCH", 30)
    with torch.no_grad():
        parts = pgd(model, x, eps=0.1, seed=0, tick=ticks.append)
    assert ticks == [30, 30, 30, 10]
    # Where a gradient is nearly zero, its sign may hang on rounding.
    assert float((parts - whole).abs().gt(1e-5).float().mean()) < 0.01
    other = pgd(model, x, eps=0.1, steps=0, seed=1)
    assert not torch.equal(other, pgd(model, x, eps=0.1, steps=0, seed=0))


def test_inputs_outside_the_range_are_refused():
    """Clipping them would be no small change."""
    with pytest.raises(BadUse, match=r"from -1 to 3 are outside the range \[0, 1\]"):
        pgd(_Line(0.5), torch.tensor([[-1.0], [3.0]]), eps=0.1, seed=0)
