"""Whether a running job is worth going on with, by the files of the others."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerun.errors import RunDirectoryError
from aerun.rundir import RunDirectory
from aerun.sweeps.manifest import COMPLETED, Job, Manifest
from aerun.tasks.interruption import Adviser
from aerun.wiring import make

log = logging.getLogger("aerun")


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """Gives each job, in whatever process it runs, an adviser that knows the others."""

    metric: str
    """A figure of metrics.csv; of one that is not there, nothing is advised."""
    maximize: bool
    pruner: Mapping[str, Any]
    """A node with ``_target_``; null: nothing is advised."""

    def __call__(self, folder: Path, job: Job) -> Adviser | None:
        """The adviser of a job of the sweep in a directory."""
        if self.pruner["_target_"] is None:
            return None
        import optuna
        from optuna.trial import TrialState, create_trial

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            direction="maximize" if self.maximize else "minimize"
        )
        for other in Manifest(folder).jobs():
            value = other.figures.get(self.metric)
            if other.state == COMPLETED and value is not None:
                course = course_of(folder / other.directory, self.metric)
                study.add_trial(create_trial(value=value, intermediate_values=course))
        study.add_trial(create_trial(state=TrialState.RUNNING))
        return _Watch(study, make(self.pruner), self.metric)


def course_of(directory: Path, metric: str) -> dict[int, float]:
    """A figure of a run by epoch; empty where it was not recorded."""
    try:
        rows = RunDirectory(directory).read_table("metrics.csv")
    except (OSError, RunDirectoryError):
        return {}
    return {int(row["epoch"]): row[metric] for row in rows if metric in row}


class _Watch:
    """Sees the epochs of a run as those of the last trial of a record in memory."""

    def __init__(self, study: Any, pruner: Any, metric: str) -> None:
        self._study, self._pruner, self._metric = study, pruner, metric
        self._trial = study.get_trials(deepcopy=False)[-1]._trial_id
        self._seen = 0

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        storage, metric = self._study._storage, self._metric
        if metric not in rows[-1]:
            return None
        for row in rows[self._seen :]:
            storage.set_trial_intermediate_value(self._trial, row["epoch"], row[metric])
        self._seen = len(rows)
        if not self._pruner.prune(self._study, storage.get_trial(self._trial)):
            return None
        epoch, value = rows[-1]["epoch"], rows[-1][metric]
        return f"no hope after epoch {epoch}, with {metric} {value:.4g}"
