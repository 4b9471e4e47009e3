"""Long use: many epochs, many directories, many starts at once."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commanding import Run, Warm
from counting import Hurt
from hurting import Whole, epochs_of

from aerun.claims import claim

pytestmark = pytest.mark.slow

TINY = [
    "trainer.preview_every=0", "trainer.threads=1", "device=cpu", "dataset.limit=100",
    "model=simple", "model.hidden=[8]", "model.code=2",
]  # fmt: skip


def held(run: Run) -> tuple[int, int]:
    """Memory in bytes and open files of a run."""
    place = Path(f"/proc/{run.process}")
    pages = int((place / "statm").read_text().split()[1])
    # Some are open for a moment only.
    files = min(len(os.listdir(place / "fd")) for _ in range(30))
    return pages * os.sysconf("SC_PAGE_SIZE"), files


def worked(run: Run) -> int:
    """Processor time of a run, in ticks of the system."""
    fields = Path(f"/proc/{run.process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.torture
def test_two_thousand_epochs_hold_no_more_than_two_hundred(
    warm: Warm, tmp_path: Path, hurt: Hurt
) -> None:
    """Memory and open files stay; an epoch takes no longer than in the beginning."""
    hurt("2,000 epochs")
    directory = tmp_path / "run"
    request = [*TINY, "trainer.epochs=2000"]
    run = warm.start(*request, f"hydra.run.dir={directory}", cwd=tmp_path)
    seen, ticks, reached = {}, {}, {}
    for epochs in (200, 500, 1600, 1900):
        while epochs_of(directory) < epochs:
            assert run.poll() is None, run.said
            time.sleep(0.01)
        seen[epochs], ticks[epochs] = held(run), worked(run)
        reached[epochs] = epochs_of(directory)
    assert run.wait() == 0, run.said
    assert seen[1900][0] - seen[200][0] < 24e6
    assert seen[1900][1] == seen[200][1]
    early, late = (
        (ticks[to] - ticks[since]) / (reached[to] - reached[since])
        for since, to in ((200, 500), (1600, 1900))
    )
    assert late < 1.5 * early
    assert epochs_of(directory) == 2000


@pytest.mark.shared
def test_ten_thousand_runs_do_not_slow_the_next(tmp_path: Path, hurt: Hurt) -> None:
    """A directory is claimed, and linked to, without a look at the others."""
    from aerun.recording import point_latest_to

    hurt("10,000 runs")
    outputs = tmp_path / "outputs" / "2026-01-01"
    outputs.mkdir(parents=True)
    for number in range(10_000):
        run = outputs / f"{number:06d}_simple_digits"
        run.mkdir()
        (run / "summary.json").write_text("{}")
    began = time.process_time()
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(20):
            point_latest_to(claim(outputs / "000001_simple_digits", exact=False))
    finally:
        os.chdir(before)
    assert time.process_time() - began < 1
    assert (tmp_path / "outputs/latest").resolve().name == "000001_simple_digits_21"


@pytest.mark.parametrize("number", [
    pytest.param(4, marks=pytest.mark.shared),
    pytest.param(50, marks=pytest.mark.torture),
])  # fmt: skip
def test_starts_at_once_claim_directories_of_their_own(
    warm: Warm, tmp_path: Path, hurt: Hurt, number: int
) -> None:
    """Of real runs that all begin in the same moments, each has one of its own."""
    hurt(f"{number} starts at once", number)
    request = [*TINY, "trainer.epochs=1"]
    runs = [warm.start(*request, cwd=tmp_path) for _ in range(number)]
    assert [run.wait(400) for run in runs] == [0] * number
    found = list((tmp_path / "outputs").glob("*-*/*/summary.json"))
    assert len(found) == number
    assert all(json.loads(p.read_text())["status"] == "completed" for p in found)
    assert (tmp_path / "outputs/latest").resolve() in [p.parent for p in found]
    assert [p.name for p in (tmp_path / "outputs").glob(".*")] == []


@pytest.mark.torture
def test_eight_real_runs_at_once_finish(
    warm: Warm, wholes: Callable[[str], Whole], hurt: Hurt
) -> None:
    """Side by side they are what each is alone."""
    hurt("8 runs at once", 8)
    whole = wholes("train")
    places = [whole.directory.with_name(f"beside_{number}") for number in range(8)]
    runs = [
        warm.start(*whole.kind.command(place), cwd=place.parent) for place in places
    ]
    assert [run.wait(300) for run in runs] == [0] * 8
    for place in places:
        whole.kind.check_equal(whole.directory, place)
