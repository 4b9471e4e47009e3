"""Searches whose jobs are formulas instead of trainings."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hydra.types import HydraContext
from optuna import Study, create_study, logging
from optuna.samplers import RandomSampler

from aerun.config.compose import Composer
from aerun.config.mistakes import BadRequest, Mistake
from aerun.sweeps import search, trials
from aerun.sweeps.manifest import COMPLETED, FAILED, RUNNING, Job, Manifest

SPACE = ("trainer.lr=tag(log,interval(1e-4,1e-1))", "model.code=range(2,16)")

Outcome = Callable[[Job], dict[str, Any]]


def bowl(job: Job) -> dict[str, Any]:
    """Best at a rate of 0.01 and a code of 8."""
    lr, code = float(job.values["trainer.lr"]), int(job.values["model.code"])
    value = (math.log10(lr) + 2) ** 2 + 0.1 * abs(code - 8)
    return {"state": COMPLETED, "figures": {"val/mse": value}}


def failing(*numbers: int) -> Outcome:
    """The same, but of these jobs, which fail."""
    broken = {"state": FAILED, "reason": "the loss became NaN"}
    return lambda job: broken if job.number in numbers else bowl(job)


def dying(number: int) -> Outcome:
    """The same until this job, in whose middle the process dies."""

    def run(job: Job) -> dict[str, Any]:
        if job.number == number:
            raise KeyboardInterrupt
        return bowl(job)

    return run


class Sweep:
    """Keeps a manifest as the real one does."""

    folder: Path
    outcome: Outcome
    refused: Sequence[str]
    """The overrides that make a mistake together."""
    ran: list[int]
    """The jobs, in order."""
    launched: list[int]
    """Jobs of each launch."""
    held = False
    """Whether its directory is locked."""

    def __init__(self, *given: object) -> None:
        self.manifest = Manifest(self.folder)

    def __enter__(self) -> "Sweep":
        return self

    def __exit__(self, *error: object) -> None:
        type(self).held = False

    def check(self, jobs: Sequence[Sequence[str]]) -> list[list[str]]:
        for job in jobs:
            if set(self.refused) <= set(job):
                raise BadRequest([Mistake(typed=" ".join(job), problem="is bad.")])
        return [list(job) for job in jobs]

    def open(self, typed: Sequence[str]) -> Path:
        type(self).held = True
        self.folder.mkdir(exist_ok=True)
        if not self.manifest.exists:
            self.manifest.create(typed, config_dir=None)
        return self.folder

    def add(self, planned: Sequence[Sequence[str]]) -> list[Job]:
        found = []
        for overrides in planned:
            jobs = self.manifest.jobs()
            known = [job for job in jobs if job.overrides == tuple(overrides)]
            job = Job(
                number=len(jobs),
                overrides=tuple(overrides),
                hash=" ".join(overrides),
                directory=str(len(jobs)),
            )
            if not known:
                self.manifest.edit(lambda jobs, job=job: [*jobs, job])
            found.append(known[0] if known else job)
        return found

    def launch(self, jobs: Sequence[Job]) -> list[Job]:
        self.launched.append(len(jobs))
        for job in jobs:
            self.manifest.update(job.number, state=RUNNING)
            self.manifest.update(job.number, **self.outcome(job))
            self.ran.append(job.number)
        numbers = [job.number for job in jobs]
        return [job for job in self.manifest.jobs() if job.number in numbers]

    def close(self) -> None:
        pass


Searching = Callable[..., list[Job]]


@pytest.fixture
def searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Searching:
    """A function that searches, and gives the jobs of the whole sweep.

    Its ``ran`` and ``launched`` are those of its last call. Unless it is to be
    ``stored``, Optuna's record lies in memory and nothing is drawn: much faster.
    """
    records: dict[Path, Study] = {}
    logging.set_verbosity(logging.WARNING)

    def in_memory(folder: Path, *, maximize: bool) -> Study:
        if folder not in records:
            sampler = RandomSampler()
            direction = "maximize" if maximize else "minimize"
            records[folder] = create_study(sampler=sampler, direction=direction)
        return records[folder]

    def run(
        *overrides: str,
        outcome: Outcome = bowl,
        name: str = "sweep",
        refused: Sequence[str] = ("never",),
        stored: bool = False,
    ) -> list[Job]:
        monkeypatch.setattr(Sweep, "folder", tmp_path / name, raising=False)
        monkeypatch.setattr(Sweep, "outcome", staticmethod(outcome), raising=False)
        monkeypatch.setattr(Sweep, "refused", refused, raising=False)
        monkeypatch.setattr(Sweep, "ran", [], raising=False)
        monkeypatch.setattr(Sweep, "launched", [], raising=False)
        monkeypatch.setattr(search, "Sweep", Sweep)
        if not stored:
            monkeypatch.setattr(trials, "open_study", in_memory)
            monkeypatch.setattr(search, "record", lambda trials: [])
        run.ran, run.launched = Sweep.ran, Sweep.launched  # type: ignore[attr-defined]
        return begun(*overrides)

    return run


@lru_cache
def composed(overrides: tuple[str, ...]) -> tuple[Composer, Any]:
    """A request for a search; the same one is composed once."""
    composer = Composer()
    request = ["hydra/sweeper=optuna", *overrides]
    return composer, composer.compose(request, multirun=True)


def begun(*overrides: str) -> list[Job]:
    """What a request leaves in the manifest."""
    composer, config = composed(overrides)
    node = {k: v for k, v in config.hydra.sweeper.items() if not k.startswith("_")}
    sweeper = search.Search(**node)
    context = HydraContext(config_loader=composer.loader, callbacks=None)
    sweeper.setup(
        hydra_context=context, task_function=lambda config: None, config=config
    )
    sweeper.sweep(list(config.hydra.overrides.task))
    return Manifest(Sweep.folder).jobs()
