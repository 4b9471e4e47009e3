"""Types of the options that belong to no part's signature."""

from dataclasses import dataclass
from typing import Literal

from aerun.objective import Reduction
from aerun.options import NonNegativeKnob, Seed


@dataclass(frozen=True, kw_only=True, slots=True)
class RootOptions:
    """Options beside the groups; types only."""

    seed: Seed
    device: str
    init_from: str | None
    run: str | None
    runs: list[str] | str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LossOptions:
    """Options that every loss has."""

    reduction: Reduction


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskOptions:
    """Options that every task has."""

    works_in: Literal["new", "run", "part", "runs", "nothing"]
    """A new run directory, that of ``run=``, a folder inside it, a directory made from
    those of ``runs=``, or none at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepOptions:
    """What is of a sweep, not of its runs."""

    metric: str
    """The figure by which runs are ranked, and that a search improves."""
    maximize: bool
    fail_fast: bool
    """Whether the first failure keeps other jobs from starting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegularizerOptions:
    """Options that every regularizer has."""

    weight: NonNegativeKnob
