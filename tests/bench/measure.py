"""Interleaved repeats, and what can be said of them in spite of a noisy machine."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from aerun.settling import threads

Speeds = dict[str, dict[int, list[float]]]
"""By name and number of threads, steps per second of every repeat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """How many times as fast one contender is as another, repeat by repeat."""

    median: float
    low: float
    """Of all repeats the smallest."""
    high: float
    """Of all repeats the largest."""

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def interleave(
    runs: Mapping[str, Callable[[int], Any]],
    numbers: Sequence[int],
    *,
    repeats: int,
    seconds: float,
) -> Speeds:
    """Time all contenders in turn with each number of threads, again and again.

    A neighbour that slows the machine for seconds slows all of one repeat, and their
    ratio hardly moves. Each repeat starts with another contender.

    Args:
        runs: By name; each makes the number of steps that it is given, and may say how
            many seconds they took where some time of a call does not count.
        numbers: Of threads.
        repeats: How often.
        seconds: How long a turn takes, about.
    """
    turns = [(name, number) for number in numbers for name in runs]
    speeds: Speeds = {name: {number: [] for number in numbers} for name in runs}
    steps: dict[tuple[str, int], int] = {}
    for turn in turns:  # first calls import, allocate and fill caches
        _speed(runs, turn, 2)
        steps[turn] = max(round(seconds * _speed(runs, turn, 3)), 1)
    for repeat in range(repeats):
        first = repeat % len(turns)
        for turn in turns[first:] + turns[:first]:
            name, number = turn
            speeds[name][number].append(_speed(runs, turn, steps[turn]))
    return speeds


def _speed(
    runs: Mapping[str, Callable[[int], Any]], turn: tuple[str, int], steps: int
) -> float:
    name, number = turn
    with threads(number):
        began = time.perf_counter()
        told = runs[name](steps)
        took = time.perf_counter() - began
    return steps / (told if isinstance(told, float) else took)


def best(speeds: Mapping[int, Sequence[float]]) -> int:
    """The number of threads with which a contender is fastest, in the median."""
    return max(speeds, key=lambda number: median(speeds[number]))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Of speeds measured in the same repeats."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Ratio(median=median(pairs), low=min(pairs), high=max(pairs))


def compared(speeds: Speeds, ours: str) -> dict[str, Ratio]:
    """One contender against each other one, each at its best number of threads."""
    own = speeds[ours][best(speeds[ours])]
    return {
        name: ratio(own, theirs[best(theirs)])
        for name, theirs in speeds.items()
        if name != ours
    }
