"""Gradients of many jobs in one call: parameters as rows of a stack, the loss mapped.

Only the gradient is shared. Clipping, schedules, optimizers and everything after them
are each job's own, on its own module, whose parameters are rows of the stack.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from aerun.draws import Draws
from aerun.objective import Objective
from aerun.training.step import Answer, Asked

log = logging.getLogger("aerun")


class Group:
    """Answers steps that wait for their gradients, those of one kind together.

    What a job is given does not depend on who is there with it, to the last bit: see
    ``_padding``. Alone and in a group it is the same but for the order of sums.
    """

    def __init__(self) -> None:
        """Begin with nothing stacked."""
        self._stacks: dict[Objective, _Stack] = {}
        self._alone: set[tuple[Any, ...]] = set()

    def __call__(self, asked: Sequence[Asked]) -> list[Answer | None]:
        """The gradient of each; None where the step has to take its own."""
        kinds: dict[tuple[Any, ...], list[int]] = {}
        for i, one in enumerate(asked):
            kind = (one.step.kind, one.x.shape, len(one.noise), one.x.dtype)
            kinds.setdefault(kind, []).append(i)
        answers: list[Answer | None] = [None] * len(asked)
        for (kind, *_), places in kinds.items():
            if kind in self._alone:
                continue
            members = [asked[i] for i in places]
            try:
                found = self._stack(members).gradients(members)
            except Exception as error:
                self._give_up(kind, members, error)
                continue
            for i, answer in zip(places, found, strict=True):
                answers[i] = answer
        if len(self._stacks) > len(asked):  # of jobs and phases that ended
            living = {one.step.objective for one in asked}
            self._stacks = {o: s for o, s in self._stacks.items() if o in living}
        return answers

    def _stack(self, members: Sequence[Asked]) -> "_Stack":
        """The stack whose rows are these jobs'; made anew when some came or went."""
        objectives = [one.step.objective for one in members]
        padding = _padding(len(members[0].x))
        stack = self._stacks.get(objectives[0])
        if (
            stack is None
            or stack.objectives != objectives
            or stack.padding != padding
            or any(self._stacks.get(each) is not stack for each in objectives)
        ):
            stack = _Stack(objectives, padding)
            self._stacks |= dict.fromkeys(objectives, stack)
        return stack

    def _give_up(
        self, kind: tuple[Any, ...], members: Sequence[Asked], error: Exception
    ) -> None:
        """From here on each job takes its own gradients, and has its own errors."""
        self._alone.add(kind)
        reason = " ".join(str(error).split())[:300]
        log.warning(
            "%d jobs cannot be trained as one, and go on each by itself (%s: %s)",
            len(members),
            type(error).__name__,
            reason,
        )
        log.debug("%s", error, exc_info=True)


def _padding(batch_size: int) -> int:
    """How many rows are computed beside those of the jobs, to be thrown away.

    Kernels treat the last elements of a tensor, fewer than 32, and a stack of one row
    in ways of their own, which moves last bits; no job's numbers shall be there.
    """
    return -(-_LAST // batch_size)


_LAST = 32


class _Stack:
    """Parameters and buffers of several objectives, as rows of one tensor each."""

    def __init__(self, objectives: list[Objective], padding: int) -> None:
        self.objectives, self.padding = objectives, padding
        rows = [*objectives, *objectives[:1] * padding]
        named = [dict((*o.named_parameters(), *o.named_buffers())) for o in rows]
        self.tensors = {
            name: torch.stack([each[name].detach() for each in named])
            for name in named[0]
        }
        for row in range(len(objectives)):
            for name, tensor in named[row].items():
                tensor.data = self.tensors[name][row]
        self.names = {id(tensor): name for name, tensor in named[0].items()}
        for name, tensor in named[0].items():
            self.tensors[name].requires_grad_(tensor.requires_grad)
        self._knobs: tuple[list[Any], dict[str, Tensor]] = ([], {})
        self._worked = False

    def gradients(self, members: Sequence[Asked]) -> list[Answer]:
        """Of each job, in the order of its rows."""
        rows = [*members, *[members[0]] * self.padding]
        step, objective = members[0].step, self.objectives[0]
        x = torch.stack([one.x for one in rows])
        noise = [
            torch.stack(drawn)
            for drawn in zip(*(one.noise for one in rows), strict=True)
        ]

        def loss(
            tensors: dict[str, Tensor],
            x: Tensor,
            knobs: dict[str, Tensor],
            noise: list[Tensor],
        ) -> Any:
            inputs = (x, knobs, Draws(noise), step.update.name)
            return functional_call(objective, tensors, inputs)

        leaves = [self.tensors[self.names[id(p)]] for p in step.parameters]
        knobs = self._stacked_knobs(rows)
        with self._tried():
            terms = vmap(loss)(self.tensors, x, knobs, noise)
            found = torch.autograd.grad(terms["loss"].sum(), leaves)
        # The optimizers' kernels walk through memory, whatever the strides.
        stacked = [gradient.contiguous() for gradient in found]
        norms = torch.stack(
            [torch.linalg.vector_norm(g.flatten(1), dim=1) for g in stacked]
        )
        parts = zip(*(gradient.unbind() for gradient in stacked), strict=True)
        values = zip(*(term.detach().unbind() for term in terms.values()), strict=True)
        return [
            Answer(dict(zip(terms, value, strict=True)), list(part), norm)
            for _, value, part, norm in zip(
                members,
                values,
                parts,
                torch.linalg.vector_norm(norms, dim=0).unbind(),
                strict=False,
            )
        ]

    @contextmanager
    def _tried(self) -> Iterator[None]:
        """Within, what fails at the first attempt leaves buffers as they were."""
        if self._worked:
            yield
            return
        buffers = {n: t for n, t in self.tensors.items() if not t.requires_grad}
        before = {name: tensor.clone() for name, tensor in buffers.items()}
        try:
            yield
        except Exception:
            for name, tensor in before.items():
                buffers[name].copy_(tensor)
            raise
        self._worked = True

    def _stacked_knobs(self, rows: Sequence[Asked]) -> dict[str, Tensor]:
        """[K] each; without schedules a job gives the same tensors at every step."""
        given = [one.knobs for one in rows]
        known, stacked = self._knobs
        if len(known) != len(given) or any(
            a is not b for a, b in zip(known, given, strict=True)
        ):
            stacked = {
                name: torch.stack([each[name] for each in given]) for name in given[0]
            }
            self._knobs = given, stacked
        return stacked
