"""Processes that decode the same images at once, or die of it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imaging import fill, pixels, read


def build(place: str, cache: str, barrier: Any, answers: Any) -> None:
    """Read a folder at the same moment as another process; tell the sum of pixels."""
    os.environ["AERUN_CACHE"] = cache
    barrier.wait(300)  # the other one imports all first
    answers.put(int(pixels(read(Path(place))).astype(int).sum()))


@pytest.mark.slow
@pytest.mark.shared
def test_two_processes_build_one_cache(cache: Path, tmp_path: Path) -> None:
    """Who comes second waits; both see the same images and nothing else is left."""
    made = fill(tmp_path / "mine", 90, size=(64, 64))
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    arguments = (str(tmp_path / "mine"), str(cache), barrier, answers)
    other = context.Process(target=build, args=arguments)
    other.start()
    build(*arguments)
    sums = [answers.get(timeout=60) for _ in range(2)]
    other.join(60)
    assert sums == [int(np.stack(made).astype(int).sum())] * 2
    assert len(list(cache.glob("*.u8"))) == 1
    assert list(cache.glob("*.part")) == []


KILLED = """
import sys, time
from pathlib import Path
from imaging import read
from aerun.data import image_folder
module = sys.modules[image_folder.__module__]
decode = module.decode
def slow(path, **options):
    time.sleep(0.2 if path.name > "70.png" else 0)
    return decode(path, **options)
module.decode = slow
read(Path(sys.argv[1]))
"""


def size(path: Path) -> int:
    """Of a file, in bytes; none where it was renamed meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.slow
@pytest.mark.shared
def test_a_killed_build_leaves_nothing_that_is_taken_for_whole(
    cache: Path, tmp_path: Path
) -> None:
    """After kill -9 in the middle the next start makes the whole, without waiting."""
    made = fill(tmp_path / "mine", 90, size=(16, 16))
    path = os.pathsep.join(str(p) for p in Path(__file__).parents[:2])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "mine")],
        env={**os.environ, "PYTHONPATH": path},
    )
    end = time.monotonic() + 60
    while not any(size(p) for p in cache.glob("*.part")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert list(cache.glob("*.u8")) == []
    np.testing.assert_array_equal(pixels(read(tmp_path / "mine"))[:, 0], made)
    assert list(cache.glob("*.part")) == []
