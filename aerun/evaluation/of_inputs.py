"""Figures of reconstructions under attack."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from aerun.draws import with_noise
from aerun.evaluation.attack import Target, attack_errors, errors_from
from aerun.evaluation.entries import SCALED, Finding, Subject, average, first
from aerun.progress import progress_bar


def attack_figures(
    subject: Subject, *, eps: float | None, target: Target, num_images: int, seed: int
) -> Iterator[Finding]:
    """Errors from clean, noisy and attacked inputs.

    Args:
        subject: Is attacked.
        eps: Largest change of an element, scaled units; None: no attack.
        target: What reconstructions are compared with.
        num_images: Test examples, at most.
        seed: Of the noise that the attack starts from.
    """
    if eps is None:
        yield "No attack: give its size, such as task.eps=0.1."
        return
    x, spec = first(subject.data, num_images), subject.data.spec
    with progress_bar(len(x), unit="example", description="Attacking") as bar:
        errors = attack_errors(
            subject.model,
            x,
            eps=eps,
            target=target,
            seed=seed,
            low=min(spec.low, float(x.min())),
            high=max(spec.high, float(x.max())),
            tick=bar.update,
        )
    wanted = "clean inputs" if target == "clean" else "what the model was given"
    said = {
        "clean": f"mse of {len(x):,} test reconstructions from clean inputs",
        "noise": f"mse against {wanted}, from uniform noise of at most {eps:g} on each",
        "attacked": f"mse against {wanted}, from the worst inputs within {eps:g} that "
        "20 steps of PGD find",
        "excess": "what the attack adds to each clean error",
        "excess_of_noise": "what the noise adds to each clean error",
    }
    for name, definition in said.items():
        values = getattr(errors, name)
        yield average(values, name=f"attack/{name}", unit=SCALED, definition=definition)
    for name, opponent in subject.objective.regularizers.items():
        if hasattr(opponent.call, "attack"):
            own = _of_opponent(subject.model, opponent.call, x, eps, target, seed)
            yield average(
                own,
                name=f"attack/{name}",
                unit=SCALED,
                definition=f"mse against {wanted}, from what the trained attacker "
                f"makes of inputs within {eps:g}",
            )


@torch.no_grad()
def _of_opponent(
    model: Any, opponent: Any, x: Tensor, eps: float, target: Target, seed: int
) -> Tensor:
    """Errors that the attacker of the training causes, as it is in the end, [N]."""
    given = with_noise(lambda draws: opponent.attack(x, eps, draws), x, seed=seed)
    return errors_from(model, x, given, target)
