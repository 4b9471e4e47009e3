"""Automatic choices that are measured, on steps of a training of their own."""

import logging
import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from statistics import fmean, median
from typing import Any

import torch

from aerun.build import build
from aerun.data import Data
from aerun.resolving import Config, num_weights, resolve
from aerun.training.events import StepEnded

log = logging.getLogger("aerun")

_TURN = 0.03  # seconds that a number of threads is measured for at a time, or a step
_ROUNDS = 5  # turns of each
_SECONDS = 0.5  # after which no further round begins
_FEW = 20  # steps of a training too short to be measured for
_LARGE = 250_000_000  # weights from which on nothing is built only to be measured
_CLEARLY = 1.1  # how many times as fast more threads must be
_MANY_SECONDS = 600  # of a training that is worth the wait for a compiler
_HOPELESSLY = 3  # how many times as slow they are not looked at again


def settle(config: Config, data: Data) -> dict[str, Any]:
    """What ``resolve`` gives, and what has to be measured besides.

    The run is built once more to be measured; its own weights and noise are not
    touched.

    Args:
        config: Checked.
        data: As loaded.

    Returns:
        A new config with no "auto" left.
    """
    made = resolve(config, data.spec)
    trainer = made["trainer"]
    if trainer["threads"] == "auto":
        trainer["threads"] = _threads(made, data)
    if trainer["compile"] == "auto":
        with threads(trainer["threads"]):
            trainer["compile"] = _is_worth_compiling(made, data)
    if trainer["precision"] == "bfloat16" and made["device"] == "cpu":
        with threads(trainer["threads"]):
            _judge_bfloat16()
    return made


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Within, PyTorch computes with so many CPU threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _threads(config: Config, data: Data) -> int:
    """As many as make the steps of this training fast, now and here."""
    numbers = candidates(num_cores())
    if num_weights(config, data.spec.shape) > _LARGE or config["device"] != "cpu":
        return numbers[-1]
    if planned_steps(config, data) < _FEW:
        return 1
    try:
        with torch.random.fork_rng(devices=[]):  # a user's own part may draw from it
            times = seconds_per_step(_steps(config, data), numbers)
    except Exception as error:  # which the run itself meets at its first steps
        log.info("Threads: 1; they could not be measured (%s).", type(error).__name__)
        log.debug("%s", error, exc_info=True)
        return 1
    number = fastest(times)
    measured = [f"{median(t) * 1000:.3g} ms with {n}" for n, t in times.items()]
    log.info("Threads: %d; a step takes %s.", number, ", ".join(measured))
    return number


def planned_steps(config: Config, data: Data) -> int:
    """Optimizer steps of the first phase, unless it ends early."""
    trainer = config["trainer"]
    planned: int = -(-len(data.train) // trainer["batch_size"]) * trainer["epochs"]
    limit = trainer["max_steps"]
    return planned if limit is None else min(planned, limit)


def _steps(config: Config, data: Data, *, compile: bool = False) -> Generator[None]:
    """Steps of the training that a config asks for, without end, leading nowhere."""
    changed = {"epochs": 10**9, "max_steps": None, "lr": 0.0}
    plain = {"threads": 1, "compile": compile}
    config = {**config, "trainer": {**config["trainer"], **changed, **plain}}
    training = build(config, data).training
    for event in training:
        if isinstance(event, StepEnded):
            if training.device.type != "cpu":
                training.flush()  # waits for the device
            yield


def num_cores() -> int:
    """Cores that this process may use; no more than OMP_NUM_THREADS asks for."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdigit() and int(asked) else cores


def candidates(cores: int) -> list[int]:
    """Numbers of threads that are worth a measurement: 1, 4, 16 ... and all cores."""
    fewer = [4**power for power in range(cores.bit_length()) if 4**power < cores]
    return [*fewer, cores]


def seconds_per_step(
    steps: Iterator[None], numbers: Sequence[int]
) -> dict[int, list[float]]:
    """Time steps with each number of threads in turn, round after round.

    Args:
        steps: Without end; each ``next`` makes one.
        numbers: Of threads.

    Returns:
        Of each number the seconds that a step took, on average of each turn.
    """
    times: dict[int, list[float]] = {number: [] for number in numbers}
    next(steps)  # allocates, and imports what only steps need
    began = time.perf_counter()
    for turn in range(_ROUNDS):
        # Neighbours come and go: every round, another number is the first.
        first = turn % len(numbers)
        for number in [*numbers[first:], *numbers[:first]]:
            with threads(number):
                times[number].append(_turn(steps))
        least, *others = (times[number][-1] for number in numbers)
        hopeless = all(other > _HOPELESSLY * least for other in others)
        if hopeless or time.perf_counter() - began > _SECONDS:
            break
    return times


def _turn(steps: Iterator[None]) -> float:
    """Seconds per step; the first, which may start threads, counts if it is long."""
    began = time.perf_counter()
    next(steps)
    now = time.perf_counter()
    if (seconds := now - began) > _TURN:
        return seconds
    number, began = 0, now
    while now - began < _TURN:
        next(steps)
        number, now = number + 1, time.perf_counter()
    return (now - began) / number


def fastest(times: Mapping[int, Sequence[float]]) -> int:
    """The number of threads to take; a larger one only if that is clearly faster.

    It must be so in the middle of all turns and on average: with cores that others use
    too, most steps may be fast and some wait long.

    Args:
        times: By number of threads, rising, seconds per step of some turns.
    """
    best, *more = times
    for number in more:
        own, few = times[number], times[best]
        if all(_CLEARLY * of(own) < of(few) for of in (median, fmean)):
            best = number
    return best


def _is_worth_compiling(config: Config, data: Data) -> bool:
    """Try it for trainings of many minutes; what does not compile stays as it is."""
    planned = planned_steps(config, data)
    if planned < _FEW or num_weights(config, data.spec.shape) > _LARGE:
        return False
    try:
        with torch.random.fork_rng(devices=[]):
            with closing(_steps(config, data)) as steps:
                began = time.perf_counter()
                next(steps)  # takes longer than any other
                if planned * (time.perf_counter() - began) < _MANY_SECONDS:
                    return False
                plain = _seconds(steps)
            if planned * plain < _MANY_SECONDS:
                return False
            log.info("Compiling, to see whether that is faster ...")
            compiled = _seconds(_steps(config, data, compile=True))
    except Exception as error:
        log.info("Not compiled (%s).", type(error).__name__)
        log.debug("%s", error, exc_info=True)
        return False
    said = f"a step takes {plain * 1000:.3g} ms, compiled {compiled * 1000:.3g} ms"
    faster = _CLEARLY * compiled < plain
    log.info("%s: %s.", "Compiled" if faster else "Not compiled", said)
    return faster


def _seconds(steps: Iterator[None]) -> float:
    """Per step, the first apart: it allocates, and compiles."""
    next(steps)
    return median(_turn(steps) for _ in range(_ROUNDS))


def _judge_bfloat16() -> None:
    """Say so where the processor has no arithmetic for it, and only imitates it."""
    exact, rough = (_seconds(_products(t)) for t in (torch.float32, torch.bfloat16))
    if rough > _CLEARLY * exact:
        log.warning(
            "This processor is slow at bfloat16: a matrix product takes %.1f times as "
            "long as in float32; trainer.precision=float32 is faster here.",
            rough / exact,
        )


def _products(dtype: torch.dtype) -> Iterator[None]:
    """Products of two matrices, without end."""
    a = torch.ones(256, 256, dtype=dtype)
    while True:
        a @ a
        yield
