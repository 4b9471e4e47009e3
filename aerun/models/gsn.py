"""The generative stochastic network: noisy levels that walk back to the data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from aerun.corruptions import salt_pepper as corrupt
from aerun.draws import Draws, DryDraws
from aerun.errors import BadUse
from aerun.features import RAW, UNIT_CODE, UNIT_DATA, Feature, declares
from aerun.models.activations import Activation, activation_module
from aerun.models.dense import DenseEncoder, DenseLevel
from aerun.models.levels import Decoder, Initialization
from aerun.models.outputs import Outputs
from aerun.options import Count, NonNegativeKnob, ShareKnob

_BURN_IN = 100  # steps of a chain from noise before samples are taken of it


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainState:
    """Where chains stand between two steps."""

    visible: Tensor
    """[B, *shape], in [0, 1]; not corrupted yet."""
    hidden: tuple[Tensor, ...]
    """[B, D] of each hidden layer, the lowest first."""


def _provides(options: Mapping[str, Any]) -> frozenset[Feature]:
    sigmoid = options.get("code_activation") == "sigmoid"
    return frozenset({RAW, UNIT_CODE}) if sigmoid else frozenset({RAW})


@declares(needs=frozenset({UNIT_DATA}), provides=_provides)
class GSN(nn.Module):
    """Layers that pull on each other through shared weights, with noise in between.

    A step corrupts the visible layer by salt and pepper, then updates the odd hidden
    layers, then the even ones and the visible layer's mean p. In the chain the next
    step starts from a sample of the visible layer, one coin with probability p per
    element; taken on and on, such steps sample the data's distribution. Training takes
    several steps from each example, all of which are to give back the clean example:
    along the chain ("walkback"), where no gradient passes through the sample, or from
    the example itself each time.

    The noise belongs to the model, since its chain needs it: it goes with
    ``corruption=none``, and draws nothing where it is given no ``draws``.

    References:
        Bengio, Thibodeau-Laufer, Alain & Yosinski, "Deep generative stochastic networks
        trainable by backprop" (2014); Bengio et al., "Generalized denoising
        auto-encoders as generative models" (2013), for the walkback. The order of
        updates and the place of the noise are those of the authors' code, yaoli/GSN.
    """

    generative = True
    """There is a chain to sample from."""
    plain_code = True
    """The code is the encoder's output as it is."""

    def __init__(
        self,
        *,
        shape: Sequence[int],
        hidden: list[Count],
        code: Count,
        tied: bool,
        activation: Activation,
        code_activation: Activation,
        output_activation: Literal["sigmoid"],
        initialization: Initialization,
        steps: Count,
        walkback: bool,
        noisy_from: Count,
        noise_std: NonNegativeKnob,
        salt_pepper: ShareKnob,
    ) -> None:
        """Create the layers.

        Args:
            shape: Of one input; known from the data.
            hidden: Widths of the hidden layers below the top one, lowest first.
            code: Width of the top layer.
            tied: Whether a layer pulls on the one below by the transpose of the weight
                by which it is pulled itself, as in the paper.
            activation: Of the hidden layers but the top one.
            code_activation: Of the top layer.
            output_activation: Of the visible layer; its mean is a probability.
            initialization: Of every weight.
            steps: Of a training pass. The top layer reaches the output after half as
                many steps as there are layers, rounded down, and one more; twice the
                number of layers lets news travel up and down.
            walkback: Whether a step goes on from a sample of the visible layer that
                the step before gave, and so learns the way back from where the chain
                may go; without, each step of a pass corrupts the example anew.
            noisy_from: The lowest hidden layer with noise, counted from 1; more than
                there are layers: none.
            noise_std: Of the Gaussian noise of such a layer, before and again after its
                activation.
            salt_pepper: Probability of an element of the visible layer to become 0 or
                1 before a step.

        Raises:
            BadUse: Fewer steps than the top layer takes to the output.
        """
        super().__init__()
        layers, least = len(hidden) + 1, (len(hidden) + 3) // 2
        if steps < least:
            raise BadUse(
                f"model.steps={steps}: the top of {layers} layers reaches the "
                f"output at step {least}; choose at least {least}, or fewer layers."
            )
        self.encoder = DenseEncoder(
            shape=shape,
            hidden=hidden,
            code=code,
            activation=activation,
            code_activation=code_activation,
            initialization=initialization,
            centred=False,
        )
        self.decoder = Decoder(
            encoder=self.encoder,
            activation=activation,
            initialization=initialization,
            tied=tied,
        )
        # A hidden layer has one bias, whichever side it is pulled from.
        for up, down in zip(self.encoder.levels, self.decoder.levels[1:], strict=False):
            down.bias = up.bias
        self.output_activation = activation_module(output_activation)
        self.steps, self.walkback, self.noisy_from = steps, walkback, noisy_from
        self.knobs = {name: f"model.{name}" for name in ("noise_std", "salt_pepper")}
        """Numbers that may be schedules, with their full names."""
        self.resting: dict[str, Any] = {
            self.knobs["noise_std"]: noise_std,
            self.knobs["salt_pepper"]: salt_pepper,
        }
        """Their values at the end of training, used where none are given."""

    def forward(
        self,
        x: Tensor,
        draws: Draws | DryDraws | None = None,
        knobs: Mapping[str, Tensor] | None = None,
    ) -> Outputs:
        """Take noisy steps back to inputs, or one without noise.

        Args:
            x: Inputs, [B, *shape], in [0, 1].
            draws: Source of noise; None: one step, without any.
            knobs: All numeric knobs, [] each; None takes their final values.

        Returns:
            The pass. ``raw`` and ``recon`` are logits and mean of the visible layer
            after the last step, ``walk`` those after the steps before; ``code`` is what
            ``encode`` gives, without noise.
        """
        hidden = self._upwards(x)
        if draws is None:
            raw = self.decoder.levels[0](hidden[0])
            return Outputs(code=hidden[-1], raw=raw, recon=self.output_activation(raw))
        passes: list[tuple[Tensor, Tensor]] = []
        state = self.start(x)
        for _ in range(self.steps):
            if passes and self.walkback:
                visible = _toss(passes[-1][1], draws)
                state = ChainState(visible=visible, hidden=state.hidden)
            raw, state = self._step(state, draws, knobs)
            passes.append((raw, self.output_activation(raw)))
        *earlier, (raw, recon) = passes
        return Outputs(code=hidden[-1], raw=raw, recon=recon, walk=tuple(earlier))

    # -- the chain ------------------------------------------------------------------

    def start(self, x: Tensor) -> ChainState:
        """Chains that start at inputs [B, *shape], with hidden layers at zero."""
        levels = self.encoder.levels
        hidden = [x.new_zeros(len(x), *level.output_shape) for level in levels]
        return ChainState(visible=x, hidden=tuple(hidden))

    def transition(
        self,
        state: ChainState,
        draws: Draws | DryDraws,
        knobs: Mapping[str, Tensor] | None = None,
    ) -> tuple[Tensor, ChainState]:
        """One step of chains.

        Args:
            state: Where they stand.
            draws: Source of noise, the same requests at every step.
            knobs: All numeric knobs, [] each; None takes their final values.

        Returns:
            Means of the visible layer, [B, *shape], and where the chains stand with a
            sample of these.
        """
        raw, after = self._step(state, draws, knobs)
        mean = self.output_activation(raw)
        return mean, ChainState(visible=_toss(mean, draws), hidden=after.hidden)

    def chain(self, x: Tensor, num_steps: int, draws: Draws | DryDraws) -> Tensor:
        """Consecutive means of chains.

        For a long chain loop over ``transition`` with fresh noise at each step instead:
        ``aerun.evaluation.chains.walk``.

        Args:
            x: Where they start, [B, *shape], in [0, 1].
            num_steps: How many means of each.
            draws: Source of the noise of all steps.

        Returns:
            [num_steps, B, *shape], in order.
        """
        state, means = self.start(x), []
        for _ in range(num_steps):
            mean, state = self.transition(state, draws)
            means.append(mean)
        return torch.stack(means)

    def sample(self, num_samples: int, draws: Draws | DryDraws) -> Tensor:
        """Consecutive means of one chain, [num_samples, *shape].

        It starts from uniform noise; its first 100 steps are left out.
        """
        x = draws.ask("uniform", 1, *self.encoder.levels[0].input_shape)
        return self.chain(x, _BURN_IN + num_samples, draws)[_BURN_IN:, 0]

    def _step(
        self,
        state: ChainState,
        draws: Draws | DryDraws,
        knobs: Mapping[str, Tensor] | None,
    ) -> tuple[Tensor, ChainState]:
        """Corrupt the visible layer, update all others: logits and the new state."""
        given: Mapping[str, Any] = self.resting if knobs is None else knobs
        std = given[self.knobs["noise_std"]]
        seen, _ = corrupt(
            state.visible,
            draws,
            probability=given[self.knobs["salt_pepper"]],
            corrupted_weight=1.0,
            clean_weight=1.0,
        )
        layers = [seen.flatten(1), *state.hidden]
        for odd_or_even in (range(1, len(layers), 2), range(2, len(layers), 2)):
            for number in odd_or_even:
                above = layers[number + 1] if number + 1 < len(layers) else None
                layers[number] = self._updated(
                    number, layers[number - 1], above, draws, std
                )
        raw = self.decoder.levels[0](layers[1])
        return raw, ChainState(visible=state.visible, hidden=tuple(layers[1:]))

    def _updated(
        self,
        number: int,
        below: Tensor,
        above: Tensor | None,
        draws: Draws | DryDraws,
        std: Any,
    ) -> Tensor:
        """A hidden layer, [B, D], of its neighbours; counted from 1."""
        level: DenseLevel = self.encoder.levels[number - 1]
        pull = functional.linear(below, level.weight, level.bias)
        if above is not None:
            down: DenseLevel = self.decoder.levels[number]
            weight = down.weight.t() if down.transposed else down.weight
            pull = pull + functional.linear(above, weight)
        if number < self.noisy_from:
            return level.activation(pull)
        pull = pull + std * draws.ask("normal", *pull.shape)
        return level.activation(pull) + std * draws.ask("normal", *pull.shape)

    # -- codes ----------------------------------------------------------------------

    def _upwards(self, x: Tensor) -> list[Tensor]:
        """Each hidden layer without noise and without those above it, [B, D] each.

        Of one or two layers that is a chain's first step.
        """
        hidden = [x]
        for level in self.encoder.levels:
            hidden.append(level(hidden[-1]))
        return hidden[1:]

    def encode(self, x: Tensor) -> Tensor:
        """Codes [B, D] of inputs [B, *shape]: the top layer without noise."""
        return self._upwards(x)[-1]

    def decode(self, code: Tensor) -> Tensor:
        """Means of the visible layer [B, *shape] of codes [B, D], straight downwards.

        What a step gives back comes from the lowest hidden layer: of several layers,
        decoded codes are not ``recon``.
        """
        return self.output_activation(self.decoder(code))

    @property
    def code_shape(self) -> tuple[int, ...]:
        """Of one code: [D]."""
        return tuple(self.encoder.levels[-1].output_shape)

    @property
    def code_size(self) -> int:
        """D, the size of the code."""
        return math.prod(self.code_shape)


def _toss(mean: Tensor, draws: Draws | DryDraws) -> Tensor:
    """A sample of 0 and 1 of means [B, *shape], apart from their gradient."""
    return (draws.ask("uniform", *mean.shape) < mean.detach()).to(mean)
