"""How long it takes from the command to the first step.

As a script, it is the command, which leaves as soon as it has made a step.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NoReturn

_LEFT = 77  # exit code that the command itself never has


def time_to_first_step(overrides: Sequence[str], folder: Path, repeats: int) -> float:
    """Seconds from the start of the process, median.

    Args:
        overrides: Of the command.
        folder: Where run directories may be made.
        repeats: How often, at least once.
    """
    seconds = []
    for repeat in range(repeats):
        where = f"hydra.run.dir='{folder / f'startup_{repeat}'}'"
        command = [sys.executable, __file__, *overrides, where]
        seconds.append(_timed(command, expected=_LEFT))
    return median(seconds)


def time_of_import(module: str, repeats: int) -> float:
    """Seconds of a process that only imports a module, median."""
    command = [sys.executable, "-c", f"import {module}"]
    return median(_timed(command, expected=0) for _ in range(repeats))


def _timed(command: Sequence[str], *, expected: int) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != expected:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return seconds


def _leave(*, step: int) -> NoReturn:
    """Stand where the loop tells of its first step; end without any clean-up."""
    assert step == 1
    os._exit(_LEFT)


if __name__ == "__main__":
    from aerun import cli
    from aerun.training import loop

    loop.StepEnded = _leave
    sys.exit(cli.main(sys.argv[1:]))
