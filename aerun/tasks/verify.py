"""task=verify: make the beginning of a run again; compare all that is recorded."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerun.again import resume_command
from aerun.build import Built, build, load_data
from aerun.compiling import missing
from aerun.data import Data
from aerun.errors import NotTheSame, RunDirectoryError
from aerun.evaluation.splits import evaluate
from aerun.options import Natural, Positive
from aerun.resolving import best_device, why_absent
from aerun.rundir import RunDirectory
from aerun.settling import threads
from aerun.tables import finite
from aerun.tasks.agreement import Agreement, of_figures, of_rows, of_steps
from aerun.tasks.findings import DECIDED, final_figures
from aerun.tasks.first_steps import first_steps_of, planned_of, sha256
from aerun.tasks.on_run import task_folder
from aerun.tasks.outcome import Outcome
from aerun.tasks.recorder import Recorder
from aerun.tasks.resume import check_data
from aerun.tasks.summary import circumstances, config_hash
from aerun.tasks.train import starting_weights
from aerun.trained import fill
from aerun.training.loop import NonFiniteError
from aerun.training.position import Position

log = logging.getLogger("aerun")

_FOLDER = "verify"
_NEVER = 10**9  # epochs between states: nothing is continued there
_SCALING = ("shift", "scale", "low", "high", "stored_low", "stored_high")


def verify(
    config: Mapping[str, Any], directory: Path, *, epochs: Natural, tolerance: Positive
) -> Path:
    """Make the beginning of a run again in a scratch place, and compare.

    Compared are the numbers of each of the first steps and the weights after them
    (where the run kept them), the first rows of metrics.csv, and what the stored
    weights give: the figures of summary.json and the rows of the best and last epoch.

    Args:
        config: The run's; its data may lie elsewhere, and a device may be chosen.
        directory: The run's.
        epochs: To train again, as many as the run has at most; 0: the first steps only.
        tolerance: Relative difference up to which numbers are said to match within
            rounding.

    Returns:
        The folder with ``verification.json``, and ``metrics.csv`` as made again.

    Raises:
        DataError: The data are unusable, or not those of the run.
        NotTheSame: Something differs by more than ``tolerance``.
        RunDirectoryError: The run recorded nothing, or a file is damaged.
    """
    record = _Record.of(RunDirectory(directory), config, epochs)
    config = _repeated(config, record)
    data = load_data(config)
    check_data(config, data, "verify it where they are as they were")
    with threads(config["trainer"]["threads"]), task_folder(directory, _FOLDER) as path:
        folder = RunDirectory(path)
        found = [
            _of_data(config, data),
            *_replayed(config, data, record, folder),
            *_stored(config, data, record),
        ]
        outcome = Outcome(
            found,
            changed=record.changed(circumstances(config)),
            not_deterministic=record.summary.get("not_deterministic") or [],
            config_changed=record.config_changed,
            tolerance=tolerance,
        )
        file = folder.write_json("verification.json", outcome.content())
        for each in found:
            log.info("%s.", each)
    outcome.tell(directory, file)
    return folder.path


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    """What a run left to compare with."""

    run: RunDirectory
    steps: dict[str, Any] | None
    """What it kept of its first steps."""
    planned: dict[str, Any]
    """What the training's end was when it began."""
    rows: list[dict[str, Any]]
    """Of metrics.csv, all."""
    wanted: int
    """How many of them are made again."""
    summary: dict[str, Any]
    """Empty where there is none."""

    @classmethod
    def of(cls, run: RunDirectory, config: Mapping[str, Any], epochs: int) -> "_Record":
        """Read it.

        Raises:
            RunDirectoryError: There is nothing, or it is damaged.
        """
        rows: list[dict[str, Any]] = []
        summary: dict[str, Any] = {}
        if (run.path / "metrics.csv").is_file():
            rows = run.read_table("metrics.csv")
        if (run.path / "summary.json").is_file():
            summary = run.read_summary()
        steps = first_steps_of(run)
        if steps is None and not rows and summary.get("status") != "completed":
            raise RunDirectoryError(
                f"{run.path} recorded no step to compare with; train it further with: "
                f"{resume_command(run.path, config=config)}"
            )
        least = 1 if steps is None else 0  # a row is all that older runs have
        return cls(
            run=run, steps=steps, planned=planned_of(run, steps), rows=rows,
            wanted=min(len(rows), max(epochs, least)), summary=summary,
        )  # fmt: skip

    def changed(self, here: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """What could move the last bits, then and here, as far as it is known."""
        if self.steps is not None:
            made = self.steps["made"]
        else:
            known = ("device", "processor")
            made = {key: self.summary[key] for key in known if key in self.summary}
            made |= self.summary.get("versions", {})
        return {
            key: (was, here[key])
            for key, was in made.items()
            if key in here and was != here[key]
        }

    @property
    def config_changed(self) -> bool | None:
        """Whether config.yaml is not that of summary.json; None: not known."""
        known = self.summary.get("config_hash")
        if known is None:
            return None
        return config_hash(self.run.read_yaml("config.yaml")) != known


def _repeated(config: Mapping[str, Any], record: _Record) -> dict[str, Any]:
    """The run's config where it can be followed here; says what is otherwise."""
    made = deepcopy(dict(config))
    if made["device"] == "auto":
        made["device"] = record.run.read_yaml("config.yaml")["device"]
        if why_absent(str(made["device"])) is not None:
            log.warning("There is no %s here.", made["device"])
            made["device"] = best_device()
    if made["trainer"]["compile"] and (what := missing(made["device"])):
        log.warning("The run is followed without its compiler: %s.", what)
        made["trainer"]["compile"] = False
    return made


def _of_data(config: Mapping[str, Any], data: Data) -> Agreement:
    """How values are scaled, as config.yaml has it and as the data give it."""

    def numbers(known: Mapping[str, Any]) -> dict[str, Any]:
        named = {f"data.{key}": known[key] for key in _SCALING}
        return {
            f"{key}[{i}]" if isinstance(value, list) else key: number
            for key, value in named.items()
            for i, number in enumerate(value if isinstance(value, list) else [value])
        }

    was, now = numbers(config["data"]), numbers(data.spec.record())
    return of_figures("Scaling in config.yaml", "config.yaml", was, now)


# -- training again --------------------------------------------------------------------


def _replayed(
    config: Mapping[str, Any], data: Data, record: _Record, folder: RunDirectory
) -> Iterator[Agreement]:
    """The beginning of the training, made again; its rows are left in a folder.

    Raises:
        NotTheSame: It broke off.
    """
    if record.steps is None and not record.wanted:
        return
    trainer = {**config["trainer"], "checkpoint_every": _NEVER, "preview_every": 0}
    config = {**config, "trainer": trainer | record.planned}
    with tempfile.TemporaryDirectory(prefix="aerun-verify-") as scratch:
        built = build(config, data, start=starting_weights(config))
        recorder = Recorder(config, built, RunDirectory(scratch))
        steps = recorder.first_steps

        def enough() -> bool:
            known = record.steps is None or steps.record is not None
            return known and len(recorder.rows) >= record.wanted

        epochs = f"{record.wanted:,} of {len(record.rows):,} epochs"
        what = epochs if record.wanted else "the first steps"
        log.info("Training again: %s.", what)
        try:
            recorder.run(enough)
        except NonFiniteError as error:
            raise NotTheSame(
                f"{record.run.path}, made again, broke off: {error}"
            ) from None
    objective = built.objective
    rounded = {
        f"{name}_{what}"
        for name in objective.opponents
        for what in objective.watched(name)
    }
    if record.steps is not None and steps.record is not None:
        yield from of_steps(record.steps, steps.record, rounded)
    if record.wanted and recorder.rows:
        folder.write_table("metrics.csv", recorder.rows)
        yield of_rows(record.rows, recorder.rows[: record.wanted], rounded)


# -- what the stored weights give ------------------------------------------------------


def _stored(
    config: Mapping[str, Any], data: Data, record: _Record
) -> Iterator[Agreement]:
    """Figures of the stored weights, beside those that were recorded of them."""
    summary, rows = record.summary, record.rows
    epochs = summary.get("epochs")
    if epochs is None:
        return
    if len(rows) > epochs:
        log.info("summary.json is of an earlier end than metrics.csv; it is left out.")
        return
    counted = Agreement(what="Epochs of summary.json")
    counted.see("summary.json", "epochs", epochs, len(rows))
    yield counted
    completed, best = summary.get("status") == "completed", summary.get("best_epoch")
    if completed and "weights_sha256" in summary:
        yield of_figures(
            "Checkpoints", "checkpoints", summary["weights_sha256"], sha256(record.run)
        )
    if completed:
        name = config["trainer"]["final_weights"]
        built = _with_weights(config, data, record, name)
        yield of_figures(
            f"Figures of {name}.safetensors in summary.json",
            "summary.json",
            summary["metrics"],
            finite(final_figures(built, seed=config["seed"]).metrics),
            DECIDED if record.changed(circumstances(config)) else (),
        )
    # Parts of earlier phases are in no checkpoint.
    if best is not None and best <= len(rows) and (completed or "phase" not in rows[0]):
        yield _as_validated(config, data, record, "best", rows[int(best) - 1])
    if completed and rows:
        yield _as_validated(config, data, record, "last", rows[-1])


def _with_weights(
    config: Mapping[str, Any], data: Data, record: _Record, name: str
) -> Built:
    """The run in its last phase, with stored weights."""
    built = build(config, data)
    fill(built.objective, record.run, name)
    training = built.training
    while training.phase.more:
        training.advance_to(Position(phase=training.position.phase + 1))
    return built


def _as_validated(
    config: Mapping[str, Any],
    data: Data,
    record: _Record,
    name: str,
    row: Mapping[str, Any],
) -> Agreement:
    """What stored weights give on the validation part, beside a row of metrics.csv."""
    built = _with_weights(config, data, record, name)
    training, phase = built.training, built.training.phase
    before = [r["step"] for r in record.rows if r.get("phase") != row.get("phase")]
    training.position.phase_step = int(row["step"] - max(before, default=0))
    values = training.knob_values(final=name == "best")
    split = phase.view(built.data.validation)
    found = evaluate(phase.objective, split, values, seed=config["seed"])
    now = {"val/loss": phase.objective.total(found.terms, values)}
    now |= {f"val/{term}": value for term, value in found.terms.items()}
    now["val/mse"] = found.mse
    return of_figures(
        f"Validation of {name}.safetensors, epoch {int(row['epoch'])}",
        f"epoch {int(row['epoch'])} in metrics.csv",
        {key: value for key, value in row.items() if key.startswith("val/")},
        now,
    )
