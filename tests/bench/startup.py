"""What the command takes before its first step, and how much memory in all.

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


def time_of(arguments: Sequence[str], repeats: int) -> float:
    """Seconds of a Python process with some arguments, median."""
    command = [sys.executable, *arguments]
    return median(_timed(command, expected=0) for _ in range(repeats))


def peak_memory(arguments: Sequence[str]) -> float:
    """Megabytes that a Python process held at most."""
    # A process begins with the peak of the one that started it: so a small one does.
    command = [sys.executable, "-c", _WAIT, sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return float(done.stdout) / (1e6 if sys.platform == "darwin" else 1e3)


_WAIT = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


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
