"""Numbers that change during training."""

from typing import Any, get_args

import pytest
import torch

from aerun.schedules import Knobs, Schedule, Shape, interpolate

SHAPES = get_args(Shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("start", "end"), [(0.1, 0.7), (5.0, 0.3), (2.0, 2.0)])
def test_a_schedule_begins_and_ends_exactly(
    shape: Any, start: float, end: float
) -> None:
    """At 0 and before it is the start, at 1 and beyond the end, bit for bit."""
    assert (
        interpolate(shape, start, end, 0)
        == interpolate(shape, start, end, -1)
        == (start)
    )
    assert interpolate(shape, start, end, 1) == interpolate(shape, start, end, 7) == end


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("start", "end"), [(0.1, 0.7), (5.0, 0.3)])
def test_a_schedule_moves_one_way(shape: Any, start: float, end: float) -> None:
    """In between it never turns round and never leaves the interval."""
    values = [interpolate(shape, start, end, i / 50) for i in range(51)]
    assert values == sorted(values, reverse=end < start)
    assert len(set(values)) == 51


@pytest.mark.parametrize(
    ("shape", "share", "value"),
    [
        ("linear", 0.25, 1.75),
        ("linear", 0.5, 2.5),
        ("cosine", 0.5, 2.5),
        ("cosine", 0.25, 1 + 3 * 0.1464466094),
        ("exponential", 0.5, 2.0),
        ("exponential", 0.25, 2**0.5),
    ],
)
def test_shapes_are_what_their_names_say(
    shape: Any, share: float, value: float
) -> None:
    """From 1 to 4: a line, half a cosine, a constant factor."""
    assert interpolate(shape, 1, 4, share) == pytest.approx(value)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_schedule_may_start_or_end_at_zero(shape: Any) -> None:
    """0 is a value."""
    assert interpolate(shape, 0, 2, 0) == interpolate(shape, 2, 0, 1) == 0
    assert interpolate(shape, 0, 2, 0.5) == pytest.approx(1)


@pytest.mark.parametrize(
    ("steps", "total", "step", "value"),
    [
        (10, 100, 5, 0.5),
        (10, 100, 10, 1.0),
        (10, 100, 99, 1.0),
        (None, 100, 50, 0.5),
        (None, 100, 0, 0.0),
        (200, 100, 100, 0.5),
        (None, 0, 0, 0.0),
    ],
)
def test_steps_or_the_whole_training(
    steps: int | None, total: int, step: int, value: float
) -> None:
    """Without ``steps`` a schedule lasts as long as the training."""
    assert Schedule(start=0, end=1, steps=steps).at(step, total) == pytest.approx(value)


def moving(steps: int | None, **more: Any) -> Schedule:
    """From 0 to 1."""
    return Schedule(start=0, end=1, steps=steps, **more)


SETTLED: list[tuple[dict[str, float | Schedule], int]] = [
    ({}, 0),
    ({"a": 3.0}, 0),
    ({"a": moving(5)}, 5),
    ({"a": moving(5), "b": moving(12, shape="cosine"), "c": 1.0}, 12),
    ({"a": moving(None)}, 20),
    ({"a": moving(5), "b": moving(None)}, 20),
    ({"a": moving(500)}, 20),
]


@pytest.mark.parametrize(("values", "step"), SETTLED)
def test_knobs_settle_when_the_last_schedule_ends(
    values: dict[str, float | Schedule], step: int
) -> None:
    """From that step on no number moves; at the one before, one still did."""
    knobs = Knobs(values)
    assert knobs.settled(20) == step
    at = [knobs.numbers(n, 20) for n in range(21)]
    assert all(numbers == at[step] for numbers in at[step:])
    assert step == 0 or at[step - 1] != at[step]


def test_knobs_are_numbers_and_the_same_as_tensors() -> None:
    """Tensors are 0-dim, of the wanted type, and follow the schedules."""
    knobs = Knobs({"plain": 0.0, "moving": moving(10)})
    for step in (0, 3, 10, 50, 3):
        numbers = knobs.numbers(step, 100)
        tensors = knobs.tensors(
            step, 100, device=torch.device("cpu"), dtype=torch.float64
        )
        assert {name: float(t) for name, t in tensors.items()} == numbers
        assert all(t.shape == () and t.dtype == torch.float64 for t in tensors.values())
        assert numbers == {"plain": 0.0, "moving": min(step / 10, 1)}
