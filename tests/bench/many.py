"""A sweep of small jobs, trained as one model by each core and one by one.

As a script, it is a process that trains some of them: started as ``many.py NUMBER
FIRST THREADS together|alone``. For each line of its input it builds its jobs, prints a
line, waits for another, trains them, and prints the seconds that it took.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from contenders import prepare
from measure import best, ratio
from startup import time_of

from aerun.build import build
from aerun.settling import candidates, num_cores, threads
from aerun.sweeps.together import together
from aerun.training.loop import Training

RATES = ("0.0003", "0.001", "0.003", "0.01")
EPOCHS = 20
REQUEST = (
    "dataset=digits", "model=simple", "model.hidden=[32]", "model.code=8",
    f"trainer.epochs={EPOCHS}", "device=cpu",
)  # fmt: skip


def measured(folder: Path, seeds: int, repeats: int) -> dict[str, Any]:
    """How many times as fast jobs are as one model, interleaved with one by one.

    Args:
        folder: Where sweeps may be made.
        seeds: Of each of four learning rates, a job each.
        repeats: How often.

    Returns:
        ``steps``: of trainings alone, without what surrounds them, each way at its best
        number of threads; ``command``: of the whole ``aerun -m``.
    """
    jobs, numbers = seeds * len(RATES), candidates(num_cores())
    fused: list[float] = []
    single: dict[int, list[float]] = {number: [] for number in numbers}
    seconds: dict[str, list[float]] = {"fused": [], "serial": []}
    with ExitStack() as stack:
        groups = stack.enter_context(_groups(jobs, num_cores()))
        few = {n: stack.enter_context(_workers([(4, 0, n, "alone")])) for n in numbers}
        for train in (groups, *few.values()):  # the first time caches are filled
            train()
        for _ in range(repeats):
            fused.append(jobs / groups())
            for number in numbers:
                single[number].append(4 / few[number]())
    for repeat in range(repeats):
        for launcher in sorted(seconds, reverse=repeat % 2 == 1):
            seconds[launcher].append(
                _sweep(launcher, seeds, folder / f"{launcher}_{repeat}")
            )
    return {
        "jobs": jobs,
        "threads": best(single),
        "steps": ratio(fused, single[best(single)]),
        "command": ratio(seconds["serial"], seconds["fused"]),
        "seconds": {name: median(taken) for name, taken in seconds.items()},
    }


def as_text(found: dict[str, Any]) -> str:
    """What is said of it."""
    steps, command = found["steps"], found["command"]
    told = ", ".join(
        f"{name} {taken:.1f} s" for name, taken in found["seconds"].items()
    )
    return (
        f"\n{found['jobs']} small jobs on digits as one model per core:\n"
        f"  steps, over one by one with {found['threads']} thread(s)   {steps}\n"
        f"  the whole command, over one by one        {command}   ({told})"
    )


def _sweep(launcher: str, seeds: int, folder: Path) -> float:
    """Seconds of the command."""
    command = [
        "-m", "aerun", "-q", "-m", *REQUEST,
        f"seed=range(0,{seeds})", f"trainer.lr={','.join(RATES)}",
        f"hydra/launcher={launcher}", f"hydra.sweep.dir='{folder}'",
    ]  # fmt: skip
    return time_of(command, 1)


def _groups(jobs: int, processes: int) -> Any:
    """All jobs, an equal part in each process, as one model with one thread."""
    ends = [jobs * i // processes for i in range(processes + 1)]
    return _workers([(b - a, a, 1, "together") for a, b in pairwise(ends)])


@contextmanager
def _workers(parts: Sequence[tuple[Any, ...]]) -> Iterator[Callable[[], float]]:
    """Within, a function that has all trained at a time, and gives the seconds."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, __file__, *map(str, part)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
            for part in parts
        ]  # fmt: skip

        def tell() -> list[str]:
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            return [worker.stdout.readline() for worker in workers if worker.stdout]

        def train() -> float:
            tell()
            return max(map(float, tell()))

        yield train


def _jobs(number: int, first: int, here: int) -> list[Training]:
    made = []
    for job in range(first, first + number):
        own = [f"seed={job // len(RATES)}", f"trainer.lr={RATES[job % len(RATES)]}"]
        config, data = prepare([*REQUEST, *own, f"trainer.threads={here}"])
        made.append(build(config, data).training)
    return made


def _main(number: int, first: int, here: int, way: str) -> None:
    for _ in sys.stdin:
        jobs = _jobs(number, first, here)
        print("built", flush=True)
        sys.stdin.readline()
        with threads(here):
            began = time.perf_counter()
            calls = [partial(list, job) for job in jobs]
            if way == "together":
                together(calls)
            else:
                for call in calls:
                    call()
            seconds = time.perf_counter() - began
        assert all(job.position.epoch == EPOCHS for job in jobs)
        print(seconds, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    _main(*map(int, sys.argv[1:4]), sys.argv[4])
