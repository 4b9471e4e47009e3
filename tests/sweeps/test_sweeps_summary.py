"""summary.csv while a sweep runs; summary.md, pictures and the page at its end."""

import csv
import re
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from threading import Event, Thread

import pytest
from comparing import run_of, write_run
from summing import job, write_manifest

from aerun.reporting import knobs as drawing
from aerun.sweeps import summary
from aerun.sweeps.manifest import COMPLETED, FAILED, PENDING, RUNNING, Job, Manifest
from aerun.sweeps.summary import finish, write_rows

pytest_plugins = ["summing"]


def rows_in(folder: Path) -> list[dict[str, str]]:
    with open(folder / "summary.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_job_has_a_row_whatever_became_of_it(tmp_path: Path) -> None:
    """Values that differ, every figure, seconds last; numbers read back exactly."""
    figures = {"best_epoch": 3, "pca/mse": 0.5, "train/loss": 2.0, "test/mse": 1 / 3,
               "val/mse": 0.1}  # fmt: skip
    jobs = [
        job(0, "lr=1 b=2 seed=0", figures=figures),
        job(1, "lr=2 b=2", state=FAILED, reason="nan\nat step", figures={}),
        job(2, "lr=3 b=2", figures={"val/kl": None}, seconds=None, directory="2_2"),
    ]
    write_rows(write_manifest(tmp_path, jobs))
    assert (tmp_path / "summary.csv").read_text() == (
        "job,state,lr,seed,val/kl,val/mse,test/mse,train/loss,pca/mse,best_epoch,"
        "reason,directory,seconds\n"
        f"0,completed,1,0,,0.1,{1 / 3},2.0,0.5,3,,0,1.5\n"
        "1,failed,2,,,,,,,,nan at step,1,1.5\n"
        "2,completed,3,,,,,,,,,2_2,\n"
    )


def test_equal_jobs_have_no_column_of_values(tmp_path: Path) -> None:
    """Nothing differs."""
    write_rows(write_manifest(tmp_path, [job(0, "lr=1", 0.5)]))
    head = (tmp_path / "summary.csv").read_text().splitlines()[0]
    assert head == "job,state,val/mse,reason,directory,seconds"


def test_the_rows_do_not_tell_who_finished_first(tmp_path: Path) -> None:
    """Any order of ends gives the same bytes, with other figures of each."""
    ends = [job(0, "a=0", figures={"test/kl": 1.0, "test/mse": 2.0}),
            job(1, "a=1", figures={"test/mse": 2.0, "val/mse": 1.0}),
            job(2, "a=2", state=FAILED, reason="no", figures={})]  # fmt: skip
    begun = [replace(end, state=PENDING, figures={}, reason=None) for end in ends]
    written = set()
    for number, order in enumerate(permutations(ends)):
        folder = write_manifest(tmp_path / str(number), begun)
        for end in order:
            changes = {"state": end.state, "figures": end.figures, "reason": end.reason}
            Manifest(folder).update(end.number, **changes)
            write_rows(folder)
        written.add((folder / "summary.csv").read_bytes())
    assert len(written) == 1


def test_an_older_state_never_replaces_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has read waits with its writing; another finishes in between."""
    write_manifest(tmp_path, [job(0, "a=0", state=RUNNING)])
    rows_of, has_read, may_write = summary.rows_of, Event(), Event()

    def slow(jobs: list[Job], folder: Path) -> object:
        if jobs[0].state == RUNNING:
            has_read.set()
            may_write.wait(5)
        return rows_of(jobs, folder)

    monkeypatch.setattr(summary, "rows_of", slow)
    first = Thread(target=write_rows, args=(tmp_path,))
    first.start()
    assert has_read.wait(5)
    Manifest(tmp_path).update(0, state=COMPLETED)
    second = Thread(target=write_rows, args=(tmp_path,))
    second.start()
    second.join(0.2)
    may_write.set()
    first.join()
    second.join()
    assert rows_in(tmp_path)[0]["state"] == COMPLETED


def test_a_row_follows_its_job(tmp_path: Path) -> None:
    """Whatever changes of it, if only a figure."""
    write_rows(write_manifest(tmp_path, [job(0, "a=0", 0.5), job(1, "a=1", 0.25)]))
    Manifest(tmp_path).update(0, figures={"val/mse": 0.75})
    write_rows(tmp_path)
    assert [row["val/mse"] for row in rows_in(tmp_path)] == ["0.75", "0.25"]
    Manifest(tmp_path).update(1, reason="because")
    write_rows(tmp_path)
    assert [row["reason"] for row in rows_in(tmp_path)] == ["", "because"]


@pytest.mark.slow
def test_the_rows_of_a_hundred_jobs_cost_little(tmp_path: Path) -> None:
    """Under 10 ms of a processor: they are written three times a job."""
    figures = {f"test/figure_{i}": i / 3 for i in range(25)}
    jobs = [job(n, f"a={n} b={n % 3} c=1 d=2", figures=figures) for n in range(100)]
    write_manifest(tmp_path, jobs)
    durations = []
    for number in range(20):
        Manifest(tmp_path).update(number, seconds=number / 7)
        start = time.process_time()
        write_rows(tmp_path)
        durations.append(time.process_time() - start)
    assert min(durations) < 0.010


# -- the end ---------------------------------------------------------------------------

Swept = Callable[..., Path]


@pytest.fixture
def swept(tmp_path: Path) -> Swept:
    """A function that leaves a sweep of learning rates, of two seeds each."""

    def make(name: str = "sweep", *, number: int = 4, seconds: float = 1.0) -> Path:
        folder = tmp_path / name
        jobs = []
        for n in range(number):
            lr, seed = f"{n // 2 + 1}e-1", n % 2
            mse = 0.1 * (n + 1)
            run = run_of(seed=seed, mse=mse, trainer__lr=float(lr),
                         typed=("trainer.lr", "seed"))  # fmt: skip
            write_run(folder / str(n), run)
            figures = {"val/mse": mse + 0.01, **run.figures}
            jobs.append(job(n, f"trainer.lr={lr} seed={seed}", figures=figures,
                            seconds=seconds))  # fmt: skip
        failed = f"{folder}/{number}/x is bad; {folder}/0/y too."
        jobs.append(job(number, "trainer.lr=9 seed=0", state=FAILED, reason=failed,
                        figures={}))  # fmt: skip
        return write_manifest(folder, jobs)

    return make


def test_a_sweep_is_summed_up(swept: Swept, said: list[str]) -> None:
    """The table is told, best first; every file is there and named."""
    folder = swept()
    finish(folder, metric="val/mse")
    assert said[0].startswith("5 jobs: 4 completed, 1 failed; best val/mse: ")
    assert [re.sub(" +", " ", line) for line in said[1:4]] == [
        " lr n val/mse test/mse job",
        "1 1e-1 2 0.160 +- 0.071 0.150 +- 0.071 0, 1",
        "2 2e-1 2 0.360 +- 0.071 0.350 +- 0.071 2, 3",
    ]
    assert said[-1] == f"Look at {folder / 'report.html'}"
    assert [p.name for p in sorted(folder.glob("[a-z]*.*"))] == [
        "curves.png", "knobs.png", "manifest.json", "report.html", "summary.csv",
        "summary.md",
    ]  # fmt: skip
    text = (folder / "summary.md").read_text()
    assert "- job 4 (trainer.lr=9 seed=0): x is bad; 0/y too.\n" in text
    assert "![knobs](knobs.png)" in text
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png") == 2
    assert "Failed: job 4 (trainer.lr=9 seed=0): x is bad; 0/y too.<" in page
    assert f"aerun task=resume run={folder}" in page


def test_the_summary_tells_neither_time_nor_place(swept: Swept) -> None:
    """Two sweeps with the same results have the same bytes."""
    one, other = swept("one", seconds=1.0), swept("other", seconds=2.5)
    for folder in (one, other):
        finish(folder, metric="val/mse")
    for name in ("summary.md", "curves.png", "knobs.png"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert str(one.parent) not in (one / "summary.md").read_text()
    apart = [{k: v for k, v in row.items() if k != "seconds"} for row in rows_in(one)]
    assert apart == [
        {k: v for k, v in row.items() if k != "seconds"} for row in rows_in(other)
    ]


def test_a_figure_that_is_not_there_ranks_nothing(
    swept: Swept, said: list[str]
) -> None:
    """That is told with near names; the page stands by what every run has."""
    folder = swept()
    finish(folder, metric="val/msee")
    (told,) = [line for line in said if line.startswith("Nothing is ranked")]
    assert "Did you mean 'val/mse'?" in told
    assert not (folder / "knobs.png").exists()
    text = (folder / "summary.md").read_text()
    assert told in text
    assert "| 1e-1 | 2 | 0.150 +- 0.071 | 0, 1 |" in text
    assert "Here groups stand by test/mse." in (folder / "report.html").read_text()


def test_a_long_table_is_cut_on_the_console(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has all of it."""
    monkeypatch.setattr("aerun.sweeps.drawing.Drawing.draw", lambda self: False)
    jobs = [job(n, f"a={n}", float(n)) for n in range(100)]
    finish(write_manifest(tmp_path, jobs), metric="val/mse")
    assert said[21].split() == ["20", "19", "1", "19", "19"]
    assert said[22] == "and 80 more in summary.md"
    assert said[-1] == f"Look at {tmp_path / 'summary.md'}"
    assert "| 100 | 99 | 1 | 99 | 99 |" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("completed", [0, 1])
def test_of_one_run_there_is_no_page(
    tmp_path: Path, said: list[str], completed: int
) -> None:
    """And no error; a curve, where there is a run."""
    jobs = [job(0, "lr=1", state=FAILED, reason="no", figures={}),
            job(1, "lr=2", state=PENDING, figures={})]  # fmt: skip
    if completed:
        write_run(tmp_path / "1", run_of())
        jobs[1] = job(1, "lr=2", 0.5)
    finish(write_manifest(tmp_path, jobs), metric="val/mse")
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "curves.png").exists() == bool(completed)
    assert not [line for line in said if "could not" in line or "ranked" in line]
    assert "1 failed" in said[0]


def test_a_picture_that_fails_hides_nothing(
    swept: Swept, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told in a line; all else is made."""

    def broken(*arguments: object, **options: object) -> bytes:
        raise ValueError("no\nfont")

    monkeypatch.setattr(drawing, "knob_panels", broken)
    folder = swept()
    finish(folder, metric="val/mse")
    assert "knobs.png could not be made: no font" in said
    text = (folder / "summary.md").read_text()
    assert "![curves](curves.png)" in text
    assert "knobs.png" not in text
    assert (folder / "report.html").is_file()


def test_a_damaged_run_does_not_hide_the_outcome(swept: Swept, said: list[str]) -> None:
    """The table is of the manifest; the page goes without, or says why not."""
    folder = swept()
    (folder / "1/summary.json").write_text("{")
    (folder / "2/config.yaml").write_text("{")
    finish(folder, metric="val/mse")
    assert "| 2 | 2e-1 | 2 | 0.360 +- 0.071" in (folder / "summary.md").read_text()
    (line,) = [line for line in said if "report.html could not be made" in line]
    assert "config.yaml" in line
    assert said[-1] == f"Look at {folder / 'summary.md'}"


@pytest.mark.slow
@pytest.mark.shared
def test_many_runs_show_fewer_groups_side_by_side(
    swept: Swept,
) -> None:
    """It is said on the page."""
    folder = swept(number=32)
    finish(folder, metric="val/mse")
    page = (folder / "report.html").read_text()
    assert "reconstructions.png shows the best 6 groups." in page
    assert "Sweep of 33 jobs: 32 runs in 16 groups" in page
