"""The types that options of the command line may have, with their ranges.

A part says in its signature what it accepts: keyword-only parameters are options, as in
``def gaussian(x, draws, *, std: NonNegativeKnob)``. The request is checked against
these annotations before anything is built, so a range is written once, beside the code
that relies on it.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

from torch import Tensor, nn

from aerun.errors import PartError

Knob = Tensor | float
"""A number that may change during training: a plain number or a schedule in the
config, a 0-dim tensor in the formula."""

LARGEST = 2**63 - 1
"""The largest whole number of an option: PyTorch and NumPy count no further."""


def is_usable(value: float) -> bool:
    """Whether a number is finite, and no larger than there is room for."""
    return abs(value) <= LARGEST if isinstance(value, int) else math.isfinite(value)


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of allowed finite numbers; a bound of None is absent."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    """Whether ``low`` itself is excluded."""
    open_high: bool = False
    """Whether ``high`` itself is excluded."""

    def __contains__(self, value: float) -> bool:
        """Whether ``value`` lies in the interval; NaN and infinities never do."""
        low, high = self.low, self.high
        if low is not None and not (value > low if self.open_low else value >= low):
            return False
        if high is not None and not (value < high if self.open_high else value <= high):
            return False
        return is_usable(value)

    def __str__(self) -> str:
        """The interval in words, for messages."""
        words = []
        if self.low is not None:
            words.append(
                f"{'above' if self.open_low else 'at least'} {_text(self.low)}"
            )
        if self.high is not None:
            words.append(
                f"{'below' if self.open_high else 'at most'} {_text(self.high)}"
            )
        return " and ".join(words)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text that a function must be able to read."""

    parse: Callable[[str], Any]
    """Raises ValueError on a text that it cannot read."""
    what: str
    """What is allowed, in words."""

    def __contains__(self, value: str) -> bool:
        """Whether ``value`` can be read."""
        try:
            self.parse(value)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        """What is allowed, for messages."""
        return self.what


def seconds(duration: str) -> float:
    """The seconds of a duration such as "30s", "5min" or "1h".

    Raises:
        ValueError: It is not a positive number with one of these units.
    """
    for unit, factor in (("min", 60.0), ("s", 1.0), ("h", 3600.0)):
        number = duration.removesuffix(unit)
        if number == duration:
            continue
        found = float(number) * factor
        if 0 < found < math.inf:
            return found
    raise ValueError(f"{duration!r} is no duration: write 30s, 5min or 1h")


@dataclass(frozen=True, slots=True)
class Odd:
    """A number that 2 does not divide."""

    def __contains__(self, value: int) -> bool:
        """Whether ``value`` is odd and positive."""
        return value > 0 and value % 2 == 1 and is_usable(value)

    def __str__(self) -> str:
        """What is allowed, for messages."""
        return "odd and positive"


Count = Annotated[int, Range(1)]
Workers = Literal[-1] | Count
"""How many at a time; -1: one for each core."""
Threads = Annotated[int, Range(1, 1024)]
OddCount = Annotated[int, Odd()]
Natural = Annotated[int, Range(0)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Positive = Annotated[float, Range(0, open_low=True)]
NonNegative = Annotated[float, Range(0)]
Fraction = Annotated[float, Range(0, 1, open_low=True, open_high=True)]
Momentum = Annotated[float, Range(0, 1, open_high=True)]
NonNegativeKnob = Annotated[Knob, Range(0)]
FractionKnob = Annotated[Knob, Range(0, 1, open_low=True, open_high=True)]
ShareKnob = Annotated[Knob, Range(0, 1)]
PositiveKnob = Annotated[Knob, Range(0, open_low=True)]
Duration = Annotated[str, Parsed(seconds, "a duration such as 30s, 5min or 1h")]


def option_types(target: Any) -> dict[str, Any]:
    """The options of a part by name, with their annotations.

    Args:
        target: A function, a dataclass of options, or a class; of a module also the
            knobs that its ``forward`` takes are options.

    Returns:
        Annotations of all keyword-only parameters but ``draws``.
    """
    if not inspect.isclass(target):
        return dict(_keywords(target))
    options = dict(_keywords(target.__init__))
    if issubclass(target, nn.Module):
        options |= _keywords(target.forward)
    return options


def knob_types(call: Any) -> dict[str, Any]:
    """The options of a formula (a function or a module) that may be schedules."""
    formula = call.forward if isinstance(call, nn.Module) else call
    return {name: kind for name, kind in _keywords(formula).items() if is_knob(kind)}


def is_knob(annotation: Any) -> bool:
    """Whether an option of this type may be a schedule."""
    return annotation is Tensor or any(is_knob(part) for part in get_args(annotation))


def _text(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


@functools.lru_cache(maxsize=1000)  # each is asked for several times in a run
def _keywords(function: Any) -> Mapping[str, Any]:
    bound: Mapping[str, Any] = {}
    if isinstance(function, functools.partial):  # a formula with settled options
        function, bound = function.func, function.keywords
    parameters = inspect.signature(function).parameters.values()
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        name = f"{function.__module__}.{function.__qualname__}"
        raise PartError(f"{name}: an annotation says: {error}") from None
    return {
        p.name: hints.get(p.name, Any)
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name not in ("draws", *bound)
    }


def show(value: Any) -> str:
    """A value as one would type it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    return str(value)
