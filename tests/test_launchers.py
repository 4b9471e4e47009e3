"""Launchers with worker processes: how jobs travel, and what is said of them."""

import logging
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobStatus

from aerun.config.compose import Composer
from aerun.logs import gathered, is_watched, printed_level, set_up_console
from aerun.resolving import one_of_many
from aerun.sweeps import worker
from aerun.sweeps.manifest import Job, Manifest
from aerun.sweeps.parallel import ParallelLauncher, died
from aerun.sweeps.worker import Order, Report, is_held


def test_a_job_of_a_sweep_takes_one_thread_unless_a_number_was_chosen() -> None:
    """Every launcher, on any machine, then adds up sums in the same order."""
    opened = {"threads": "auto", "compile": "auto"}
    closed = {"threads": 4, "compile": True}
    assert one_of_many({"trainer": opened})["trainer"] == {
        "threads": 1, "compile": False}  # fmt: skip
    assert one_of_many({"trainer": closed})["trainer"] == closed


def test_a_workers_lines_are_kept_for_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the wanted level on, without those of a bar; meanwhile none is printed."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log = logging.getLogger("aerun")
    set_up_console(logging.INFO)
    with gathered(logging.INFO) as lines:
        set_up_console(logging.INFO)
        assert not is_watched(), "bars of several jobs would garble each other"
        log.info("begun")
        log.debug("detail")
        log.info("epoch 1", extra={"quiet_on_terminal": True})
        log.warning("dead units")
    assert lines == [(logging.INFO, "begun"), (logging.WARNING, "dead units")]
    assert capsys.readouterr() == ("", "")
    log.info("ended")
    assert capsys.readouterr().out == "ended\n"
    assert printed_level() == logging.INFO


class _Scripted(ParallelLauncher):
    """A launcher whose reports are written beforehand."""

    extra, modules = "none", ()

    def __init__(self, *written: Report) -> None:
        self.written = written
        self.orders: Sequence[Order] = []

    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        self.orders = orders
        yield from self.written or [died(order) for order in orders]


def _task(config: Any) -> float:
    return 1.0


@pytest.fixture
def sweep(alone: Path) -> Any:
    """The composed request of a sweep whose directory has a manifest of one job."""
    config = Composer().compose(["hydra/launcher=joblib"], multirun=True)
    config.hydra.sweep.dir = str(alone / "sweep")
    (alone / "sweep").mkdir()
    manifest = Manifest(alone / "sweep")
    manifest.create(["seed=3"], config_dir=None)
    manifest.edit(lambda _: [Job(0, ("seed=3",), "hash", "0_2", state="running")])
    return config


def test_a_process_that_dies_is_a_failed_job(
    sweep: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The manifest says so, the console at once, and Hydra's sweepers are told."""
    set_up_console(logging.INFO)
    launcher = _Scripted()
    launcher.setup(hydra_context=None, task_function=_task, config=sweep)  # type: ignore[arg-type]
    (returned,) = launcher.launch([["seed=3", "hydra.sweep.subdir='0_2'"]], 0)
    assert returned.status == JobStatus.FAILED
    (job,) = Manifest(sweep.hydra.sweep.dir).jobs()
    assert (job.state, "died" in str(job.reason)) == ("failed", True)
    assert "Job 0 failed (seed=3): its process died" in capsys.readouterr().err


def test_lines_of_a_job_are_printed_with_its_name(
    sweep: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line of a text, so that jobs can be told from each other."""
    set_up_console(logging.INFO)
    lines = [(logging.INFO, "one\ntwo"), (logging.WARNING, "three")]
    report = Report(number=5, name="7", returned="what the job gave", lines=lines)
    launcher = _Scripted(report)
    launcher.setup(hydra_context=None, task_function=_task, config=sweep)  # type: ignore[arg-type]
    order = ["seed=3", "hydra.sweep.subdir='7'"]
    assert launcher.launch([order], 5) == ["what the job gave"]
    printed = capsys.readouterr()
    assert printed.out == "[7] one\n[7] two\n"
    assert "[7] three" in printed.err


def test_an_order_carries_what_the_job_needs_to_see(
    sweep: Any, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Working directory, AERUN_ variables, and the GPUs that the command sees."""
    monkeypatch.setenv("AERUN_DATA", "/data")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    launcher = _Scripted()
    launcher.setup(hydra_context=None, task_function=_task, config=sweep)  # type: ignore[arg-type]
    launcher.launch([["seed=3", "hydra.sweep.subdir='0_2'"]], 0)
    (order,) = launcher.orders
    assert order.folder == str(alone)
    assert order.environment["AERUN_DATA"] == "/data"
    assert order.environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert order.leash is not None
    assert is_held(order.leash), "as long as the command lives"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("AERUN_DATA", "")
    monkeypatch.chdir("/")
    worker._move_in(order)
    seen = (os.getcwd(), os.environ["AERUN_DATA"], os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == (str(alone), "/data", "1")
