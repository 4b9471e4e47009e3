"""task=train: fit a model and leave a complete run directory."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aerun.again import named, resume_command
from aerun.build import build, load_data
from aerun.data import Spec, Whitening
from aerun.errors import DirectoryGone, Interrupted, RunFailed, StorageError
from aerun.evaluation.health import of_figures, of_games
from aerun.launched import is_first
from aerun.ranks import current
from aerun.rundir import WHITENING, RunDirectory
from aerun.settling import threads
from aerun.tasks.announcing import announce, compare_scaling
from aerun.tasks.findings import final_figures
from aerun.tasks.first_steps import sha256
from aerun.tasks.following import follow, settled, stopping
from aerun.tasks.interruption import Adviser, Wish, stop_signals
from aerun.tasks.recorder import Recorder
from aerun.tasks.report import REPORT, map_of_codes, write_report
from aerun.tasks.summary import identity, not_deterministic
from aerun.tracking.events import RunEnded
from aerun.trained import Trained
from aerun.training.loop import NonFiniteError

log = logging.getLogger("aerun")


def train(
    config: Mapping[str, Any], directory: Path, adviser: Adviser | None = None
) -> dict[str, Any]:
    """Train a checked config in a claimed directory.

    Args:
        config: Plain; automatic choices may still be open.
        directory: Empty but for Hydra's own record.
        adviser: May end the training after any epoch; the status is "pruned" then.

    Returns:
        What ``summary.json`` holds.

    Raises:
        Interrupted: A signal stopped it; the state is saved.
        RunFailed: A loss became NaN or infinite.
    """
    ranks = current()
    data = load_data(config)
    config = settled(config, data, ranks)
    run = RunDirectory(directory)
    with stop_signals() as wish, threads(config["trainer"]["threads"]):
        if is_first():
            write_config(run, config, data.spec)
        built = build(config, data, start=starting_weights(config), ranks=ranks)
        if ranks is not None and not is_first():
            follow(built.training, ranks, wish)
            return {}
        recorder = Recorder(config, built, run, adviser)
        announce(config, built, directory)
        compare_scaling(config, data.spec)
        summary = fit(config, recorder, wish)
        if ranks is not None:
            ranks.wait()  # the others end when all is written
        return summary


def write_config(run: RunDirectory, config: Mapping[str, Any], spec: Spec) -> None:
    """Record what a run was made with; the tensors first, then what names them."""
    if spec.whitening is not None:
        arrays = {f.name: getattr(spec.whitening, f.name) for f in fields(Whitening)}
        run.save_tensors(WHITENING, {n: torch.from_numpy(a) for n, a in arrays.items()})
    run.write_yaml("config.yaml", config)


def fit(config: Mapping[str, Any], recorder: Recorder, wish: Wish) -> dict[str, Any]:
    """Train to the end, then evaluate and draw; also what a resumed run does."""
    path = recorder.directory.path
    try:
        finished = recorder.run(stopping(wish, recorder.training.ranks))
        summary = finish(config, recorder, wish) if finished else None
    except DirectoryGone:
        raise
    except StorageError as error:
        with suppress(StorageError):
            _write_summary(config, recorder, status="failed", reason=str(error))
        raise RunFailed(
            f"{error}. Training stopped; what was saved before is whole. Continue "
            f"with: {resume_command(path, config=config)}"
        ) from error
    except Exception as error:
        _write_summary(config, recorder, status="failed", reason=str(error))
        _show(config, recorder)
        if not isinstance(error, NonFiniteError):
            raise  # a bug, perhaps in a user's own part: shown with its frames
        where = f"the last good weights are in {path / 'checkpoints'}"
        raise RunFailed(f"{error}. Training stopped; {where}.") from error
    if recorder.given_up is not None:
        reason = recorder.given_up
        summary = _write_summary(config, recorder, status="pruned", reason=reason)
        _show(config, recorder)
        log.info("Given up: %s.", reason)
    if summary is None:
        _write_summary(config, recorder, status="interrupted")
        _show(config, recorder)
        assert wish.signum is not None
        raise Interrupted(
            wish.signum,
            f"Interrupted at step {recorder.training.position.step}; everything is "
            f"saved. Continue with: {resume_command(path, config=config)}",
        )
    return summary


def finish(
    config: Mapping[str, Any], recorder: Recorder, wish: Wish
) -> dict[str, Any] | None:
    """Evaluate the final weights on the test split, draw, and write the summary.

    Returns:
        The summary, or None when a signal asked to stop before it was written.
    """
    pictures, best = recorder.pictures, recorder.best.epoch
    with recorder.final_weights():
        found = final_figures(recorder.built, seed=config["seed"])
        for draw in (
            pictures.reconstructions,
            pictures.latent,
            pictures.filters,
            pictures.samples,
            lambda: pictures.units(found),
            lambda: pictures.loss_curves(recorder.rows, best),
        ):
            if wish.signum is not None:
                return None
            draw()
        summary = _write_summary(
            config,
            recorder,
            status="completed",
            metrics=found.metrics,
            health=[
                *found.health,
                *of_figures(found.metrics),
                *_of_training(recorder),
            ],
        )
        _show(config, recorder, with_codes=True)
    _tell(summary, recorder)
    return summary


def _of_training(recorder: Recorder) -> Iterator[str]:
    """What is to be said of how the weights came about."""
    if recorder.rows:
        yield from of_games(recorder.rows[-1])
    if recorder.best.epoch is None:
        yield (
            "No epoch came after the end of the last schedule, so the last weights "
            "were evaluated; train longer or shorten the schedule."
            if recorder.rows
            else "Nothing was trained: trainer.epochs=0."
        )


def _show(
    config: Mapping[str, Any], recorder: Recorder, *, with_codes: bool = False
) -> None:
    """Write the page about the run, if there is anything to show.

    What goes wrong is told and no more: whatever it is, the run itself ended as its
    summary says.
    """
    run, built = recorder.directory, recorder.built
    again = f"aerun task=report {named(run.path, config=config)}"
    if not (recorder.rows or with_codes):
        return
    try:
        units, codes = recorder.objective.units(), None
        if with_codes:
            model = Trained(run.path, dict(config), recorder.objective.model)
            codes = map_of_codes(model, built.data.test)
        why = f"The map of the codes can be had with: {again}"
        if with_codes:
            why = "" if codes is not None else "Not all codes are finite."
        write_report(run, config, units, codes, why)
    except Exception as error:
        log.debug("%s", error, exc_info=True)
        kind = type(error).__name__
        log.warning("%s was not written (%s: %s): %s", REPORT, kind, error, again)


def starting_weights(config: Mapping[str, Any]) -> dict[str, Tensor] | None:
    """The best weights of the run that ``init_from`` names, or None."""
    source = config["init_from"]
    return None if source is None else RunDirectory(source).load_weights("best")


def _write_summary(
    config: Mapping[str, Any],
    recorder: Recorder,
    *,
    status: str,
    reason: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    health: list[str] | None = None,
) -> dict[str, Any]:
    position = recorder.training.position
    seconds = sum(row["seconds"] for row in recorder.timings)
    samples = sum(
        row["seconds"] * row["samples_per_second"] for row in recorder.timings
    )
    summary: dict[str, Any] = {"status": status}
    if reason is not None:
        summary["reason"] = reason
    parameters = recorder.objective.model.parameters()
    composed = recorder.directory.read_record("config.yaml")
    if status == "completed":
        summary["weights_sha256"] = sha256(recorder.directory)
    summary |= {
        "metrics": dict(metrics or {}),
        "health": list(health or []),
        "epochs": len(recorder.rows),
        "steps": position.step,
        "best_epoch": recorder.best.epoch,
        "final_weights": config["trainer"]["final_weights"],
        "num_parameters": sum(p.numel() for p in parameters),
        "seconds": round(seconds, 3),
        "samples_per_second": round(samples / seconds, 1) if seconds else None,
        **identity(config),
        "not_deterministic": list(not_deterministic(config, composed)),
    }
    recorder.directory.write_json("summary.json", summary)
    recorder.tell(RunEnded(summary=summary, step=position.step + 1))
    return summary


def _tell(summary: Mapping[str, Any], recorder: Recorder) -> None:
    """The figures that matter, then health, then where to look."""
    metrics = summary["metrics"]
    best = summary["best_epoch"]
    last = best is None or summary["final_weights"] == "last"
    log.info("Test figures at the %s:", "last epoch" if last else f"best epoch, {best}")
    units = {f"test/{k}": unit for k, unit in recorder.objective.units().items()}
    if recorder.objective.corruption is not None:
        units |= {"test/mse": "from clean inputs", "test/corrupted_mse":
                  "from corrupted inputs", "identity/corrupted_mse":
                  "of the corrupted inputs themselves"}  # fmt: skip
    for name, value in metrics.items():
        if value is not None:
            unit = units.get(name, "")
            log.info("  %-22s %s", name, f"{value:.6g} {unit}".rstrip())
    for sentence in summary["health"]:
        log.warning("Health: %s", sentence)
    log.info("Look at %s", recorder.directory.path / REPORT)
