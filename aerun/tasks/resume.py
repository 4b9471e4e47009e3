"""task=resume: continue an interrupted run in place."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aerun.build import build, load_data
from aerun.data import Data
from aerun.data.sources import PLACES
from aerun.errors import DataError
from aerun.launched import is_first
from aerun.ranks import current
from aerun.rundir import RunDirectory
from aerun.settling import threads
from aerun.tasks.following import follow, settled
from aerun.tasks.interruption import Adviser, stop_signals
from aerun.tasks.recorder import Recorder
from aerun.tasks.train import fit, starting_weights, write_config
from aerun.training.state import restore

log = logging.getLogger("aerun")


def resume(
    config: Mapping[str, Any], directory: Path, adviser: Adviser | None = None
) -> dict[str, Any]:
    """Continue a run from its last state; from its beginning if it saved none.

    Args:
        config: The run's own, with what was typed changed.
        directory: The run's.
        adviser: As for ``train``.

    Returns:
        What ``summary.json`` holds.

    Raises:
        Interrupted: A signal stopped it again.
        RunFailed: A loss became NaN or infinite.
        DataError: The data are not those of the run.
    """
    run, ranks = RunDirectory(directory), current()
    data = load_data(config)
    check_data(config, data, f"start a new run, with init_from={directory} if you like")
    begun = (directory / "config.yaml").is_file()
    before = run.read_yaml("config.yaml") if begun else config
    config = settled(config, data, ranks)
    with stop_signals() as wish, threads(config["trainer"]["threads"]):
        # Only a run that saved no state still needs the weights it was to start from.
        start = None if run.has_state() else starting_weights(config)
        built = build(config, data, start=start, ranks=ranks)
        if ranks is not None and not is_first():
            if (saved := run.load_state()) is not None:
                restore(built.training, *saved)
            follow(built.training, ranks, wish)
            return {}
        recorder = Recorder(config, built, run, adviser)
        if recorder.resume():
            step = recorder.training.position.step
            log.info("Continuing %s after step %d.", directory, step)
        else:
            log.info("%s saved no state; starting from its beginning.", directory)
        if _moved_end(before, config):
            recorder.training.position.stopped = False
        elif recorder.training.finished:
            log.info("It was trained to its end; trainer.epochs=N trains on.")
        write_config(run, config, data.spec)
        summary = fit(config, recorder, wish)
        if ranks is not None:
            ranks.wait()  # the others end when all is written
        return summary


def check_data(config: Mapping[str, Any], data: Data, advice: str) -> None:
    """See whether data are those that a run was trained on, if it loaded any.

    Args:
        config: The run's.
        data: As loaded now.
        advice: What to do if they are not.

    Raises:
        DataError: They are not.
    """
    known = config.get("data", {}).get("fingerprint")
    if known is not None and known != data.spec.fingerprint:
        raise DataError(
            f"the data changed since this run began: the hash of {_named(config)} was "
            f"{known} when the run began, now {data.spec.fingerprint}; {advice}"
        )


def _named(config: Mapping[str, Any]) -> str:
    """The data of a run, as one would type them."""
    node = config["dataset"]
    typed = [f"dataset.{key}={node[key]}" for key in PLACES if node.get(key)]
    return " ".join(typed) or f"its data ({node['_target_']})"


def _moved_end(before: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether the training ends elsewhere now; schedules are laid over all of it."""
    moved = False
    for key in ("epochs", "max_steps", "patience"):
        old, new = before["trainer"][key], config["trainer"][key]
        if old != new:
            moved = True
            planned = "" if key == "patience" else "; schedules are re-planned"
            log.info("trainer.%s: %s, was %s%s.", key, new, old, planned)
    return moved
