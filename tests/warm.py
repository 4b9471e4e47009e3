"""Starts commands without the seconds that importing takes: a process forks for each.

Reads orders, a JSON object on a line, and answers each with one. What was forked is a
process like ``python -m aerun``, in a session of its own, with all that Python does at
its end. Whoever gives orders kills it; it is kept as it ended until asked for.
"""

import atexit
import gc
import json
import os
import resource
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from making import draw_nothing

READY = "ready"
JUMPED = "looks at a clock that jumps: "


def warm_up() -> None:
    """Train once, so that all is imported that a run imports."""
    from tqdm import tqdm

    from aerun.cli import main

    tqdm.monitor_interval = 0  # a thread, which is not forked
    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as nowhere:
        os.chdir(place)
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            code = main(
                ["model=vae", "trainer.epochs=1", "trainer.threads=1", "device=cpu",
                 "dataset.limit=64", "hydra.run.dir=run"]
            )  # fmt: skip
            assert code == 0
        os.chdir("/")
    gc.freeze()  # what is shared with those that are forked is not looked through


def carry_out(order: dict[str, Any]) -> None:
    """Be the command: its own output, folder, variables and signals, to its end."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, name in ((1, "out"), (2, "err")):
        kind = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(order[name], kind, 0o644), stream)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    if order["memory"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (order["memory"], order["memory"]))
    if not order["syncs"]:  # a process ends here, no computer
        os.fsync = lambda descriptor: None
    if not order["pictures"]:
        draw_nothing(pytest.MonkeyPatch())
    sys.path[0] = os.getcwd()
    sys.argv = ["aerun", *order["arguments"]]
    if order["clock"]:
        looks = let_the_clock_jump()
        atexit.register(lambda: sys.stdout.write(f"{JUMPED}{next(looks)}"))
    runpy.run_module("aerun", run_name="__main__", alter_sys=True)


def let_the_clock_jump() -> Iterator[int]:
    """From here on each look at the time of day is hours before or after the last.

    What is returned counts the looks.
    """
    seconds, nanoseconds, looks = time.time, time.time_ns, count()
    time.time = lambda: seconds() + (-1) ** next(looks) * 7200.0
    time.time_ns = lambda: nanoseconds() + (-1) ** next(looks) * 7200 * 10**9
    return looks


def ended(process: int) -> int | None:
    """The exit code, negative of a signal; None while it goes on."""
    found, status = os.waitpid(process, os.WNOHANG)
    return None if found == 0 else os.waitstatus_to_exitcode(status)


def serve() -> None:
    """Answer orders until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warm_up()
    threads = len(list(Path("/proc/self/task").iterdir()))

    def answer(**said: Any) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    answer(**{READY: threads})
    for line in sys.stdin:
        order = json.loads(line)
        if "process" in order:
            answer(answer=ended(order["process"]))
        elif process := os.fork():
            answer(answer=process)
        else:
            answers.close()
            carry_out(order)
            return


if __name__ == "__main__":
    serve()
