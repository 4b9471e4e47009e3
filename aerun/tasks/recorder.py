"""The consumer of the loop's events: validates, writes, draws, decides when to stop."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from torch import Tensor
from tqdm import tqdm

from aerun.build import Built, build_tracker
from aerun.data.splits import Examples
from aerun.evaluation.splits import evaluate
from aerun.progress import progress_bar, show_epoch
from aerun.rundir import RunDirectory
from aerun.tables import GrowingTable
from aerun.tasks.best import Best
from aerun.tasks.first_steps import FirstSteps
from aerun.tasks.interruption import Adviser
from aerun.tasks.pictures import Pictures
from aerun.tracking.events import EpochRecorded, RunStarted
from aerun.tracking.telling import Telling
from aerun.training.events import (
    EpochEnded,
    PhaseEnded,
    PictureDue,
    StateDue,
    StepEnded,
)
from aerun.training.loop import NonFiniteError
from aerun.training.state import (
    assign,
    capture,
    load_weights,
    restore,
    snapshot,
    weights_of,
    with_prefix,
)

log = logging.getLogger("aerun")


class Recorder:
    """Runs a training and keeps its record in the run directory."""

    def __init__(
        self,
        config: Mapping[str, Any],
        built: Built,
        directory: RunDirectory,
        adviser: Adviser | None = None,
    ) -> None:
        """Prepare to record a run of a resolved config."""
        self.config, self.built, self.directory = config, built, directory
        self.adviser = adviser
        self.given_up: str | None = None  # why the adviser ended the training
        self.training, self.objective = built.training, built.objective
        self.best = Best()
        self.best_weights: dict[str, Tensor] | None = None
        self.rows: list[dict[str, Any]] = []
        self.timings: list[dict[str, Any]] = []
        self.first_steps = FirstSteps(config, built.training, directory)
        self.tell = Telling(build_tracker(config))
        self.pictures = Pictures(built, directory, self.tell)
        self._metrics = GrowingTable(directory, "metrics.csv")
        self._timing = GrowingTable(directory, "timing.csv")
        self._viewed: tuple[str, Examples] | None = None
        self._clock = time.perf_counter()

    # -- the run ---------------------------------------------------------------------

    def run(self, stop: Callable[[], bool]) -> bool:
        """Train to the end, until ``stop()`` or until advised to; whether to the end.

        Raises:
            NonFiniteError: Training cannot go on; the best weights so far are saved.
        """
        self._tell_of_start()
        if self._advised_to_stop():  # then killed before that was written
            return False
        total, done = self.training.total_steps, self.training.position.phase_step
        with progress_bar(total, unit="step", initial=done) as bar:
            self._clock = time.perf_counter()
            try:
                for event in self.training:
                    match event:
                        case StepEnded():
                            bar.total = self.training.total_steps
                            bar.update()
                            self.first_steps.see()
                        case EpochEnded():
                            self._epoch_ended(event, bar)
                            if self._advised_to_stop():
                                break
                        case PictureDue():
                            with self._off_the_clock(), self.averaged():
                                shown = self.training.phase.shown
                                self.pictures.reconstructions(event.name, shown)
                        case StateDue():
                            with self._off_the_clock():
                                self._save_unless_new()
                        case PhaseEnded():
                            self._phase_ended(event, bar)
                    if stop():
                        self.save()
                        return False
            except Exception:
                self._save_best()
                raise
        self.save()
        return self.given_up is None

    def _advised_to_stop(self) -> bool:
        """Ask whether to go on; at the end of the training there is no need."""
        if self.adviser is not None and self.rows and not self.training.ended:
            with self._off_the_clock():
                self.given_up = self.adviser(self.rows)
        return self.given_up is not None

    def _tell_of_start(self) -> None:
        """Of an epoch that was begun, the last step may be told again: with its row."""
        position = self.training.position
        step = position.step - (position.batch > 0)
        path = self.directory.path
        self.tell(RunStarted(directory=path, config=self.config, step=step))

    def _save_unless_new(self) -> None:
        """Save, but not what the seed gives again: large models start at once."""
        if self.training.position.step > 0 or self.config["init_from"] is not None:
            self.save()

    def save(self) -> None:
        """Write everything that continuing needs; the state last of all."""
        tensors, values = capture(self.training)
        for name, tensor in (self.best_weights or {}).items():
            tensors[f"best/{name}"] = tensor
        values["best"] = asdict(self.best)
        values["rows"], values["timings"] = self.rows, self.timings
        self._save_best()
        with self.averaged():
            self.directory.save_weights("last", weights_of(self.objective))
        self.directory.save_state(tensors, values)

    def resume(self) -> bool:
        """Continue from the saved state, cutting what was recorded after it.

        Returns:
            Whether there was one; without, the run starts from its beginning.
        """
        saved = self.directory.load_state()
        if saved is None:
            return False
        tensors, values = saved
        restore(self.training, tensors, values)
        self.best = Best(**values["best"])
        self.rows, self.timings = values["rows"], values["timings"]
        self.best_weights = with_prefix("best/", tensors) or None
        self._write_tables()
        return True

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the objective holds the averaged weights, where there are any."""
        averages = self.training.averages
        if averages is None:
            yield
            return
        parameters = list(self.training.phase.objective.parameters())
        own = [p.detach().clone() for p in parameters]
        assign(parameters, averages)
        try:
            yield
        finally:
            assign(parameters, own)

    @contextmanager
    def final_weights(self) -> Iterator[None]:
        """Within, the objective holds the weights that the run is judged by.

        Those of the best epoch, or the last where that is asked for or none is best;
        ``best.safetensors`` exists in any case.
        """
        with self.averaged():
            own = snapshot(self.objective)
            if self.best_weights is None:
                self.best_weights = own
                self._save_best()
            if self.training.options.final_weights == "best":
                load_weights(self.objective, self.best_weights)
            try:
                yield
            finally:
                load_weights(self.objective, own)

    @contextmanager
    def _off_the_clock(self) -> Iterator[None]:
        """Within, time does not count as the epoch's."""
        began = time.perf_counter()
        yield
        self._clock += time.perf_counter() - began

    # -- one epoch -------------------------------------------------------------------

    def _epoch_ended(self, event: EpochEnded, bar: "tqdm[Any]") -> None:
        seconds = time.perf_counter() - self._clock
        row = self._row(event)
        self.rows.append(row)
        self.timings.append(
            {
                "epoch": event.epoch,
                "seconds": round(seconds, 4),
                "samples_per_second": round(event.num_samples / seconds, 1),
            }
        )
        self._judge(row)
        self._write_tables()
        of_all = f"epoch {event.epoch}/{self.training.phase.epochs}"
        when = of_all if self.training.single else f"{event.phase}, {of_all}"
        show_epoch(row, seconds, when, bar)
        self.tell(EpochRecorded(row=row))
        self._clock = time.perf_counter()

    @property
    def _validation(self) -> Examples:
        """What the running phase sees of the validation part."""
        phase = self.training.phase
        if self._viewed is None or self._viewed[0] != phase.name:
            self._viewed = (phase.name, phase.view(self.built.data.validation))
        return self._viewed[1]

    def _phase_ended(self, event: PhaseEnded, bar: "tqdm[Any]") -> None:
        """What was best is what later phases build on; they are judged afresh."""
        if event.last:
            return
        if self.best_weights is not None and (
            self.training.options.final_weights == "best"
        ):
            load_weights(self.objective, self.best_weights)
        self.best, self.best_weights = Best(), None
        bar.reset()  # the next phase tells its own number of steps

    def _row(self, event: EpochEnded) -> dict[str, Any]:
        """One row of metrics.csv.

        train/ averages over the epoch as it went; every weight, also in train/loss,
        is that after the epoch's last step, so that a row adds up.
        """
        objective = self.training.phase.objective
        names = ["reconstruction", *objective.regularizers]
        train = {name: event.means[name] for name in names}
        weights = {
            f"{name}_weight": event.knobs[f"regularizer.{name}.weight"]
            for name in objective.regularizers
        }
        row: dict[str, Any] = {"epoch": len(self.rows) + 1, "step": event.step}
        if not self.training.single:
            row = {"phase": event.phase, **row}
        row["train/loss"] = objective.total(train, event.knobs)
        row |= {f"train/{name}": value for name, value in train.items()}
        row |= weights
        with self.averaged():
            split = self._validation
            seed = self.config["seed"]
            found = evaluate(objective, split, event.knobs, seed=seed)
        for name, value in {**found.terms, "mse": found.mse}.items():
            if not math.isfinite(value):
                raise NonFiniteError(
                    f"val/{name} became {value} after epoch {event.epoch} (step "
                    f"{event.step}); lower trainer.lr or set trainer.grad_clip"
                )
        row["val/loss"] = objective.total(found.terms, event.knobs)
        row |= {f"val/{name}": value for name, value in found.terms.items()}
        row["val/mse"] = found.mse
        row["lr"], row["grad_norm"] = event.lr, event.means["grad_norm"]
        extra = set(event.means) - {"loss", "grad_norm", *names}
        row |= {name: event.means[name] for name in sorted(extra)}
        return row

    def _judge(self, row: Mapping[str, Any]) -> None:
        """Keep the best weights; stop the phase when patience has run out."""
        if not self.training.settled:
            return
        objective = self.training.phase.objective
        terms = {
            name: row[f"val/{name}"]
            for name in ("reconstruction", *objective.regularizers)
        }
        value = objective.total(terms, self.training.knob_values(final=True))
        if objective.opponents:  # a game has no objective that falls
            value = row["val/mse"]
        if self.best.value is None or value < self.best.value:
            self.best = Best(value=value, epoch=row["epoch"])
            with self.averaged():
                self.best_weights = snapshot(self.objective)
            return
        self.best.stale += 1
        patience = self.training.options.patience
        if patience is not None and self.best.stale >= patience:
            text = "Stopped after epoch %d: no better validation loss for %d epochs."
            log.info(text, row["epoch"], patience)
            self.training.stop_phase()

    def _save_best(self) -> None:
        if self.best_weights is not None:
            self.directory.save_weights("best", self.best_weights)

    def _write_tables(self) -> None:
        if self.rows:
            self._metrics.write(self.rows)
            self._timing.write(self.timings)
