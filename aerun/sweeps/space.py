"""What a search chooses from, in Hydra's syntax of sweeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    RangeSweep,
)

from aerun.config.mistakes import BadRequest, Mistake

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One dimension: a key and what it may be."""

    key: str
    """As typed, with + where it is added."""
    distribution: "BaseDistribution"

    @property
    def name(self) -> str:
        """The key alone."""
        return self.key.lstrip("+")

    def typed(self, value: Any) -> str:
        """As one would type it; a number with no more digits than it takes."""
        if not isinstance(value, float):
            return f"{self.key}={value}"
        low, high = self.ends()
        short = float(f"{value:.6g}")
        near = low <= short <= high and abs(short - value) <= 1e-4 * (high - low)
        return f"{self.key}={short if near else value}"

    def holds(self, value: Any) -> bool:
        """Whether a value lies on it; a record that was changed may hold any."""
        try:
            inside = self.distribution.to_internal_repr(value)
            return bool(self.distribution._contains(inside))
        except (ValueError, TypeError):
            return False

    def ends(self) -> Sequence[Any]:
        """The values between which all others lie; all, where they have no order."""
        from optuna.distributions import CategoricalDistribution

        found: Any = self.distribution
        if isinstance(found, CategoricalDistribution):
            return found.choices
        return list(dict.fromkeys([found.low, found.high]))

    def values(self) -> Sequence[Any] | None:
        """All of them; None where there is no end of them."""
        from optuna.distributions import CategoricalDistribution, IntDistribution

        found: Any = self.distribution
        if isinstance(found, CategoricalDistribution):
            return found.choices
        if isinstance(found, IntDistribution):
            return range(found.low, found.high + 1, found.step)
        if found.step is None:
            return [found.low] if found.low == found.high else None
        number = round((found.high - found.low) / found.step) + 1
        return [found.low + place * found.step for place in range(number)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """All dimensions of a search, and what is the same in every trial."""

    parts: Sequence[str | Axis]
    """In the order in which they were typed."""

    @property
    def axes(self) -> dict[str, Axis]:
        """The dimensions by name."""
        return {part.name: part for part in self.parts if isinstance(part, Axis)}

    @property
    def distributions(self) -> dict[str, "BaseDistribution"]:
        """What each dimension may be."""
        return {name: axis.distribution for name, axis in self.axes.items()}

    @property
    def values(self) -> dict[str, Sequence[Any] | None]:
        """The same as sequences, where that is possible."""
        return {name: axis.values() for name, axis in self.axes.items()}

    @property
    def size(self) -> int | None:
        """The number of different trials; None where there is no end of them."""
        counts = [None if v is None else len(v) for v in self.values.values()]
        return None if None in counts else prod(c for c in counts if c is not None)

    def overrides(self, chosen: Mapping[str, Any]) -> list[str]:
        """What to type for the trial that chooses these values, by name."""
        return [
            part if isinstance(part, str) else part.typed(chosen[part.name])
            for part in self.parts
        ]

    def rim(self) -> list[list[str]]:
        """Trials that show mistakes: each end of each dimension is in one of them."""
        first = {name: axis.ends()[0] for name, axis in self.axes.items()}
        found = [self.overrides(first)]
        for name, axis in self.axes.items():
            found += [self.overrides(first | {name: end}) for end in axis.ends()[1:]]
        return found


def space_of(overrides: Sequence[Override]) -> Space:
    """The space that overrides span; of one key, the last counts.

    Raises:
        BadRequest: With every override that spans nothing, or where none does.
    """
    parts: dict[str, str | Axis] = {}
    mistakes = []
    for override in overrides:
        key = override.get_key_element()
        try:
            axis = override.is_sweep_override()
            parts[key] = _axis(override) if axis else str(override.input_line)
        except ValueError as error:
            typed = str(override.input_line)
            mistakes.append(Mistake(typed=typed, problem=f"{error}."))
    if mistakes:
        raise BadRequest(mistakes)
    if all(isinstance(part, str) for part in parts.values()):
        problem = "there is nothing to search; write 'KEY=interval(LOW,HIGH)', "
        problem += "'KEY=range(START,STOP)' or KEY=A,B,C."
        raise BadRequest([Mistake(typed="hydra/sweeper=optuna", problem=problem)])
    return Space(parts=list(parts.values()))


def _axis(override: Override) -> Axis:
    """A dimension.

    Raises:
        ValueError: There is none; says what to do.
    """
    from optuna.distributions import CategoricalDistribution

    sweep: Any = override.value()
    distribution: BaseDistribution
    if isinstance(sweep, IntervalSweep):
        distribution = _between(sweep)
    elif isinstance(sweep, RangeSweep):
        distribution = _stepped(sweep)
    else:
        if getattr(sweep, "tags", ()):
            raise ValueError("values in a list have no scale; leave out the tag")
        if isinstance(sweep, ChoiceSweep):
            sweep.shuffle = False  # there is no order in a search
        distribution = CategoricalDistribution(
            list(dict.fromkeys(override.sweep_string_iterator()))
        )
    return Axis(key=override.get_key_element(), distribution=distribution)


def _between(sweep: IntervalSweep) -> "BaseDistribution":
    """Any number of an interval; whole ones with the tag int."""
    from optuna.distributions import FloatDistribution, IntDistribution

    low, high = sweep.start, sweep.end
    assert low is not None
    assert high is not None
    log = _scale(sweep.tags, low)
    if low > high:
        raise ValueError("the first number must be the smaller one")
    if "int" in sweep.tags:
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _stepped(sweep: RangeSweep) -> "BaseDistribution":
    """The numbers that a grid would have: the last is below the end of the range."""
    from optuna.distributions import FloatDistribution, IntDistribution

    values = sorted(sweep.range())
    if not values:
        raise ValueError("there is no number in this range")
    low, high, step = values[0], values[-1], abs(sweep.step)
    log = _scale(sweep.tags, low)
    if log and step != 1:
        raise ValueError("steps leave no room for a scale; use interval(LOW,HIGH)")
    if all(isinstance(value, int) for value in values):
        return IntDistribution(int(low), int(high), log=log, step=int(step))
    return FloatDistribution(float(low), float(high), step=float(step))


def _scale(tags: set[str], low: float) -> bool:
    """Whether the scale is logarithmic."""
    unknown = sorted(tags - {"log", "int", "float"})
    if unknown:
        raise ValueError(f"there is no tag {unknown[0]}; use log or int")
    if "log" in tags and low <= 0:
        raise ValueError("a logarithmic scale needs numbers above 0")
    return "log" in tags
