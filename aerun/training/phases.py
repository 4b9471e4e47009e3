"""Trainers: functions that yield phases.

A trainer decides what is fitted in which order; one loop runs whatever it yields. The
next phase is made only after the one before has been trained.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from aerun.data.splits import Examples
from aerun.objective import Objective
from aerun.options import Count, Duration, Momentum, Natural, Positive, Threads
from aerun.training.optimizers import Optimizer
from aerun.training.schedulers import Scheduler

Precision = Literal["float32", "bfloat16", "float64", "auto"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainerOptions:
    """Options that every trainer has; types only, the values live in conf/trainer."""

    epochs: Natural
    """Passes over the training part; 0 only evaluates."""
    max_steps: Count | None
    """Stops a phase after so many optimizer steps, also in the middle of an epoch."""
    batch_size: Count
    lr: Positive
    """Learning rate at the first step."""
    optimizer: Optimizer
    scheduler: Scheduler
    patience: Count | None
    """Stops after so many epochs without a better validation loss."""
    grad_clip: Positive | None
    """Largest norm of the whole gradient; longer ones are scaled down to it."""
    ema: Momentum | None
    """Decay per step of averaged weights, which are then evaluated and kept."""
    precision: Precision
    compile: bool | Literal["auto"]
    threads: Threads | Literal["auto"]
    checkpoint_every: Count | Duration
    """Epochs, or a duration such as 30s, 5min, 1h."""
    final_weights: Literal["best", "last"]
    """Which weights the test figures, the pictures and ``aerun.load`` use."""
    preview_every: Natural | None
    """Steps between pictures; null: about ten, at ends of epochs, none of jobs that
    are trained as one; 0: the last only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """One of the optimizer steps made on every batch."""

    name: str
    """"model", or the name of the opponent whose loss it minimises."""
    parameters: dict[str, nn.Parameter]
    optimizer: Optimizer
    rate: float = 1.0
    """The learning rate, as a multiple of the model's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of training: who is fitted, on what, for how long."""

    name: str
    objective: Objective
    split: Examples
    epochs: int
    updates: list[Update] = field(default_factory=list)
    view: Callable[[Examples], Examples] = lambda split: split
    """What this phase sees of another part of the data."""
    more: bool = False
    """Whether another phase follows."""
    shown: nn.Module | None = None
    """The model that reconstructs data at this stage; None: the objective's."""


def default(
    objective: Objective, split: Examples, options: TrainerOptions
) -> Iterator[Phase]:
    """Fit all parameters together, each opponent by an update of its own.

    Args:
        objective: What is minimised.
        split: The training part.
        options: Shared options; ``epochs`` are those of the one phase.

    Yields:
        One phase.
    """
    named = {n: p for n, p in objective.named_parameters() if p.requires_grad}
    yield Phase(
        name="train",
        objective=objective,
        split=split,
        epochs=options.epochs,
        updates=updates(objective, named, options),
    )


def updates(
    objective: Objective, named: dict[str, nn.Parameter], options: TrainerOptions
) -> list[Update]:
    """The model's update, then one of each opponent.

    Args:
        objective: What is minimised.
        named: The parameters that are fitted, by name.
        options: Shared options.
    """
    opponents = objective.opponents
    owned = {
        name: {id(p) for p in part.parameters()} for name, part in opponents.items()
    }
    theirs = set().union(*owned.values())
    own = {n: p for n, p in named.items() if id(p) not in theirs}
    made = [Update(name="model", parameters=own, optimizer=options.optimizer)]
    for name, ids in owned.items():
        call: Any = opponents[name].call
        update = Update(
            name=name,
            parameters={n: p for n, p in named.items() if id(p) in ids},
            optimizer=options.optimizer,
            rate=getattr(call, "rate", 1.0),
        )
        made.append(update)
    return made
