"""Starts runs without the seconds that importing takes: a process forks for each.

Reads orders, a JSON object on a line, and answers each with one. Whoever gives them
kills the processes that were forked; they are kept as they ended until asked for.
"""

import json
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from itertools import count
from pathlib import Path
from typing import Any

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


def carry_out(order: dict[str, Any]) -> int:
    """Be the command: its own output, folder and signals; what it ends with."""
    out = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.chdir(order["cwd"])
    os.environ.update(order["env"])
    if order["memory"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (order["memory"], order["memory"]))
    sys.argv = ["aerun", *order["arguments"]]
    from aerun.cli import console

    if not order["clock"]:
        return console()
    looks = let_the_clock_jump()
    code = console()
    sys.stdout.write(f"{JUMPED}{next(looks)}")
    return code


def let_the_clock_jump() -> Iterator[int]:
    """From here on each look at the time of day is hours before or after the last.

    What is returned counts the looks.
    """
    seconds, nanoseconds, looks = time.time, time.time_ns, count()
    time.time = lambda: seconds() + (-1) ** next(looks) * 7200.0
    time.time_ns = lambda: nanoseconds() + (-1) ** next(looks) * 7200 * 10**9
    return looks


def fork(order: dict[str, Any]) -> int:
    """Begin a run; the number of its process."""
    sys.stdout.flush()
    if (process := os.fork()) != 0:
        return process
    code = 70
    try:
        code = carry_out(order)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


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
    answers.write(json.dumps({READY: threads}) + "\n")
    answers.flush()
    for line in sys.stdin:
        order = json.loads(line)
        found = fork(order) if "arguments" in order else ended(order["process"])
        answers.write(json.dumps({"answer": found}) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
