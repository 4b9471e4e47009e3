"""The one loop that runs every trainer's phases and yields events."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from aerun.data.ahead import in_turn
from aerun.launched import is_first
from aerun.objective import Objective
from aerun.options import seconds
from aerun.ranks import Ranks
from aerun.schedules import Knobs
from aerun.training.events import (
    EpochEnded,
    Event,
    PhaseEnded,
    PictureDue,
    StateDue,
    StepEnded,
)
from aerun.training.phases import Phase, TrainerOptions
from aerun.training.position import Position
from aerun.training.step import Step, taken_elsewhere

_PICTURES = 10  # about so many per run where no number of steps is asked for
_FLUSH = 50  # steps between looks at the losses; each look waits for the device
_TOO_FAR = "lower trainer.lr or set trainer.grad_clip"
_TOO_LARGE = (  # no step was made before it
    "the values of the data or the weight of a term are too large for it; try "
    "dataset.scale=standard"
)


class NonFiniteError(ArithmeticError):
    """A loss or gradient is NaN or infinite; training cannot go on."""


class Training:
    """Trains phase after phase; can be stopped after any step and continued."""

    def __init__(
        self,
        phases: Callable[[], Iterator[Phase]],
        options: TrainerOptions,
        *,
        root: Objective,
        knobs: Knobs,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
        ranks: Ranks | None = None,
    ) -> None:
        """Prepare to train.

        Args:
            phases: The trainer, bound to its objective and data.
            options: Shared options; automatic choices are made.
            root: The objective of the whole run; a phase may have one of its own.
            knobs: Numbers and schedules of all parts.
            seed: Seeds the generator of order and noise.
            device: Where batches and noise are made.
            dtype: Type of parameters, batches and noise.
            ranks: The processes that train together, or None.
        """
        self.ranks = ranks
        self.options, self.root, self.knobs = options, root, knobs
        self.device, self.dtype = device, dtype
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.position = Position()
        self._phases = phases()
        self._pending: list[Tensor] = []
        self._saved_at = time.monotonic()
        self._enter(next(self._phases))

    # -- what a consumer may ask or tell -------------------------------------------

    @property
    def single(self) -> bool:
        """Whether the training consists of one phase."""
        return self.position.phase == 0 and not self.phase.more

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of a whole epoch of this phase."""
        return -(-len(self.phase.split) // self.options.batch_size)

    def stop_phase(self) -> None:
        """End the running phase after this event, as early stopping does."""
        self.position.stopped = True

    def advance_to(self, position: Position) -> None:
        """Enter the phase of a saved position and stand where it stood."""
        for _ in range(position.phase - self.position.phase):
            self._enter(next(self._phases))
        self.position = position

    def knob_values(self, *, final: bool = False) -> dict[str, float]:
        """The knobs now, or at the end of the training."""
        step = self.total_steps if final else self.position.phase_step
        return self.knobs.numbers(step, self.total_steps)

    @property
    def settled(self) -> bool:
        """Whether every knob has its final value, so that epochs compare."""
        return self.position.phase_step >= self.knobs.settled(self.total_steps)

    # -- the loop -------------------------------------------------------------------

    def __iter__(self) -> Iterator[Event]:
        """Train to the end, yielding events; each may be the last one taken."""
        if self.ranks is not None:
            self.position.stopped = self.ranks.told(self.position.stopped)
        yield StateDue()
        while True:
            yield from self._run_phase()
            phase = self.phase
            yield PhaseEnded(
                phase=phase.name, epochs=self.position.epoch, last=not phase.more
            )
            if self.ranks is not None:  # later phases build on the best weights
                self.ranks.spread([*self.root.parameters(), *self.root.buffers()])
            following = next(self._phases, None)
            if following is None:
                return
            position = self.position
            self.position = Position(phase=position.phase + 1, step=position.step)
            self._enter(following)
            yield StateDue()

    def _enter(self, phase: Phase) -> None:
        """Set up the steps of a phase, with fresh optimizers."""
        self.phase = phase
        whole = min(self.options.batch_size, len(phase.split))
        self.steps = [
            Step(
                phase.objective,
                update,
                grad_clip=self.options.grad_clip,
                compile_for=whole if self.options.compile is True else None,
                ranks=self.ranks,
                phase=phase.name,
            )
            for update in phase.updates
        ]
        decay = self.options.ema
        weights = phase.objective.parameters()
        self.averages = None if decay is None else [p.detach().clone() for p in weights]
        self.columns = [column for step in self.steps for column in step.columns]
        every = self.options.checkpoint_every
        self._save_every = seconds(every) if isinstance(every, str) else None
        planned, limit = self.steps_per_epoch * phase.epochs, self.options.max_steps
        self.total_steps = planned if limit is None else min(planned, limit)
        """Optimizer steps planned for this phase; schedules are laid over them."""
        self.order_state = self.generator.get_state()
        self._last_finite: list[float] | None = None

    def _run_phase(self) -> Iterator[Event]:
        position, size = self.position, self.options.batch_size
        while not self.finished:
            if position.batch == 0:
                self.order_state = self.generator.get_state()
            left = self._order()[position.batch * size :]
            # Jobs that are trained as one would have a thread each.
            ahead = taken_elsewhere.get() is None
            with closing(in_turn(self.phase.split, left, size, ahead=ahead)) as batches:
                self.phase.objective.train()
                while self._has_batches() and not self._out_of_steps():
                    self._step(next(batches))
                    yield from self._after_step()
            yield from self._end_epoch()

    def _has_batches(self) -> bool:
        return self.position.batch < self.steps_per_epoch

    def _order(self) -> Tensor:
        """The running epoch's permutation, the same before and after a resume."""
        generator = self.generator
        if self.position.batch > 0:  # resumed in mid-epoch: replay the draw
            generator = torch.Generator(device=self.device)
            generator.set_state(self.order_state)
        return torch.randperm(
            len(self.phase.split), generator=generator, device=self.device
        )

    def _step(self, x: Tensor) -> None:
        position = self.position
        total = self.total_steps
        share = position.phase_step / max(total, 1)
        lr = self.options.lr * self.options.scheduler.factor(share)
        knobs = self.knobs.tensors(
            position.phase_step, total, device=self.device, dtype=self.dtype
        )
        values = [step(x, knobs, self.generator, lr) for step in self.steps]
        decay = self.options.ema
        if self.averages is not None and decay is not None:
            weights = [p.detach() for p in self.phase.objective.parameters()]
            torch._foreach_lerp_(self.averages, weights, 1 - decay)
        self._pending.append(torch.cat(values) if len(values) > 1 else values[0])
        position.rows.append([float(len(x))])
        position.batch += 1
        position.step += 1
        position.phase_step += 1
        position.lr = lr
        if len(self._pending) >= _FLUSH:
            self.flush()
        if self.ranks is not None and position.step % _FLUSH == 0:
            self.ranks.listen()

    def _after_step(self) -> Iterator[Event]:
        yield StepEnded(step=self.position.step)
        every = self.options.preview_every
        if every and self.position.step % every == 0:
            self.flush()
            yield self._picture(f"step_{self.position.step:06d}")
            self.phase.objective.train()
        if self._save_every is not None:
            waited = time.monotonic() - self._saved_at
            if waited >= self._save_every and is_first():
                yield from self._state_due()

    def _end_epoch(self) -> Iterator[Event]:
        self.flush()
        position = self.position
        table = np.asarray(position.rows, dtype=np.float64)
        examples = table[:, 0]
        # Summed in order, so that the place of a resume cannot show.
        sums = np.add.reduce(table[:, 1:] * examples[:, None], axis=0)
        means = dict(zip(self.columns, (sums / examples.sum()).tolist(), strict=True))
        position.epoch += 1
        position.batch, position.rows = 0, []
        yield EpochEnded(
            phase=self.phase.name,
            epoch=position.epoch,
            step=position.step,
            means=means,
            knobs=self.knob_values(),
            lr=position.lr,
            num_samples=int(examples.sum()),
        )
        if self.ranks is not None:
            position.stopped = self.ranks.told(position.stopped)
        if self._picture_due():
            yield self._picture(f"epoch_{position.epoch:04d}")
        every = self.options.checkpoint_every
        if not isinstance(every, str) and position.epoch % every == 0:
            yield from self._state_due()

    def _picture(self, when: str) -> PictureDue:
        return PictureDue(name=when if self.single else f"{self.phase.name}_{when}")

    def _state_due(self) -> Iterator[Event]:
        self.flush()
        yield StateDue()
        self._saved_at = time.monotonic()

    def _picture_due(self) -> bool:
        if self.options.preview_every is not None or taken_elsewhere.get():
            return False
        every = max(self.phase.epochs // _PICTURES, 1)
        return self.position.epoch % every == 0 or self.position.epoch == 1

    def _out_of_steps(self) -> bool:
        limit = self.options.max_steps
        return limit is not None and self.position.phase_step >= limit

    @property
    def finished(self) -> bool:
        """Whether the running phase has no step left."""
        epochs = self.phase.epochs
        position = self.position
        if position.batch > 0:  # an epoch that was begun is ended and reported
            return False
        return position.stopped or position.epoch >= epochs or self._out_of_steps()

    @property
    def ended(self) -> bool:
        """Whether no phase has a step left."""
        return self.finished and not self.phase.more

    def flush(self) -> None:
        """Fetch the losses of the last steps.

        Raises:
            NonFiniteError: One of them is NaN or infinite.
        """
        if not self._pending:
            return
        rows = self.position.rows
        values = torch.stack(self._pending).cpu().double().tolist()
        first = len(rows) - len(values)
        for i, row in enumerate(values):
            rows[first + i].extend(row)
        self._pending = []
        bad = [i for i, row in enumerate(values) if not np.isfinite(row).all()]
        if bad:
            before = values[bad[0] - 1] if bad[0] > 0 else self._last_finite
            self._report(first + bad[0], before)
        self._last_finite = values[-1]

    def _report(self, index: int, before: list[float] | None) -> None:
        """Raise for the first bad row of the epoch; name a term before the loss."""
        rows, step = self.position.rows, self.position.step
        row = dict(zip(self.columns, rows[index][1:], strict=True))
        causes = [c for c, v in row.items() if not np.isfinite(v)]
        causes.sort(key=lambda c: (c == "loss", c.endswith("grad_norm")))
        name = causes[0]
        last = None if before is None else before[self.columns.index(name)]
        when = "the first step" if last is None else f"{last:.6g} one step before"
        what = "the gradient" if name == "grad_norm" else f"train/{name}"
        bad_step = step - (len(rows) - 1 - index)
        raise NonFiniteError(
            f"{what} became {row[name]} at step {bad_step} ({when}); "
            f"{_TOO_LARGE if bad_step == 1 else _TOO_FAR}"
        )
