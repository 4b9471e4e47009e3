"""How jobs are grouped over seeds, ranked and told."""

import math
from pathlib import Path
from typing import Any

import pytest
from summing import job

from aerun.sweeps.manifest import (
    FAILED,
    INTERRUPTED,
    PENDING,
    PRUNED,
    SUPERSEDED,
    Job,
)
from aerun.sweeps.ranking import ranked
from aerun.sweeps.words import (
    failures,
    headline,
    legend,
    not_ranked,
    page_of,
    table_of,
)


def places(jobs: list[Job], **asked: Any) -> list[tuple[int | None, list[int]]]:
    """The rank of each group, and the numbers of its jobs."""
    found = ranked(jobs, "val/mse", **asked)
    return [(each.rank, [job.number for job in each.jobs]) for each in found]


SEEDS = [job(0, "lr=1 seed=0", 3.0), job(1, "lr=1 seed=1", 5.0),
         job(2, "lr=2 seed=0", 1.0), job(3, "lr=2 seed=1", 2.0)]  # fmt: skip


def test_jobs_that_differ_in_their_seed_are_one_group() -> None:
    """Mean, and the deviation between runs with n - 1."""
    best, worst = ranked(SEEDS, "val/mse")
    assert (best.settings, worst.settings) == ({"lr": "2"}, {"lr": "1"})
    figure = worst.figure("val/mse")
    assert figure is not None
    assert (figure.mean, figure.number) == (4.0, 2)
    assert figure.deviation == pytest.approx(math.sqrt(2))
    assert places(SEEDS) == [(1, [2, 3]), (2, [0, 1])]


def test_more_may_be_better() -> None:
    """As it is asked for."""
    assert places(SEEDS, maximize=True) == [(1, [0, 1]), (2, [2, 3])]


def test_equal_figures_share_a_rank() -> None:
    """The first job stands first; the next rank is left out."""
    jobs = [job(0, "a=0", 2.0), job(1, "a=1", 1.0), job(2, "a=2", 1.0)]
    assert places(jobs) == [(1, [1]), (1, [2]), (3, [0])]
    assert places(jobs[::-1]) == places(jobs)


@pytest.mark.parametrize("maximize", [False, True])
def test_what_has_no_figure_comes_last(maximize: bool) -> None:
    """None, NaN, infinite or absent: without a rank, by number."""
    jobs = [job(0, "a=0", None), job(1, "a=1", math.nan), job(2, "a=2", math.inf),
            job(3, "a=3", figures={}), job(4, "a=4", 7.0)]  # fmt: skip
    expected = [(1, [4]), (None, [0]), (None, [1]), (None, [2]), (None, [3])]
    assert places(jobs, maximize=maximize) == expected


def test_a_group_is_ranked_by_the_jobs_that_have_the_figure() -> None:
    """How many these are is told."""
    jobs = [job(0, "a=0 seed=0", None), job(1, "a=0 seed=1", 1.0), job(2, "a=1", 2.0)]
    standings = ranked(jobs, "val/mse")
    _, rows = table_of(standings, "val/mse", short=True)
    assert rows == [["1", "0", "2", "1 (1)", "0, 1"], ["2", "1", "1", "2", "2"]]
    assert "in brackets" in legend(standings, "val/mse", maximize=False)


def test_only_completed_jobs_are_ranked() -> None:
    """What was replaced makes no column either."""
    jobs = [job(0, "lr=1 b=1", 1.0), job(1, "lr=2 b=1", 0.1, state=FAILED),
            job(2, "lr=3 b=1", 0.1, state=PRUNED), job(3, "b=2", 0.1, state=SUPERSEDED),
            job(4, "lr=4 b=1", 0.1, state=INTERRUPTED)]  # fmt: skip
    (only,) = ranked(jobs, "val/mse")
    assert only.settings == {"lr": "1"}
    assert only.jobs == (jobs[0],)
    assert headline(jobs, [only], "val/mse") == (
        "5 jobs: 1 completed, 1 pruned, 1 failed, 1 interrupted, 1 superseded; "
        "best val/mse: lr=1, 1 (1 run)."
    )
    assert ranked([job(0, "", state=PENDING)], "val/mse") == []
    assert headline([job(0, "", state=PENDING)], [], "x") == "1 job: 1 not started."


def test_the_table_has_what_was_swept_and_what_is_comparable() -> None:
    """Long keys and numbers are short on the console only; test/mse where it is."""
    figures = {"val/loss": 2.0, "test/mse": 0.25}
    jobs = [job(0, "trainer.lr=0.00123456789 +model=vae", figures=figures),
            job(1, "trainer.lr=0.1 same=1", figures={"val/loss": 1.0})]  # fmt: skip
    standings = ranked(jobs, "val/loss")
    head, rows = table_of(standings, "val/loss", short=True)
    assert head == ["", "lr", "model", "same", "n", "val/loss", "test/mse", "job"]
    assert rows[0] == ["1", "0.1", "-", "1", "1", "1", "-", "1"]
    assert rows[1] == ["2", "0.001235", "vae", "-", "1", "2", "0.25", "0"]
    head, rows = table_of(standings, "val/loss", short=False)
    assert (head[1], rows[1][1]) == ("trainer.lr", "0.00123456789")
    assert table_of(standings, "no", short=True)[0][-2:] == ["test/mse", "job"]


def test_a_figure_that_no_job_has_is_told_with_near_names() -> None:
    """Not where nothing could have it."""
    told = not_ranked(SEEDS, "val/msee")
    assert told.startswith("Nothing is ranked: no job has val/msee")
    assert told.endswith("they have val/mse. Did you mean 'val/mse'?")
    assert "not finite in any job" in not_ranked([job(0, "a=0", None)], "val/mse")
    assert not_ranked(SEEDS, "val/mse") == ""
    assert not_ranked([job(0, "a=0", state=FAILED)], "val/mse") == ""


def test_each_failure_is_a_line() -> None:
    """Number, values, and the reason: the same when it fails again elsewhere."""
    reason = "nan at step 2;\n see /some/sweep/1_2/last, 1_2/best, 0/best or /a/1_2/b"
    failed = job(1, "lr=9 b=1", state=FAILED, reason=reason, directory="1_2")
    jobs = [job(0, "lr=1 b=1", 1.0), failed]
    line = "job 1 (lr=9): nan at step 2; see last, best, 0/best or /a/1_2/b"
    assert failures(jobs, Path("/some/sweep")) == [line]


def test_the_page_has_the_whole_table(tmp_path: Path) -> None:
    """Definitions, what all jobs share, failures and what is not done."""
    jobs = [job(n, f"a={n} b=1 hydra.x=1", float(n)) for n in range(30)]
    jobs += [job(30, "a=x b=1 hydra.x=1", state=FAILED, reason="no"),
             job(31, "a=y b=1 hydra.x=1", state=PENDING)]  # fmt: skip
    standings = ranked(jobs, "val/mse")
    text = "\n".join(
        page_of(tmp_path, jobs, standings, metric="val/mse", maximize=False,
                pictures=["knobs.png"])
    )  # fmt: skip
    assert "| 30 | 29 | 1 | 29 | 29 |" in text
    assert "- val/mse: as test/mse, over the validation examples" in text
    assert "The same in all jobs: `b=1`\n" in text
    assert "## Failed\n\n- job 30 (a=x): no\n" in text
    assert "Not completed: job 31." in text
    assert "![knobs](knobs.png)" in text
