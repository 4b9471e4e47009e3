"""Interleaved repeats, and what can be said of them in spite of a noisy machine."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """How many times as fast one contender is as another, pair by pair."""

    median: float
    low: float
    """Of all repeats the smallest."""
    high: float
    """Of all repeats the largest."""

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def interleave(
    runs: Mapping[str, Callable[[int], None]],
    steps: Mapping[str, int],
    repeats: int,
) -> dict[str, list[float]]:
    """Time all contenders in turn, again and again.

    A neighbour that slows the machine for seconds slows all of one repeat, and their
    ratio hardly moves. Each repeat starts with another contender.

    Args:
        runs: By name; each makes the number of steps that it is given.
        steps: By name, steps per repeat.
        repeats: How often.

    Returns:
        By name, steps per second of every repeat.
    """
    names = list(runs)
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            began = time.perf_counter()
            runs[name](steps[name])
            speeds[name].append(steps[name] / (time.perf_counter() - began))
    return speeds


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Of speeds measured in the same repeats."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Ratio(median=median(pairs), low=min(pairs), high=max(pairs))


def summarise(
    speeds: Mapping[str, Sequence[float]], rivals: Sequence[str]
) -> dict[str, dict[str, object]]:
    """Per contender the speed of each repeat, their median and its ratios to rivals."""
    return {
        name: {
            "steps_per_second": median(own),
            "repeats": [round(speed, 2) for speed in own],
            "ratios": {
                rival: asdict(ratio(own, speeds[rival]))
                for rival in rivals
                if rival != name
            },
        }
        for name, own in speeds.items()
    }
