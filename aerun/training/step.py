"""One optimizer step: a pure gradient, then the job's own clipping and update."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from aerun.compiling import compiled
from aerun.draws import Draws, DryDraws, Request, draw
from aerun.errors import PartError
from aerun.objective import Objective
from aerun.ranks import Ranks
from aerun.training.optimizers import State
from aerun.training.phases import Update


class Step:
    """Everything that one update needs to make a step on a batch.

    For a single job the objective is called directly: its parameters are the state.
    That measured faster than ``functional_call`` and than ``torch.optim``.
    """

    def __init__(
        self,
        objective: Objective,
        update: Update,
        *,
        grad_clip: float | None = None,
        compile_for: int | None = None,
        ranks: Ranks | None = None,
        phase: str = "train",
    ) -> None:
        """Prepare a step.

        Args:
            objective: What is minimised; called whole.
            update: Whose parameters move, and by which optimizer.
            grad_clip: Largest norm of the gradient, or None.
            compile_for: Size of the batches that the objective is compiled for; others
                take it as it is. None: all do.
            ranks: The processes that share every batch, or None.
            phase: Name of the phase whose step it is.
        """
        self.objective, self.update, self.ranks = objective, update, ranks
        self.parameters: list[Tensor] = list(update.parameters.values())
        self.state: State = update.optimizer.start(self.parameters)
        self.grad_clip, self.phase = grad_clip, phase
        # Freed no sooner than the next are made, which then lie where these did. Else
        # activations come there, and a step takes three to five in a hundred longer.
        # (CUDA graphs have memory of their own, which nobody else may hold.)
        self._before: list[Tensor] | None = None
        self._compile_for = compile_for
        self._compiled: Callable[..., dict[str, Tensor]] = (
            objective
            if compile_for is None
            else compiled(objective, self.parameters[0].device.type)
        )
        self._requests: dict[torch.Size, list[Request]] = {}

    def requests(self, x: Tensor, knobs: dict[str, Tensor]) -> list[Request]:
        """What noise this update asks for on a batch of this shape (a dry run)."""
        if x.shape not in self._requests:
            dry = DryDraws(x)
            # Buffers are copied: a dry run must not count for batch statistics.
            buffers = {n: b.clone() for n, b in self.objective.named_buffers()}
            inputs = (x, knobs, dry, self.update.name)
            with torch.no_grad():
                functional_call(self.objective, buffers, inputs)
            self._requests[x.shape] = dry.requests
        return self._requests[x.shape]

    @cached_property
    def kind(self) -> tuple[Any, ...]:
        """What steps share whose gradients may be taken in one call."""
        tensors = [*self.objective.named_parameters(), *self.objective.named_buffers()]
        named = [(name, t.shape, t.dtype, t.requires_grad) for name, t in tensors]
        # Levels of one size are functions of their own.
        return (self.phase, self.update.name, *self.update.parameters, *named)

    def gradients(
        self, x: Tensor, knobs: dict[str, Tensor], noise: list[Tensor]
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """The loss's terms ([] each) and its gradient: pure, changes no parameter."""
        if self.ranks is not None:
            return self._shared_gradients(self.ranks, x, knobs, noise)
        terms = self._terms(x, knobs, noise, len(x))
        self._before = None
        gradients = self._gradients(terms["loss"])
        if self._compile_for is None or not x.is_cuda:
            self._before = gradients
        return terms, gradients

    def _terms(
        self, x: Tensor, knobs: dict[str, Tensor], noise: list[Tensor], size: int
    ) -> dict[str, Tensor]:
        """The terms of examples x, all or a part of a batch of some size."""
        call = self._compiled if size == self._compile_for else self.objective
        return call(x, knobs, Draws(noise), self.update.name)

    def _gradients(self, loss: Tensor) -> list[Tensor]:
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        if any(gradient is None for gradient in gradients):
            self._refuse_unused(gradients)
        return [gradient.contiguous() for gradient in gradients]

    def _shared_gradients(
        self,
        ranks: Ranks,
        x: Tensor,
        knobs: dict[str, Tensor],
        noise: list[Tensor],
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """The same of a batch of which each process takes a part, and its noise."""
        own, share = ranks.part(len(x))
        with ranks.sharing(share):
            mine = [values[own] for values in noise]
            terms = self._terms(x[own], knobs, mine, len(x))
            gradients = self._gradients(terms["loss"] * share)
        values = [term.detach() * share for term in terms.values()]
        total = ranks.total([*values, *gradients])
        named = dict(zip(terms, total, strict=False))
        return named, total[len(named) :]

    @torch.no_grad()
    def apply(
        self, gradients: list[Tensor], lr: float, norm: Tensor | None = None
    ) -> Tensor:
        """Clip and update in place; the gradient's norm before clipping, [].

        Args:
            gradients: Of each parameter, contiguous; are changed.
            lr: Learning rate.
            norm: Where it is known already.
        """
        if norm is None:
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.grad_clip is not None:
            factor = (self.grad_clip / (norm + 1e-6)).clamp(max=1)
            torch._foreach_mul_(gradients, factor)
        self.update.optimizer.update(self.parameters, gradients, self.state, lr)
        return norm

    def __call__(
        self,
        x: Tensor,
        knobs: dict[str, Tensor],
        generator: torch.Generator,
        lr: float,
    ) -> Tensor:
        """Make one step on a batch.

        Args:
            x: Clean inputs, [B, *shape].
            knobs: All numeric knobs, [] each.
            generator: The job's own; draws the noise.
            lr: Learning rate.

        Returns:
            The values of ``columns`` in order, [len(columns)], on the batch's device.
        """
        noise = draw(self.requests(x, knobs), generator, x.dtype)
        taken = taken_elsewhere.get()
        found = None if taken is None else taken(Asked(self, x, knobs, noise))
        terms, gradients, norm = found or (*self.gradients(x, knobs, noise), None)
        norm = self.apply(gradients, lr * self.update.rate, norm)
        return torch.stack([*(term.detach() for term in terms.values()), norm])

    @property
    def columns(self) -> list[str]:
        """Names of the numbers that a step returns."""
        name = self.update.name
        if name != "model":
            watched = self.objective.watched(name)
            return [f"{name}_{what}" for what in ("opponent", *watched, "grad_norm")]
        return ["loss", "reconstruction", *self.objective.regularizers, "grad_norm"]

    def _refuse_unused(self, gradients: Sequence[Tensor | None]) -> None:
        """A parameter that changes nothing is a mistake in a part, and named."""
        named = zip(self.update.parameters, gradients, strict=True)
        names = ", ".join(name for name, gradient in named if gradient is None)
        raise PartError(
            f"{names}: this parameter takes no part in the loss of the update "
            f"'{self.update.name}'; use it, remove it or give it requires_grad=False"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A step that waits for its gradient."""

    step: Step
    x: Tensor
    """[B, *shape]"""
    knobs: dict[str, Tensor]
    """[] each."""
    noise: list[Tensor]
    """[B, ...] each."""


class Answer(NamedTuple):
    """What it is given."""

    terms: dict[str, Tensor]
    """Of the loss, [] each."""
    gradients: list[Tensor]
    """Of each parameter, contiguous."""
    norm: Tensor
    """Of all of them together, []."""


taken_elsewhere: ContextVar[Callable[[Asked], Answer | None] | None] = ContextVar(
    "taken_elsewhere", default=None
)
"""Who takes the gradients of this context's steps; None, or the answer None: each step
takes its own."""
