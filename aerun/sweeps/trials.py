"""The trials of a search: each is a point of its space, and a job of its sweep."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aerun.errors import BadUse
from aerun.sweeps.advice import course_of
from aerun.sweeps.manifest import COMPLETED, FAILED, PRUNED, Job
from aerun.sweeps.space import Space
from aerun.wiring import make

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

DATABASE = "search.db"
_NAME = "search"
JOB = "job"
"""Of a trial in the record: the number of its job."""
_REQUEST = "request"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A point that was proposed, and has no outcome yet."""

    number: int
    """In Optuna's record; not that of its job."""
    chosen: Mapping[str, Any]
    """Values by name of dimension."""
    job: int | None = None
    """The number of its job, if it has one."""


class Trials:
    """Proposes trials and learns how they went; all of it lies in ``search.db``."""

    def __init__(
        self,
        folder: Path,
        space: Space,
        *,
        sampler: Mapping[str, Any],
        seed: int,
        metric: str,
        maximize: bool,
    ) -> None:
        """Begin a search in a sweep's directory, or go on with the one that is there.

        Args:
            folder: The directory.
            space: Of all trials.
            sampler: A node with ``_target_``.
            seed: Of the sampler.
            metric: The figure that counts.
            maximize: Whether more of it is better.

        Raises:
            BadUse: The search there is another one.
        """
        self.folder, self.space = folder, space
        self.metric, self.maximize = metric, maximize
        self._sampler, self._seed = sampler, seed
        self.study = open_study(folder, maximize=maximize)
        self._claim()

    def _claim(self) -> None:
        """Make sure that all trials of a search can be compared."""
        from optuna.distributions import distribution_to_json

        fixed = [part for part in self.space.parts if isinstance(part, str)]
        now: dict[str, Any] = {
            name: distribution_to_json(distribution)
            for name, distribution in self.space.distributions.items()
        }
        now["other values"] = sorted(p for p in fixed if not p.startswith("sweep."))
        now["sweep.metric"] = [self.metric, self.maximize]
        before = self.study.user_attrs.get(_REQUEST, now)
        other = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        told = any(t.state.is_finished() for t in self.study.get_trials(deepcopy=False))
        if other and told:
            raise BadUse(
                f"the search in {self.folder} was begun with another choice of "
                f"{', '.join(other)}; its trials would not compare. Only "
                "hydra.sweeper.trials and the like may change: start a new search"
            )
        self.study.set_user_attr(_REQUEST, now)

    # -- proposing -------------------------------------------------------------------

    def propose(self) -> Trial:
        """A new point."""
        found = self._ask(self.study)
        return Trial(number=found.number, chosen=found.params)

    def _ask(self, study: "Study") -> "FrozenTrial":
        """The next trial of a record."""
        number = len(study.get_trials(deepcopy=False))
        given = {"seed": self._seed, "number": number, "space": self.space.values}
        idle, study.sampler = study.sampler, make(self._sampler, given)
        try:
            study.ask(self.space.distributions)
        finally:
            study.sampler = idle  # one that wants nothing of outcomes
        return study.get_trials(deepcopy=False)[number]

    def _asked_anew(self, broken: "FrozenTrial") -> Trial:
        """The point of a trial whose proposal was broken off, which keeps its number.

        It is proposed from the same record beside this one, so that a sampler draws
        what it would have drawn; what is missing here is taken over.
        """
        from optuna import create_study
        from optuna.samplers import RandomSampler

        beside = create_study(sampler=RandomSampler(), direction=self.study.direction)
        beside.add_trials(self.study.get_trials(deepcopy=False)[: broken.number])
        found, place = self._ask(beside), self._id(broken.number)
        for name, value in found.system_attrs.items():
            self._storage.set_trial_system_attr(place, name, value)
        for name in found.params.keys() - broken.params.keys():
            axis = found.distributions[name]
            inside = axis.to_internal_repr(found.params[name])
            self._storage.set_trial_param(place, name, inside, axis)
        return Trial(number=broken.number, chosen={**found.params, **broken.params})

    def unfinished(self) -> list[Trial]:
        """Those that a stop has left without an outcome."""
        from optuna.trial import TrialState

        kept = []
        names = self.space.axes.keys()
        running = (TrialState.RUNNING,)
        for trial in self.study.get_trials(deepcopy=False, states=running):
            if trial.params.keys() == names:
                job = trial.user_attrs.get(JOB)
                kept.append(Trial(number=trial.number, chosen=trial.params, job=job))
            else:
                kept.append(self._asked_anew(trial))
        return kept

    def again(self, job: Job) -> Trial:
        """One more trial at the point of a job that failed."""
        from optuna.trial import TrialState, create_trial

        trials = self.study.get_trials(deepcopy=False)
        last = [t for t in trials if t.user_attrs.get(JOB) == job.number][-1]
        twin = create_trial(
            state=TrialState.RUNNING,
            params=last.params,
            distributions=last.distributions,
            user_attrs={JOB: job.number},
        )
        self.study.add_trial(twin)
        return Trial(number=len(trials), chosen=last.params)

    # -- learning --------------------------------------------------------------------

    def bind(self, trial: Trial, job: Job) -> None:
        """Note which job a trial is."""
        self._storage.set_trial_user_attr(self._id(trial.number), JOB, job.number)

    @property
    def jobs(self) -> set[int]:
        """The numbers of all jobs that are trials of this search."""
        trials = self.study.get_trials(deepcopy=False)
        return {t.user_attrs[JOB] for t in trials if JOB in t.user_attrs}

    def learn(self, trial: Trial, job: Job) -> bool:
        """Take the outcome of a trial from its job; whether that has one.

        Raises:
            BadUse: The figure that counts is none of the job's.
        """
        from optuna.trial import TrialState

        if job.state == COMPLETED:
            if self.metric not in job.figures:
                raise BadUse(
                    f"sweep.metric={self.metric}: the runs have no such figure; choose "
                    f"one of {', '.join(job.figures)}"
                )
            value = job.figures[self.metric]
            if value is None:
                self.give_back(trial.number)
            else:
                self.study.tell(trial.number, value)
        elif job.state == PRUNED:
            course = course_of(self.folder / job.directory, self.metric)
            for epoch in list(course)[-1:]:  # how far it came is learnt from too
                self._storage.set_trial_intermediate_value(
                    self._id(trial.number), epoch, course[epoch]
                )
            self.study.tell(trial.number, state=TrialState.PRUNED)
        elif job.state == FAILED:
            self.give_back(trial.number)
        else:
            return False
        return True

    @property
    def best(self) -> "FrozenTrial | None":
        """The completed one with the best figure, in Optuna's record."""
        from optuna.trial import TrialState

        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.study.best_trial if done else None

    def give_back(self, number: int) -> None:
        """End a trial that teaches nothing."""
        from optuna.trial import TrialState

        self.study.tell(number, state=TrialState.FAIL)

    def importances(self) -> dict[str, float]:
        """How much of the figure's variance each dimension explains, largest first.

        Shares in [0, 1] that add up to 1; empty where completed trials are too few.

        References:
            Hutter et al., "An Efficient Approach for Assessing Hyperparameter
            Importance" (2014).
        """
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances
        from optuna.trial import TrialState

        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({trial.value for trial in done}) < 2:
            return {}
        evaluator = FanovaImportanceEvaluator(seed=0)
        found = get_param_importances(self.study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}

    @property
    def _storage(self) -> Any:
        return self.study._storage

    def _id(self, number: int) -> int:
        found: int = self._storage.get_trial_id_from_study_id_trial_number(
            self.study._study_id, number
        )
        return found


def open_study(folder: Path, *, maximize: bool) -> "Study":
    """Optuna's record in a sweep's directory; begun where there is none."""
    import optuna
    from sqlalchemy.pool import NullPool

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=_NAME,
        # Without a pool no connection stays open.
        storage=optuna.storages.RDBStorage(
            f"sqlite:///{folder / DATABASE}", {"poolclass": NullPool}
        ),
        sampler=optuna.samplers.RandomSampler(),
        direction="maximize" if maximize else "minimize",
        load_if_exists=True,
    )
