"""What a sweep is to do: its jobs, each composed and found good."""

import hashlib
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aerun.config.approve import approve_plain, asked
from aerun.config.compose import NO_NEW_RUN, contained
from aerun.config.leftovers import leftovers
from aerun.config.mistakes import BadRequest, Mistake
from aerun.wiring import targets


@dataclass(frozen=True)
class Composed:
    """What a job's composition comes to, plain."""

    request: dict[str, Any]
    """What the run is asked for."""
    unresolved: dict[str, Any]
    """The same as composed."""
    hydra: dict[str, Any]
    """Hydra's own node, without what the job's directory settles."""


@dataclass(frozen=True)
class Planned:
    """A job that was found good and has no number yet."""

    overrides: tuple[str, ...]
    hash: str
    """Of its composed config, without what is of the sweep."""
    targets: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """All code that it names."""
    composed: "Composed | None" = field(default=None, compare=False, repr=False)
    """For the launcher of this process; None where it has more to say of the job."""


class Uncomposable(Exception):
    """A job has a key that its options do not have, or the like."""

    def __init__(self, overrides: Sequence[str]) -> None:
        """Hold what the job would be."""
        super().__init__(" ".join(overrides))
        self.overrides = list(overrides)


def plan(
    jobs: Sequence[Sequence[str]],
    master: DictConfig,
    loader: Any,
    *,
    done: Container[Any],
    output: str | None,
) -> list[Planned]:
    """Find every job good, also in its data.

    Args:
        jobs: The overrides of each.
        master: The composed request of the sweep.
        loader: Hydra's.
        done: Hashes and overrides of jobs that were.
        output: The key of Hydra's that names the directory to be made, if one is.

    Raises:
        BadRequest: With the mistakes of all jobs.
        Uncomposable: Hydra cannot compose one.
    """
    found: dict[Mistake, list[str]] = {}
    planned: list[Planned] = []
    tried: set[str] = set()
    for job in [[text for text in job if not is_option(text)] for job in jobs]:
        try:
            config = loader.load_sweep_config(master, job)
            _only_new(config)
            request = asked(config, say=False)
            made = _hash(request)
            if made not in done and tuple(job) not in done:
                approve_plain(request, config, output=output, tried=tried)
        except BadRequest as error:
            for mistake in error.mistakes:
                found.setdefault(mistake, []).append(" ".join(job))
        except (HydraException, OmegaConfBaseException) as error:
            raise Uncomposable(job) from error
        else:
            named = frozenset(str(target) for _, target in targets(request))
            composed = _composed(config, request)
            planned.append(Planned(tuple(job), made, named, composed))
    if found:
        raise BadRequest(
            mistake if len(names) == len(jobs) else _located(mistake, names)
            for mistake, names in found.items()
        )
    return planned


def _composed(config: DictConfig, request: dict[str, Any]) -> Composed | None:
    if any(leftovers(config.hydra)):  # which its log is to tell
        return None
    hydra: Any = OmegaConf.to_container(config.hydra, resolve=False)
    return Composed(request, contained(config, resolve=False), hydra)


def typed(config: DictConfig) -> list[str]:
    """What was typed for a sweep, Hydra's own options included."""
    node: Any = OmegaConf.to_container(config.hydra.overrides, resolve=False)
    return [
        text for text in [*node["hydra"], *node["task"]] if "hydra.mode=" not in text
    ]


def is_option(override: str) -> bool:
    """Whether an override is of the sweep, not of its jobs."""
    return override.lstrip("+").startswith("sweep.")


@contextmanager
def current(config: DictConfig) -> Iterator[None]:
    """Within, ``${hydra:...}`` reads this config."""
    hydra = HydraConfig.instance()
    before, hydra.cfg = hydra.cfg, config  # type: ignore[assignment]
    try:
        yield
    finally:
        hydra.cfg = before


def _hash(request: Mapping[str, Any]) -> str:
    text = json.dumps(request, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _only_new(config: DictConfig) -> None:
    """A sweep makes new runs; a task that does not is for a command of its own."""
    if config.task.get("works_in") in NO_NEW_RUN:
        name = config.hydra.runtime.choices.task
        problem = "makes no new run, so it cannot be a job of a sweep; leave out -m."
        raise BadRequest([Mistake(typed=f"task={name}", problem=problem)])


def _located(mistake: Mistake, jobs: Sequence[str]) -> Mistake:
    """A mistake of some jobs says of which."""
    others = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
    return replace(mistake, problem=f"in the job {jobs[0]}{others}: {mistake.problem}")
