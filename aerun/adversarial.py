"""Regularizers with an opponent: a second network that is trained against the model.

``forward`` is what the model pays, weighted like any term. ``opponent_loss`` is what
the opponent's own update minimises; with it come the figures that ``watched`` names.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from aerun.draws import Draws
from aerun.features import PRIOR, UNIT_INPUT, declares
from aerun.models.outputs import Outputs
from aerun.options import Count, Positive, PositiveKnob
from aerun.running import unseen

_SLOPE = 0.2  # of the leaky rectifiers of both opponents

Opposed = tuple[Tensor, dict[str, Tensor]]


def _perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Dense layers with leaky rectifiers between them."""
    layers: list[nn.Module] = []
    for i in range(len(sizes) - 1):
        layers += [nn.LeakyReLU(_SLOPE)] if i else []
        layers.append(nn.Linear(sizes[i], sizes[i + 1]))
    return nn.Sequential(*layers)


@declares(needs=frozenset({PRIOR}))
class AdversarialPrior(nn.Module):
    """A discriminator tells codes from samples of the prior; the encoder deceives it.

    References:
        Makhzani et al., "Adversarial autoencoders" (2015), section 2; the loss that the
        encoder pays is the one that does not saturate (Goodfellow et al. 2014).
    """

    unit = "nats"
    watched = ("accuracy",)

    def __init__(self, *, code_size: int, hidden: list[Count], rate: Positive) -> None:
        """Build the discriminator.

        Args:
            code_size: Of the codes, D; known from the model.
            hidden: Widths of its hidden layers.
            rate: Its learning rate, as a multiple of ``trainer.lr``.
        """
        super().__init__()
        self.code_size, self.rate = code_size, rate
        self.discriminator = _perceptron([code_size, *hidden, 1])

    def logits(self, codes: Tensor) -> Tensor:
        """Log odds [B] that codes [B, D] were drawn from the prior."""
        logits: Tensor = self.discriminator(codes)
        return logits[:, 0]

    def forward(self, out: Outputs, model: nn.Module) -> Tensor:
        """What the encoder pays: -log of the share of the prior, [B], nats."""
        assert out.latent is not None
        return functional.softplus(-self.logits(out.latent))

    def opponent_loss(self, out: Outputs, model: nn.Module, *, draws: Draws) -> Opposed:
        """What the discriminator minimises.

        Args:
            out: Forward pass; reads ``out.latent``, [B, D].
            model: Its ``prior`` is sampled.
            draws: Source of those samples.

        Returns:
            Mean cross-entropy of both kinds, [], nats (2 log 2 where it only guesses),
            and its ``accuracy``, the share that it tells right, [].
        """
        assert out.latent is not None
        codes = out.latent.detach()
        prior: Tensor = model.prior.sample(*codes.shape, draws)  # type: ignore[union-attr, operator]
        right, wrong = self.logits(prior), self.logits(codes)
        loss = functional.softplus(-right).mean() + functional.softplus(wrong).mean()
        accuracy = ((right > 0).to(codes).mean() + (wrong <= 0).to(codes).mean()) / 2
        return loss, {"accuracy": accuracy}


@declares(needs=frozenset({UNIT_INPUT}))
class AdversarialInput(nn.Module):
    """A second network looks for inputs that the model reconstructs badly.

    It changes each element of an input by at most ``eps``; without that bound it would
    answer with noise, which no narrow code can hold.
    """

    watched = ("mse",)

    def __init__(
        self,
        *,
        shape: Sequence[int],
        hidden: list[Count],
        noise: Count,
        target: Literal["clean", "attacked"],
        rate: Positive,
    ) -> None:
        """Build the attacker.

        Args:
            shape: Of one input; known from the data.
            hidden: Widths of its hidden layers.
            noise: Random numbers that it is given beside the input.
            target: What the model has to answer an attacked input with: the clean one,
                or the attacked one itself.
            rate: Its learning rate, as a multiple of ``trainer.lr``.
        """
        super().__init__()
        self.input_shape = tuple(shape)
        self.noise, self.target, self.rate = noise, target, rate
        size = math.prod(shape)
        self.attacker = _perceptron([size + noise, *hidden, size])

    def attack(self, x: Tensor, eps: Tensor | float, draws: Draws) -> Tensor:
        """Attacked inputs [B, *shape], within [0, 1] and ``eps`` of clean ones x."""
        noise = draws.ask("normal", len(x), self.noise)
        push = self.attacker(torch.cat([x.flatten(1), noise], 1)).view_as(x)
        return (x + eps * push.tanh()).clamp(0, 1)

    def _errors(self, model: nn.Module, attacked: Tensor, x: Tensor) -> Tensor:
        """Squared errors of reconstructing attacked inputs, summed, [B]."""
        target = x if self.target == "clean" else attacked
        with unseen():
            recon: Tensor = model(attacked).recon
        return (recon - target).square().flatten(1).sum(1)

    def forward(
        self, out: Outputs, model: nn.Module, *, eps: PositiveKnob, draws: Draws
    ) -> Tensor:
        """What the model pays.

        Args:
            out: Forward pass; reads ``out.target``, the clean inputs.
            model: Reconstructs the attacked ones, without sampling.
            eps: Largest change of an element, [], scaled units.
            draws: Source of the attacker's noise.

        Returns:
            Squared error of each attacked input, summed over elements, [B].
        """
        assert out.target is not None
        with torch.no_grad():
            attacked = self.attack(out.target, eps, draws)
        return self._errors(model, attacked, out.target)

    def opponent_loss(
        self, out: Outputs, model: nn.Module, *, eps: PositiveKnob, draws: Draws
    ) -> Opposed:
        """What the attacker minimises: minus that error, averaged, [].

        Returns:
            The loss, and the error per element (``mse``), [].
        """
        assert out.target is not None
        attacked = self.attack(out.target, eps, draws)
        error = self._errors(model, attacked, out.target).mean()
        return -error, {"mse": error.detach() / out.target[0].numel()}
