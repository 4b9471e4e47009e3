"""A disk that is full in the middle of a run: one message, and nothing is lost."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commanding import Run, Warm
from counting import Hurt
from hurting import Kind, Whole, check_readable, go_on, hit

from aerun.sweeps.manifest import Manifest

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all that is free; what takes it."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    assert shutil.disk_usage(disk).free == 0
    return filler


def held_at(run: Run, path: Path) -> None:
    """Have a run wait once a file is there."""
    run.until(path)
    assert run.send(signal.SIGSTOP)


@pytest.mark.parametrize(
    ("when", "name"),
    [
        pytest.param("checkpoints/last.state", "train", marks=pytest.mark.shared),
        *(
            pytest.param(when, name, marks=pytest.mark.torture)
            for when in ("config.yaml", "metrics.csv", "checkpoints/last.state")
            for name in ("train", "phased", "gsn")
        ),
    ],
)
def test_a_disk_that_is_full_stops_a_run_that_goes_on_later(
    disk: Path, warm: Warm, wholes: Callable[[str], Whole], hurt: Hurt, when: str,
    name: str,
) -> None:  # fmt: skip
    """What is to be done is said; with room it ends as if there always had been."""
    whole = wholes(name)
    directory = disk / "run"
    counts = hurt("full disk")
    run = warm.start(*whole.kind.command(directory), cwd=disk)
    held_at(run, directory / when)
    filler = fill(disk)
    run.send(signal.SIGCONT)
    assert hit(run.wait() == 1, directory, whole, counts), run.said
    assert "No space left on device" in run.said
    assert "make room" in run.said
    assert "Traceback" not in run.said
    assert "Logging error" not in run.said
    check_readable(directory)
    assert not list(directory.rglob("*.part"))
    filler.unlink()
    go_on(warm, whole.kind, directory)
    whole.kind.check_equal(whole.directory, directory)


@pytest.mark.torture
def test_a_disk_that_is_full_stops_a_sweep_that_goes_on_later(
    disk: Path, warm: Warm, wholes: Callable[[str], Whole], hurt: Hurt
) -> None:
    """In its second job: no job is lost, none is begun that cannot be."""
    whole = wholes("sweep")
    directory = disk / "sweep"
    counts = hurt("full disk, sweep")
    run = warm.start(*whole.kind.command(directory), cwd=disk)
    held_at(run, directory / "1/checkpoints/last.state")
    filler = fill(disk)
    run.send(signal.SIGCONT)
    assert hit(run.wait() == 1, directory, whole, counts), run.said
    assert "No space left on device" in run.said
    assert "Traceback" not in run.said
    check_readable(directory)
    filler.unlink()
    go_on(warm, whole.kind, directory)
    jobs = Manifest(directory).jobs()
    assert [job.state for job in jobs] == ["completed"] * 3
    for job in jobs:  # one that could not even begin was begun elsewhere
        alone = Kind(whole.kind.request)
        place = directory / job.directory
        alone.check_equal(whole.directory / str(job.number), place)
