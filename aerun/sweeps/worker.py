"""What a worker process does with a job of a sweep, whoever started the process."""

import fcntl
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
    redirect_stdout,
)
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any

from aerun.errors import Interrupted, RunFailed, Terminated
from aerun.signals import STOPPING, handled


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A job as it travels to its worker."""

    number: int
    """Of Hydra's, within the command."""
    name: str
    """Of its directory in the sweep's."""
    overrides: tuple[str, ...]
    listed: bool
    """Whether the sweep has a manifest, which a sweeper of others' does not write."""
    folder: str
    """The working directory of the command."""
    path: tuple[str, ...]
    """Where the command finds modules, those of the user's own too."""
    environment: Mapping[str, str | None]
    """Variables as the job is to see them; None: not set."""
    level: int
    """From which on lines are printed."""
    leash: str | None
    """A file that the command holds locked as long as it lives; None: the job may go
    on without it."""
    shared: bytes
    """Of all jobs alike, pickled: the task and what Hydra composes with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What comes back; everything else is in the job's directory."""

    number: int
    name: str
    returned: Any = None
    """Hydra's ``JobReturn`` of a job that was carried out to its end, good or bad."""
    problem: str | None = None
    """Why there is none."""
    lines: list[tuple[int, str]] = field(default_factory=list)
    """What the job had to say, each with its level."""


def fulfil(order: Order) -> Report:
    """Run a job as the command itself would, in its directory and with its modules."""
    with _at_work(order):
        return _reported(order)


def fulfil_together(orders: Sequence[Order]) -> list[Report]:
    """Run jobs whose gradients are taken in one call; one alone as ``fulfil`` does."""
    if len(orders) == 1:
        return [fulfil(orders[0])]
    from aerun.sweeps.together import together

    with _at_work(orders[0]) as lines:
        found = together([partial(_reported, order) for order in orders])
    reports = [
        Report(number=order.number, name=order.name, problem=_INTERRUPTED)
        if report is None
        else report
        for order, report in zip(orders, found, strict=True)
    ]
    reports[0].lines[:0] = lines  # those of all
    return reports


@contextmanager
def _at_work(order: Order) -> Iterator[list[tuple[int, str]]]:
    """Within, the process is one of the command's; lines that are no job's own."""
    from aerun.logs import gathered

    _move_in(order)
    _idle.clear()
    try:
        with gathered(order.level) as lines, _stoppable(), _printing(order.level):
            yield lines
    finally:
        _idle.set()


def _reported(order: Order) -> Report:
    from aerun.logs import kept_apart

    returned, problem = None, None
    with kept_apart() as lines:
        try:
            if order.leash is not None:
                _watch(order.leash)
            returned = _run(order)
        except (KeyboardInterrupt, Interrupted):
            problem = _INTERRUPTED
        except Exception as error:  # reported, as those of the task itself are
            problem = f"{error} ({type(error).__name__})"
    return Report(
        number=order.number,
        name=order.name,
        returned=returned,
        problem=problem,
        lines=lines,
    )


_INTERRUPTED = "it was interrupted"


def _move_in(order: Order) -> None:
    """Make the process one of the command's."""
    os.chdir(order.folder)
    sys.path += [place for place in order.path if place not in sys.path]
    for name, value in order.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _run(order: Order) -> Any:
    """Compose the job and run its task, as Hydra's own launcher does."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.singleton import Singleton
    from hydra.core.utils import JobStatus, run_job, setup_globals
    from omegaconf import open_dict

    from aerun.config.places import prefer_own_launchers
    from aerun.config.records import have_whole_records
    from aerun.sweeps.manifest import Manifest

    task_function, context, config, instances = pickle.loads(order.shared)
    setup_globals()
    Singleton.set_state({**Singleton.get_state(), "instances": instances})
    prefer_own_launchers()
    job = context.config_loader.load_sweep_config(config, list(order.overrides))
    manifest = Manifest(job.hydra.sweep.dir)
    if order.listed and not manifest.exists:  # nothing is made where it was
        raise manifest.gone()
    with open_dict(job):
        job.hydra.job.id = f"{job.hydra.job.name}_{order.number}"
        job.hydra.job.num = order.number
    HydraConfig.instance().set_config(job)
    have_whole_records()
    returned = run_job(
        hydra_context=context,
        task_function=task_function,
        config=job,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        configure_logging=False,
    )
    if returned.status == JobStatus.FAILED:
        # An exception of any class may not survive the way back.
        returned.return_value = RunFailed(str(returned._return_value))
    return returned


def _stoppable() -> AbstractContextManager[None]:
    """SIGINT and SIGTERM stop the job; while it trains, after its next step."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Terminated if signum == signal.SIGTERM else KeyboardInterrupt

    return handled(stop, *STOPPING)


def _watch(leash: str) -> None:
    """Have this process stop its job and end, once the command has died.

    Else it would go on unseen, and whoever continues the sweep would meet it.
    """

    def watch() -> None:
        while is_held(leash):
            time.sleep(_OFTEN)
        os.kill(os.getpid(), signal.SIGTERM)
        _idle.wait()
        os._exit(1)

    if leash not in _watched:
        _watched.add(leash)
        threading.Thread(target=watch, daemon=True).start()


_idle = threading.Event()
"""Set while this process has no job."""
_watched: set[str] = set()
_OFTEN = 0.5
"""Seconds between looks at whether the command lives."""


def is_held(path: str) -> bool:
    """Whether some process holds a file locked."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _printing(level: int) -> Any:
    """What a user's own part prints must not be taken for a quiet command's answer."""
    import logging

    return redirect_stdout(sys.stderr) if level > logging.INFO else nullcontext()
