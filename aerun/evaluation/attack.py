"""Errors of reconstruction under attack: how far small changes of an input go."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from aerun.errors import BadUse
from aerun.evaluation.likelihood import standard_error

Target = Literal["clean", "attacked"]
"""What a reconstruction is compared with: the clean input, or what the model was
given."""

_BATCH = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackErrors:
    """Mean squared errors of each example, [N], scaled units squared, on the CPU."""

    clean: Tensor
    """From clean inputs."""
    noise: Tensor
    """From inputs with uniform noise in [-eps, eps], from which the attack starts."""
    attacked: Tensor
    """From inputs found by projected gradient ascent."""

    @property
    def excess(self) -> Tensor:
        """What the attack adds to the clean error, of each example, [N]."""
        return self.attacked - self.clean

    @property
    def excess_of_noise(self) -> Tensor:
        """What noise of the same size adds, [N]."""
        return self.noise - self.clean

    def means(self) -> dict[str, tuple[float, float]]:
        """Averages over examples with their standard errors, of all five by name."""
        names = ("clean", "noise", "attacked", "excess", "excess_of_noise")
        rows = {name: getattr(self, name) for name in names}
        return {n: (float(r.mean()), float(standard_error(r))) for n, r in rows.items()}


def pgd(
    model: Any,
    x: Tensor,
    *,
    eps: float,
    steps: int = 20,
    target: Target = "clean",
    seed: int,
    low: float = 0.0,
    high: float = 1.0,
    tick: Callable[[int], None] | None = None,
) -> Tensor:
    """Inputs near x that a model reconstructs badly.

    Projected gradient ascent on each example's mean squared error: from uniform noise,
    steps of 2.5 eps / steps along the gradient's sign, each followed by clipping to
    |x' - x| <= eps, element by element, and to the range of the data.

    Args:
        model: x [B, *shape] -> a pass with ``recon`` [B, *shape]; left in evaluation,
            its parameters and their gradients as they were.
        x: Clean inputs, [N, *shape], scaled units, within [low, high].
        eps: Largest change of an element, scaled units.
        steps: Of the ascent; 0 gives the noise it starts from.
        target: Whether the reconstruction is compared with x or with the input x'
            itself, through which the gradient then flows too.
        seed: Of the noise, from a generator of its own.
        low: Smallest value of an element.
        high: Largest value.
        tick: Told after each batch how many examples it took.

    Returns:
        Attacked inputs, [N, *shape].

    Raises:
        BadUse: Inputs are outside [low, high].

    References:
        Madry et al., "Towards deep learning models resistant to adversarial attacks"
        (2018), section 2.1; step size and random start of their MNIST evaluation.
    """
    least, most = float(x.min()), float(x.max())
    if least < low or most > high:
        raise BadUse(
            f"inputs from {least:.4g} to {most:.4g} are outside the range [{low:g}, "
            f"{high:g}] that attacked ones are kept in: give the data's own range."
        )
    model.eval()
    found = []
    started = _noisy(x, eps, seed, low, high)
    for clean, start in zip(x.split(_BATCH), started.split(_BATCH), strict=True):
        smallest = (clean - eps).clamp(min=low)
        largest = (clean + eps).clamp(max=high)
        attacked = start
        for _ in range(steps):
            step = _gradient(model, clean, attacked, target).sign()
            attacked = attacked + step * (2.5 * eps / steps)
            attacked = attacked.clamp(smallest, largest)
        found.append(attacked)
        if tick is not None:
            tick(len(clean))
    return torch.cat(found)


def attack_errors(
    model: Any,
    x: Tensor,
    *,
    eps: float,
    steps: int = 20,
    target: Target = "clean",
    seed: int,
    low: float = 0.0,
    high: float = 1.0,
    tick: Callable[[int], None] | None = None,
) -> AttackErrors:
    """Errors from clean, noisy and attacked inputs; arguments as those of ``pgd``.

    The noise is what the attack starts from: differences are paired.
    """
    attacked = pgd(
        model, x, eps=eps, steps=steps, target=target, seed=seed, low=low, high=high,
        tick=tick,
    )  # fmt: skip
    noisy = _noisy(x, eps, seed, low, high)
    return AttackErrors(
        clean=errors_from(model, x, x, target),
        noise=errors_from(model, x, noisy, target),
        attacked=errors_from(model, x, attacked, target),
    )


def _noisy(x: Tensor, eps: float, seed: int, low: float, high: float) -> Tensor:
    """Inputs [N, *shape] with uniform noise in [-eps, eps], clipped to the range."""
    generator = torch.Generator(device=x.device).manual_seed(seed)
    noise = torch.empty_like(x).uniform_(-eps, eps, generator=generator)
    return (x + noise).clamp(low, high)


def _mse(model: Any, clean: Tensor, given: Tensor, target: Target) -> Tensor:
    """Mean squared error of each example, [B]."""
    wanted = clean if target == "clean" else given
    squares: Tensor = (model(given).recon - wanted).square()
    return squares.flatten(1).mean(1)


def _gradient(model: Any, clean: Tensor, attacked: Tensor, target: Target) -> Tensor:
    """Of each example's error by its input, [B, *shape]; parameters get none."""
    with torch.enable_grad():
        given = attacked.detach().requires_grad_()
        total = _mse(model, clean, given, target).sum()
        (gradient,) = torch.autograd.grad(total, given)
    return gradient


@torch.no_grad()
def errors_from(model: Any, x: Tensor, given: Tensor, target: Target) -> Tensor:
    """Mean squared errors of each example, [N], on the CPU in double precision.

    Args:
        model: x [B, *shape] -> a pass with ``recon`` [B, *shape].
        x: Clean inputs, [N, *shape].
        given: What the model is given in their place, [N, *shape].
        target: Which of the two its reconstruction is compared with.
    """
    pairs: Iterator[tuple[Tensor, Tensor]]
    pairs = zip(x.split(_BATCH), given.split(_BATCH), strict=True)
    parts = [_mse(model, clean, some, target).cpu().double() for clean, some in pairs]
    return torch.cat(parts)
