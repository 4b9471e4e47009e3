"""Kill -9 at random instants: nothing unreadable, and the same bits in the end."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from commanding import Run, Warm
from counting import Hurt
from hurting import (
    Whole,
    check_readable,
    epochs_of,
    go_on,
    hurt_in_training,
    killed,
)
from kinds import KINDS, LEVEL, long, short

pytestmark = pytest.mark.slow

Wholes = Callable[[str], Whole]


@pytest.mark.parametrize("seed", [short(0), *map(long, range(1, 15))])
@pytest.mark.parametrize("name", KINDS)
def test_what_is_killed_ends_as_if_it_were_not(
    warm: Warm, wholes: Wholes, hurt: Hurt, name: str, seed: int
) -> None:
    """Tables, weights and figures of the run that goes on are those of a whole one.

    Each third time what goes on is killed with it too, and again.
    """
    whole = wholes(name)
    directory = whole.directory.with_name(f"killed_{seed}")
    kills = 3 if seed % 3 == 2 else 1
    counts = hurt(f"kill -9, {name}", kills)
    chance = random.Random(f"{name} {seed}")
    killed(warm, whole, directory, chance, counts, kills)
    assert counts["hit"] == kills
    go_on(warm, whole.kind, directory)
    whole.kind.check_equal(whole.directory, directory)
    assert check_readable(directory) >= 5


@pytest.mark.torture
def test_a_run_that_was_forked_is_the_command_s(warm: Warm, wholes: Wholes) -> None:
    """What these tests start in a fraction of the time gives the command's own bits."""
    whole = wholes("train")
    directory = whole.directory.with_name("command")
    command = [sys.executable, "-m", "aerun", *whole.kind.command(directory)]
    # The error of PCA, which takes what threads it finds, differs in its last digits.
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        command, cwd=directory.parent, env=one, check=True, capture_output=True
    )
    whole.kind.check_equal(whole.directory, directory)


@pytest.mark.shared
def test_a_run_killed_before_it_wrote_its_request_can_be_begun_again(
    warm: Warm, wholes: Wholes, hurt: Hurt
) -> None:
    """A directory that holds no request yet is taken as an empty one."""
    whole = wholes("aae")
    directory = whole.directory.with_name("early")
    folder = directory / ".hydra"
    folder.mkdir(parents=True)
    (folder / ".config.yaml.part").write_text("seed: ")
    hurt("kill -9, what one before the request leaves")
    go_on(warm, whole.kind, directory)
    whole.kind.check_equal(whole.directory, directory)


# -- layer by layer --------------------------------------------------------------------


ABOUT = [
    long(rows, name, seed)
    for rows in (LEVEL - 1, LEVEL, LEVEL + 1, 2 * LEVEL)
    for name in ("greedy", "phased")
    for seed in range(1, 6)
]


@pytest.mark.parametrize(("rows", "name", "seed"), [short(LEVEL, "greedy", 0), *ABOUT])
def test_a_run_killed_about_a_level_s_end_ends_as_if_it_were_not(
    warm: Warm, wholes: Wholes, hurt: Hurt, rows: int, name: str, seed: int
) -> None:
    """The best weights of a level are what the next one builds on, kill or not.

    It is killed within about an epoch after so many were recorded.
    """
    whole = wholes(name)
    directory = whole.directory.with_name(f"at_{rows}_{seed}")
    counts = hurt("kill -9, about a level's end")
    epoch = (whole.last - whole.first) / epochs_of(whole.directory)
    after = random.Random(seed).uniform(0, 1.5 * epoch)

    def kill(run: Run) -> None:
        while epochs_of(directory) < rows and run.poll() is None:
            time.sleep(0.001)
        time.sleep(after)
        run.send(signal.SIGKILL)

    hurt_in_training(
        warm, whole, directory, counts, once="metrics.csv", act=kill,
        code=-signal.SIGKILL, midway=True,
    )  # fmt: skip
    assert counts["training"] == 1
    check_readable(directory)
    go_on(warm, whole.kind, directory)
    whole.kind.check_equal(whole.directory, directory)
