"""Signals, another process, a clock and a directory that are not as they should be."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commanding import Run, Warm
from counting import Hurt
from hurting import Whole, check_readable, epochs_of, go_on, hit, hurt_in_training
from warm import JUMPED

pytestmark = pytest.mark.slow

Wholes = Callable[[str], Whole]


ONCE_OR_TWICE = [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]]
INSTANTS = [("train", 0), *((n, s) for n in ("greedy", "gsn") for s in range(1, 6))]


@pytest.mark.torture
@pytest.mark.parametrize(("name", "seed"), INSTANTS)
@pytest.mark.parametrize("signals", ONCE_OR_TWICE)
def test_what_is_stopped_ends_as_if_it_were_not(
    warm: Warm, wholes: Wholes, hurt: Hurt, signals: list[int], name: str,
    seed: int,
) -> None:  # fmt: skip
    """It says at once how to go on; twice at once leaves nothing unreadable either."""
    whole = wholes(name)
    words = " and ".join(signal.Signals(signum).name for signum in signals)
    directory = whole.directory.with_name(f"{words} {seed}")
    counts = hurt(words)
    instant = random.Random(f"{words} {seed}").uniform(0, whole.last - whole.first)
    run = _signalled(warm, whole, directory, signals, instant)
    while not hit(run.wait() != 0, directory, whole, counts):
        instant /= 3  # it had ended before
        assert instant > 1e-4, "no signal hits"
        shutil.rmtree(directory)
        run = _signalled(warm, whole, directory, signals, instant)
    assert run.code == 128 + signals[-1], run.said
    assert "task=resume" in run.said
    assert "Traceback" not in run.said
    check_readable(directory)
    go_on(warm, whole.kind, directory)
    whole.kind.check_equal(whole.directory, directory)


def _signalled(
    warm: Warm, whole: Whole, directory: Path, signals: list[int], instant: float
) -> Run:
    """A run that was sent signals some time after it had begun to train."""
    run = warm.start(*whole.kind.command(directory), cwd=directory.parent)
    run.until(directory / "config.yaml")
    time.sleep(instant)
    for signum in signals:
        run.send(signum)
    return run


# -- who else is there -----------------------------------------------------------------


@pytest.mark.torture
def test_of_two_that_go_on_with_a_run_one_is_refused(
    warm: Warm, wholes: Wholes, hurt: Hurt
) -> None:
    """The other one ends it, as if it were alone."""
    whole = wholes("gsn")
    directory = whole.directory.with_name("wanted")
    counts = hurt("two resume one run")
    hurt_in_training(
        warm, whole, directory, counts, once="checkpoints/last.state",
        act=lambda run: run.send(signal.SIGKILL), code=-signal.SIGKILL,
    )  # fmt: skip
    again = whole.kind.again(directory)
    both = [warm.start(*again, cwd=directory.parent) for _ in range(2)]
    assert sorted(one.wait() for one in both) == [0, 2]
    (refused,) = [one for one in both if one.code == 2]
    assert "is being trained by another process" in refused.said
    whole.kind.check_equal(whole.directory, directory)


@pytest.mark.torture
def test_a_clock_that_jumps_moves_nothing(
    warm: Warm, wholes: Wholes, hurt: Hurt
) -> None:
    """By two hours and back, at every look: training, pictures and files are those."""
    whole = wholes("train")
    directory = whole.directory.with_name("clock")
    counts = hurt("the clock jumps")
    command = whole.kind.command(directory)
    run = warm.start(*command, cwd=directory.parent, clock=True)
    assert run.wait() == 0, run.said
    assert int(run.said.rpartition(JUMPED)[2]) > 10
    counts["hit"] = 1
    whole.kind.check_equal(whole.directory, directory)


@pytest.mark.shared
def test_a_directory_that_vanishes_is_told_and_not_made_again(
    warm: Warm, wholes: Wholes, hurt: Hurt
) -> None:
    """Moved away while it is trained in: one message, and where it went it is whole."""
    whole = wholes("train")
    directory = whole.directory.with_name("vanishes")
    counts = hurt("the directory vanishes")
    moved = directory.with_name("moved")
    run = hurt_in_training(
        warm, whole, directory, counts, once="checkpoints/last.state", left=moved,
        act=lambda run: os.rename(directory, moved), code=1,
    )  # fmt: skip
    assert "was its directory removed or moved?" in run.said
    assert "Traceback" not in run.said
    assert not directory.exists()
    check_readable(moved)
    go_on(warm, whole.kind, moved)
    whole.kind.check_equal(whole.directory, moved)


@pytest.mark.torture
@pytest.mark.parametrize("launcher", ["serial", "joblib", "fused"])
def test_a_sweep_s_directory_that_vanishes_is_told_once(
    warm: Warm, wholes: Wholes, hurt: Hurt, launcher: str
) -> None:
    """Removed while jobs train in it: one message, and no job makes it again."""
    whole = wholes("sweep")
    directory = whole.directory.with_name(f"vanishes_{launcher}")
    counts = hurt(f"a sweep's directory vanishes, {launcher}")
    command = [*whole.kind.command(directory), f"hydra/launcher={launcher}"]
    run = warm.start(*command, cwd=directory.parent)
    run.until(directory / "0/checkpoints/last.state")
    while directory.exists():  # what is written meanwhile may hinder it
        shutil.rmtree(directory, ignore_errors=True)
    assert run.wait() == 1, run.said
    counts["hit"] = 1
    assert run.said.count("was its directory removed or moved?") == 1
    assert "Traceback" not in run.said
    assert not directory.exists()


# -- commands --------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_stops_at_the_next_step_with_the_state_saved(
    warm: Warm, wholes: Wholes, hurt: Hurt, signum: int, code: int
) -> None:
    """Exit code, status, and a printed command that really continues the run."""
    whole = wholes("train")
    kind, folder = whole.kind, whole.directory.parent
    directory = folder / f"stopped_{signum}"
    run = hurt_in_training(
        warm, whole, directory, hurt(signal.Signals(signum).name),
        once="metrics.csv", act=lambda run: run.send(signum), code=code,
    )  # fmt: skip
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    (line,) = [line for line in run.said.splitlines() if "Continue with:" in line]
    command = line.partition("Continue with: aerun ")[2].split()
    warm.done(*command, cwd=folder)
    kind.check_equal(folder / "whole", directory)


@pytest.mark.shared
def test_an_interrupted_sweep_starts_no_further_job(
    warm: Warm, wholes: Wholes, hurt: Hurt
) -> None:
    """Ctrl-C ends the running job and the sweep with exit code 130."""
    whole = wholes("sweep")
    directory = whole.directory.with_name("interrupted")
    counts = hurt("SIGINT, sweep")
    hurt_in_training(
        warm, whole, directory, counts, once="0/metrics.csv",
        act=lambda run: run.send(signal.SIGINT), code=130,
    )  # fmt: skip
    assert [p.name for p in directory.iterdir() if p.is_dir()] == ["0"]
    summary = json.loads((directory / "0/summary.json").read_text())
    if epochs_of(directory / "0") < epochs_of(whole.directory / "0"):
        assert summary["status"] == "interrupted"
    else:  # the signal came with its last pictures
        assert summary["status"] in ("interrupted", "completed")
    go_on(warm, whole.kind, directory)
    whole.kind.check_equal(whole.directory, directory)
