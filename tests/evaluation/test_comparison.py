"""Groups of runs: their figures and curves over seeds, ranks and baselines."""

import statistics

import numpy as np
import pytest
from comparing import ROWS, run_of

from aerun.errors import BadUse
from aerun.evaluation.comparison import Comparison, compare_runs, record, statistic


def compared(*runs, metric: str = "test/mse", descending: bool = False) -> Comparison:
    return compare_runs(runs, metric=metric, descending=descending)


VALUES = {0: 0.31, 1: 0.29, 2: 0.36}


def test_figures_are_means_and_sample_deviations():
    """As Python's statistics and NumPy find them, over the seeds of a group."""
    runs = [run_of(seed=seed, mse=mse) for seed, mse in VALUES.items()]
    (group,) = compared(*runs).groups
    found, values = group.figures["test/mse"], list(VALUES.values())
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.deviation == pytest.approx(statistics.stdev(values))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))
    assert found.number == 3
    assert group.figures["test/loss"].mean == pytest.approx(64 * np.mean(values))
    same = group.figures["pca/mse"]
    assert (same.mean, same.deviation) == (0.25, 0.0)


def test_one_run_has_no_deviation():
    """Neither of its figures nor of its curves."""
    (group,) = compared(run_of()).groups
    assert group.figures["test/mse"].deviation is None
    assert group.courses["val/mse"].deviation is None
    assert statistic([2.0]).number == 1


def test_a_figure_that_some_runs_lack_tells_of_how_many_it_is():
    """Null is no number."""
    full = {"test/mse": 0.1, "test/kl": 3.0}
    runs = [run_of(metrics=full), run_of(seed=1, metrics={**full, "test/kl": None})]
    (group,) = compared(*runs).groups
    assert group.figures["test/kl"].number == 1
    assert group.figures["test/kl"].deviation is None
    assert group.figures["test/mse"].number == 2


def test_runs_equal_but_for_the_seed_form_a_group():
    """Whatever the order in which they come; any other setting parts them."""
    runs = [run_of(seed=seed, trainer__lr=lr) for seed in (2, 0, 1) for lr in (1.0, 2)]
    first, second = compared(*runs).groups
    assert [run.seed for run in first.runs] == [0, 1, 2]
    assert first.settings == {"trainer.lr": 1.0}
    assert second.settings == {"trainer.lr": 2}


def test_where_data_and_weights_lie_forms_no_groups():
    """The same data in another folder are the same; other data are not."""
    near = run_of(dataset__root="/near")
    far = run_of(seed=1, dataset__root="/far")
    assert len(compared(near, far).groups) == 1
    other = run_of(seed=1, data__fingerprint="0" * 16)
    assert [g.settings for g in compared(near, other).groups] == [
        {"data_hash": near.config["data"]["fingerprint"]},
        {"data_hash": "0" * 16},
    ]


def test_a_repeated_run_counts_once():
    """The same settings and seed are the same run."""
    again = run_of(mse=0.9, name="again")
    found = compared(run_of(mse=0.5), again, run_of(seed=1, mse=0.7))
    assert found.repeated == (again,)
    assert found.groups[0].figures["test/mse"].mean == pytest.approx(0.6)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_what_did_not_end_is_listed_and_not_averaged(status):
    """Its figures, if it has any, are not final."""
    broken = run_of(seed=1, mse=9.0, status=status, model__code=7)
    found = compared(run_of(mse=0.5), broken)
    assert found.unfinished == (broken,)
    (group,) = found.groups
    assert group.figures["test/mse"].mean == 0.5
    assert group.settings == {}, "of groups alone"


@pytest.mark.parametrize(("descending", "order"), [(False, [2, 1]), (True, [1, 2])])
def test_groups_are_ranked_by_a_figure(descending, order):
    """Lowest first, or highest; without the figure last in either case."""
    runs = [
        run_of(model__code=code, metrics={"test/mse": 0.1, "test/kl": kl})
        for code, kl in ((1, 5.0), (3, None), (2, 4.0))
    ]
    found = compared(*runs, metric="test/kl", descending=descending)
    codes = [group.settings["model.code"] for group in found.groups]
    assert codes == [*order, 3]


def test_a_figure_that_no_run_has_is_refused():
    """With the names of those that there are."""
    with pytest.raises(BadUse, match=r"task\.metric=test/elbo: .* test/loss, test/mse"):
        compared(run_of(), metric="test/elbo")


def test_pca_is_a_line_for_each_code_size():
    """Best first; the same size is told once, and none where there is no PCA."""

    def run(model: str, code: int, pca: float | None):
        metrics = {"test/mse": code / 10, "pca/mse": pca}
        return run_of(f"model={model}", model__code=code, metrics=metrics)

    runs = run("simple", 2, 0.5), run("vae", 3, 0.3), run("conv", 100, None)
    found = compared(*runs).baselines
    assert [(line.name, line.mse) for line in found] == [
        ("PCA, code 3 (vae)", 0.3),
        ("PCA, code 2 (simple)", 0.5),
    ]
    runs = [run_of(model__code=c, metrics={"test/mse": 1, "pca/mse": 1 / c})
            for c in (2, 5)]  # fmt: skip
    assert [x.name for x in compared(*runs).baselines] == ["PCA, code 5", "PCA, code 2"]
    once = [run_of(trainer__lr=lr) for lr in (0.1, 0.2)]
    (line,) = compared(*once).baselines
    assert (line.name, line.mse) == ("PCA, code 3", 0.25)
    assert line.groups == ("lr=0.1", "lr=0.2")


def rows(*values: float) -> list[dict[str, float]]:
    return [
        {"epoch": i, "val/mse": value, "val/loss": 2 * value}
        for i, value in enumerate(values, start=1)
    ]


def test_curves_are_averaged_over_the_epochs_that_all_seeds_reached():
    """Beyond, a mean would be of other runs."""
    runs = [run_of(rows=rows(4, 3, 2)), run_of(seed=1, rows=rows(2, 2.5))]
    (group,) = compared(*runs).groups
    course = group.courses["val/mse"]
    assert course.epochs.tolist() == [1, 2]
    assert course.mean.tolist() == [3, 2.75]
    assert course.deviation == pytest.approx([statistics.stdev([4, 2]), 0.5 / 2**0.5])
    assert group.courses["val/loss"].mean.tolist() == [6, 5.5]


def test_epochs_without_a_value_are_left_out():
    """As metrics.csv leaves them empty."""
    lacking = [{"epoch": 1, "val/mse": 0.5}, {"epoch": 2}, {"epoch": 3, "val/mse": 0.1}]
    (group,) = compared(run_of(rows=lacking)).groups
    assert group.courses["val/mse"].epochs.tolist() == [1, 3]
    assert "val/loss" not in group.courses


def test_no_curves_of_phases_and_of_what_was_not_trained():
    """Errors of a phase are of codes."""
    phased = run_of(rows=[{"phase": "level_1", **row} for row in ROWS])
    untrained = run_of(rows=[], model__code=9)
    assert [group.courses for group in compared(phased, untrained).groups] == [{}, {}]


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        ({}, True),
        ({"model__code": 9}, True),
        ({"loss__reduction": "mean"}, False),
        ({"corruption": {"_target_": "aerun.corruptions.gaussian", "std": 1}}, False),
        ({"regularizer": {"l1": {"_target_": "l1", "weight": 0.1}}}, False),
        ({"model___target_": "mine.Other"}, False),
        ({"dataset__scale": "standard"}, False),
    ],
)
def test_losses_are_laid_over_each_other_where_they_are_the_same(other, alike):
    """One loss, regularizers and corruption, of the same data."""
    found = compared(run_of(trainer__lr=3.0), run_of(**other))
    assert found.comparable_loss is alike
    names = {name for group in found.groups for name in group.courses}
    assert names == ({"val/mse", "val/loss"} if alike else {"val/mse"})


def test_the_record_has_everything_that_a_page_needs():
    """Plain values: names, settings, statistics, curves, baselines, what is missing."""
    runs = [run_of(seed=s, trainer__lr=lr) for s in (0, 1) for lr in (0.1, 0.2)]
    broken = run_of(seed=5, status="failed")
    made = record(compared(*runs, broken, run_of(name="again", trainer__lr=0.1)))
    first = made["groups"][0]
    assert first["name"] == "lr=0.1"
    assert first["settings"] == {"trainer.lr": 0.1}
    assert first["figures"]["test/mse"] == {"mean": 0.5, "deviation": 0.0, "n": 2}
    assert first["curves"]["val/mse"] == {
        "epochs": [1, 2], "mean": [0.4, 0.3], "deviation": [0, 0],
    }  # fmt: skip
    assert [run["seed"] for run in first["runs"]] == [0, 1]
    assert made["baselines"] == [
        {"name": "PCA, code 3", "test/mse": 0.25, "groups": ["lr=0.1", "lr=0.2"]}
    ]
    assert made["unfinished"][0]["status"] == "failed"
    assert made["repeated"] == ["/runs/again_0"]


def test_courses_are_of_the_columns_that_are_asked_for():
    """In their order; losses only where they are the same function."""
    rows = [{"epoch": 1, "val/kl": 0.5, "val/loss": 4.0, "val/mse": 0.4}]
    runs = [run_of(rows=rows), run_of(rows=rows, loss__reduction="mean")]
    asked = {"metric": "test/mse", "descending": False}
    curves = ["val/kl", "val/mse", "val/loss"]
    found = compare_runs(runs[:1], curves=curves, **asked)
    assert found.quantities == curves
    found = compare_runs(runs, curves=curves, **asked)
    assert found.quantities == ["val/kl", "val/mse"]
