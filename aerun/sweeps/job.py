"""What one job does, under every launcher and in whatever process."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from aerun.config.compose import contained, of_sweep, plain
from aerun.config.leftovers import without_leftovers
from aerun.config.stored import resume_request
from aerun.config.trust import Trust
from aerun.errors import AerunError, Interrupted
from aerun.failures import in_short
from aerun.logs import set_up_console
from aerun.recording import recorded
from aerun.resolving import one_of_many
from aerun.rundir import RunDirectory
from aerun.sweeps.manifest import (
    COMPLETED,
    FAILED,
    INTERRUPTED,
    PRUNED,
    RUNNING,
    Job,
    Manifest,
    in_words,
)
from aerun.sweeps.places import check_place
from aerun.sweeps.summary import write_rows
from aerun.tables import finite
from aerun.tasks.interruption import Adviser
from aerun.tasks.resume import resume
from aerun.wiring import make, targets

log = logging.getLogger("aerun")

Advice = Callable[[Path, Job], Adviser | None]
"""Gives a job of the sweep in a directory what may end its training early."""


class NotStarted(AerunError):
    """A job that another one's failure kept from starting."""


def run_job(config: DictConfig, level: int | None = None) -> Any:
    """Carry out the task of one run.

    Args:
        config: As composed, without Hydra's node.
        level: From which lines are printed, for launchers with processes of their own.

    Returns:
        What ``summary.json`` holds.
    """
    set_up_console(level)
    directory = Path(HydraConfig.get().runtime.output_dir)
    with recorded(directory, contained(config, resolve=False)):
        request = _asked(config)
        return make(request["task"])(request, directory)


def _asked(config: DictConfig) -> dict[str, Any]:
    """What a run is asked for; its log tells what was left out."""
    return plain(without_leftovers(config, HydraConfig.get(), say=True))


def sweep_job(
    config: DictConfig, level: int | None = None, advice: Advice | None = None
) -> float | None:
    """Carry out a job of a sweep, or go on with it; the manifest says how it went.

    Args:
        config: As composed, without Hydra's node.
        level: From which lines are printed, for launchers with processes of their own.
        advice: Gives what may end the training early, by the outcomes of other jobs.

    Returns:
        The figure named by ``sweep.metric``; None where the run has no such figure.

    Raises:
        NotStarted: As of ``carry_out``.
    """
    set_up_console(level)
    hydra = HydraConfig.get()
    folder, directory = Path(hydra.sweep.dir), Path(hydra.runtime.output_dir)
    if not Manifest(folder).exists:  # of a sweeper that is not ours
        summary = run_job(config, level)
        return figures_of(summary, directory).get(config.sweep.metric)
    return carry_out(
        folder, directory, partial(_asked, config), of_sweep(config), advice
    )


def carry_out(
    folder: Path,
    directory: Path,
    request: Callable[[], dict[str, Any]],
    sweep: Mapping[str, Any],
    advice: Advice | None = None,
) -> float | None:
    """Carry out a job whose manifest is there; the figure named by ``sweep.metric``.

    Args:
        folder: The sweep's.
        directory: The run's.
        request: Gives what the run is asked for; may say what was left out of it.
        sweep: The options of the sweep.
        advice: Gives what may end the training early, by the outcomes of other jobs.

    Raises:
        NotStarted: Another job failed, and ``sweep.fail_fast`` is set.
    """
    manifest = Manifest(folder)
    jobs = manifest.jobs()
    job = manifest.job_in(directory, jobs)
    if sweep["fail_fast"] and any(j.state == FAILED for j in jobs):
        if job.state == RUNNING:  # in a process that died
            manifest.update(job.number, state=INTERRUPTED)
        raise NotStarted(f"job {job.number} was not started")
    check_place(folder, directory)
    directory.mkdir(parents=True, exist_ok=True)
    with _followed(manifest, job), recorded(directory):
        log.info("Job %d (of %d): %s", job.number, len(jobs), in_words(job, jobs))
        advisers = [] if advice is None else [advice(folder, job)]
        if (directory / "config.yaml").is_file():
            # Whose code it names now, it may have named then.
            trust = Trust(
                also=lambda: (str(target) for _, target in targets(request()))
            )
            stored, _ = resume_request(["task=resume", f"run={directory}"], trust)
            summary: Any = resume(stored, directory, *advisers)
        else:
            made = one_of_many(request())
            summary = make(made["task"])(made, directory, *advisers)
        found = outcome(summary, directory)
    note(manifest, job, **found)
    value: float | None = found["figures"].get(sweep["metric"])
    return value


@contextmanager
def _followed(manifest: Manifest, job: Job) -> Iterator[None]:
    """Within, a job is running; after an error it has failed or was interrupted."""
    manifest.update(job.number, state=RUNNING, reason=None)
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        note(manifest, job, state=INTERRUPTED)
        raise
    except Exception as error:
        reason = in_short(error).replace(f"{manifest.folder}/", "")
        note(manifest, job, state=FAILED, reason=reason)
        tell_failure(manifest, job, reason)
        raise


def note(manifest: Manifest, job: Job, **changes: Any) -> None:
    """Write down how a job ended, for the manifest and for ``summary.csv``."""
    manifest.update(job.number, **changes)
    write_rows(manifest.folder)


def tell_failure(manifest: Manifest, job: Job, reason: str) -> None:
    """Say at once that a job failed, and why."""
    words = in_words(job, manifest.jobs())
    log.error("Job %d failed (%s): %s", job.number, words, reason)


def outcome(summary: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """What a manifest says of a run that came to its end."""
    return {
        "state": PRUNED if summary.get("status") == "pruned" else COMPLETED,
        "reason": None,
        "figures": figures_of(summary, directory),
        "seconds": summary.get("seconds"),
    }


def figures_of(
    summary: Mapping[str, Any], directory: Path
) -> dict[str, float | int | None]:
    """Every figure of a run: those of its end, and its best epoch's losses.

    Args:
        summary: What ``summary.json`` holds.
        directory: The run's.
    """
    found: dict[str, Any] = dict(summary["metrics"])
    if (directory / "metrics.csv").is_file():
        rows = RunDirectory(directory).read_table("metrics.csv")
        best = summary.get("best_epoch")
        if summary.get("final_weights") == "last":
            best = None
        chosen = [row for row in rows if best is None or row["epoch"] == best]
        row = chosen[-1] if chosen else {}
        found = {key: value for key, value in row.items() if "/" in key} | found
    for key in ("best_epoch", "epochs", "num_parameters"):
        if key in summary:
            found[key] = summary[key]
    figures: dict[str, float | int | None] = finite(found)
    return figures
