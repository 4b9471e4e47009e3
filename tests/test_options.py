"""Types and ranges of options: what a value may be, and how it is said."""

import re
from typing import Annotated, Any, Literal

import pytest
from torch import nn

from aerun.config.types import conforms, describe, problem_with
from aerun.options import (
    Count,
    Duration,
    Fraction,
    Momentum,
    Natural,
    NonNegative,
    NonNegativeKnob,
    Positive,
    PositiveKnob,
    Range,
    is_knob,
    knob_types,
    option_types,
    seconds,
)

NAN, INF = float("nan"), float("inf")
Choice = Literal["unit", "standard", "none"]

CONFORMS: list[tuple[Any, list[Any], list[Any]]] = [
    (int, [0, -3, 10**30], [1.0, True, "1", None, [1]]),
    (float, [0, 0.5, -2, 1e300], [False, "0.5", None, {}]),
    (bool, [True, False], [0, 1, "true", None]),
    (str, ["", "x"], [0, None, True]),
    (None, [None], [0, "", False, "null"]),
    (Any, [None, 3, "x", [1]], []),
    (Natural, [0, 7], [-1, 0.0, 1.5, True, False, NAN, None, "3"]),
    (Count, [1, 7], [0, -1, True, NAN]),
    (Positive, [1e-300, 1, 5.5], [0, 0.0, -1, NAN, True, "1", None]),
    (NonNegative, [0, 0.0, 2], [-1e-9, NAN, False]),
    (Fraction, [0.5, 1e-9], [0, 1, 0.0, 1.0, NAN, -1]),
    (Momentum, [0, 0.999], [1, 1.0, NAN, -0.1]),
    (NonNegativeKnob, [0, 1.5], [-1, NAN, "x", True, None]),
    (PositiveKnob, [0.1, 3], [0, NAN, None]),
    (Duration, ["30s", "5min", "1h", "0.5h"], ["10m", "s", "-1s", "0s", "nans", 30]),
    (Choice, ["unit", "none"], ["Unit", "", None, 0, True]),
    (Literal[0, 1], [0, 1], [True, False, 1.0, 2]),
    (Count | None, [None, 3], [0, "null", False]),
    (bool | Literal["auto"], [True, False, "auto"], [0, "true", None]),
    (Count | Duration, [1, "20s"], [0, "20", None]),
    (list[Natural], [[], [0, 3]], [[-1], [True], 3, None, "[1]", [1.5]]),
]


def _name(value: Any) -> str:
    """The same in every process: without the addresses of functions."""
    return re.sub(r"<function (\w+) at 0x\w+>", r"\1", repr(value))


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (annotation, value, expected)
        for annotation, good, bad in CONFORMS
        for expected, values in ((True, good), (False, bad))
        for value in values
    ],
    ids=_name,
)
def test_a_value_conforms_or_has_a_problem(
    annotation: Any, value: Any, expected: bool
) -> None:
    """True is no number, NaN lies in no range, 0 is a value like any other."""
    assert conforms(value, annotation) is expected
    assert (problem_with(value, annotation) is None) is expected


@pytest.mark.parametrize("duration", ["infs", "infmin", "1e999h"])
def test_a_duration_ends(duration: str) -> None:
    """An endless duration is none."""
    assert not conforms(duration, Duration)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "a whole number"),
        (float, "a number"),
        (bool, "true or false"),
        (str, "a text"),
        (Natural, "a whole number, at least 0"),
        (Positive, "a number, above 0"),
        (Fraction, "a number, above 0 and below 1"),
        (Momentum, "a number, at least 0 and below 1"),
        (NonNegativeKnob, "a number, at least 0"),
        (Annotated[float, Range(None, 3)], "a number, at most 3"),
        (Choice, "unit, standard or none"),
        (Duration, "a duration such as 30s, 5min or 1h"),
        (Count | None, "a whole number, at least 1 or null"),
        (list[Count], "a list, each entry a whole number, at least 1"),
    ],
)
def test_a_type_is_described_in_words(annotation: Any, words: str) -> None:
    """A message says what is allowed without a word of Python."""
    assert describe(annotation) == words


@pytest.mark.parametrize(
    ("limits", "inside", "outside"),
    [
        (Range(), [0, -1e300], [-INF, INF, NAN]),
        (Range(0), [0, 1e300], [-1e-300, INF, NAN]),
        (Range(0, open_low=True), [5e-324], [0, -1, NAN]),
        (Range(0, 1), [0, 1, 0.5], [-0.1, 1.1, NAN]),
        (Range(0, 1, open_low=True, open_high=True), [0.5], [0, 1, NAN]),
        (Range(None, 0), [0, -1e300], [1, -INF, NAN]),
        (Range(-2, -1), [-2, -1.5, -1], [0, -3, NAN]),
    ],
    ids=_name,
)
def test_a_range_holds_its_bounds_unless_open(
    limits: Range, inside: list[float], outside: list[float]
) -> None:
    """Closed bounds are inside, open ones, NaN and infinities outside; 0 counts."""
    assert all(value in limits for value in inside)
    assert not any(value in limits for value in outside)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"start": 0, "end": 1}, None),
        ({"start": 0, "end": 1, "steps": 5, "shape": "cosine"}, None),
        ({"start": 0, "end": 1, "steps": None}, None),
        ({"start": 2, "end": 1, "shape": "exponential"}, None),
        ({"start": 0, "end": 1, "shape": "exponential"}, "above 0"),
        ({"start": 1, "end": 0, "shape": "exponential"}, "above 0"),
        ({"start": 0}, "end is missing"),
        ({"end": 0}, "start is missing"),
        ({}, "start is missing"),
        ({"start": -1, "end": 1}, "start must be a number, at least 0"),
        ({"start": 0, "end": NAN}, "end must be a number, at least 0"),
        ({"start": 0, "end": True}, "end must be"),
        ({"start": 0, "end": 1, "steps": 0}, "steps must be"),
        ({"start": 0, "end": 1, "steps": 1.5}, "steps must be"),
        ({"start": 0, "end": 1, "shape": "square"}, "linear, cosine or exponential"),
        ({"start": 0, "end": 1, "stepz": 3}, "Did you mean 'steps'?"),
    ],
    ids=_name,
)
def test_a_schedule_is_checked_part_by_part(
    value: dict[str, Any], said: str | None
) -> None:
    """Both ends must be what the number itself may be."""
    problem = problem_with(value, NonNegativeKnob)
    assert problem is None if said is None else said in (problem or "")


def test_only_knobs_may_be_schedules() -> None:
    """A plain number takes no schedule."""
    assert problem_with({"start": 0, "end": 1}, NonNegative) is not None
    assert is_knob(NonNegativeKnob)
    assert is_knob(PositiveKnob | None)
    assert not is_knob(NonNegative)
    assert not is_knob(list[float])


@pytest.mark.parametrize(
    ("value", "annotation", "near"),
    [("unitt", Choice, "unit"), ("autoo", Count | Literal["auto"], "auto")],
)
def test_a_near_miss_is_asked_for(value: str, annotation: Any, near: str) -> None:
    """A mistyped word gets the question; a strange one does not."""
    assert f"Did you mean '{near}'?" in (problem_with(value, annotation) or "")
    assert "Did you mean" not in (problem_with("qqqq", annotation) or "")


@pytest.mark.parametrize(
    ("text", "number"), [("30s", 30), ("5min", 300), ("1h", 3600), ("0.5h", 1800)]
)
def test_durations_are_seconds(text: str, number: float) -> None:
    """Seconds, minutes and hours."""
    assert seconds(text) == number


class Part(nn.Module):
    """A module with an option at either end."""

    def __init__(self, *, size: Count) -> None:
        super().__init__()

    def forward(self, x: Any, draws: Any = None, *, rate: NonNegativeKnob) -> Any:
        """Do nothing."""
        return x


def formula(x: Any, *, draws: Any, std: NonNegativeKnob, mode: str) -> Any:
    """Do nothing."""
    return x


def test_options_are_the_keyword_only_parameters() -> None:
    """Of a class those of ``__init__``, of a module those of ``forward`` too."""
    assert set(option_types(Part)) == {"size", "rate"}
    assert set(option_types(formula)) == {"std", "mode"}
    assert set(knob_types(Part(size=1))) == {"rate"}
    assert set(knob_types(formula)) == {"std"}
    assert option_types(Part)["size"] == Count
