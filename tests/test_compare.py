"""task=compare: tables, pictures and words about runs that were trained."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import run_of, write_run
from making import draw_nothing
from reconstructing import work_in
from sklearn.decomposition import PCA

import aerun
from aerun.cli import main
from aerun.tasks import compare as module
from aerun.tasks import side_by_side as drawing

pytest_plugins = ["reconstructing"]

FEW = ["trainer.epochs=2", "trainer.threads=1", "trainer.preview_every=0",
       "dataset.limit=60", "dataset.test=50", "dataset.validation=50"]  # fmt: skip


@pytest.fixture(scope="session")
def compared_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two models and two seeds, a run on other data, two on vectors."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        work_in(folder, patch)
        draw_nothing(patch)
        sweep = ["-m", "model=simple,vae", "seed=0,1", "hydra.sweep.dir=sweep",
                 "model.hidden=[16]"]  # fmt: skip
        assert main([*sweep, *FEW]) == 0
        for name, asked in {
            "other": ["dataset.scale=standard", "model.output_activation=none"],
            "points": ["dataset=plane", "model.output_activation=none"],
            "points2": ["dataset=plane", "model=linear"],
        }.items():
            assert main([f"hydra.run.dir={name}", *asked, *FEW]) == 0
    return folder


@pytest.fixture
def here(compared_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to work in."""
    work_in(compared_runs, monkeypatch)
    return compared_runs


@pytest.fixture
def compared(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Compare runs: the directory, and what was printed."""

    def ask(*typed: str) -> tuple[Path, str, str]:
        capsys.readouterr()
        number = len(list(tmp_path.iterdir()))
        made = tmp_path / f"made{number}"
        assert main(["task=compare", f"hydra.run.dir={made}", *typed]) == 0
        printed = capsys.readouterr()
        return made, printed.out, printed.err

    return ask


@pytest.fixture
def tabled(compared: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same without pictures."""
    monkeypatch.setattr(module, "_curves", lambda *arguments: iter(()))
    monkeypatch.setattr(module, "side_by_side", lambda *arguments: drawing.Shown())
    return compared


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


FILES = ["comparison.csv", "comparison.json", "comparison.md", "curves.png",
         "reconstructions.png", "report.html", "runs.csv"]  # fmt: skip


def test_a_sweep_is_compared(compared, here: Path) -> None:
    """Every file; figures as the runs' own summaries give them."""
    made, out, err = compared("runs=sweep")
    assert sorted(path.name for path in made.iterdir()) == FILES
    assert err == ""
    summaries = [json.loads((here / f"sweep/{i}/summary.json").read_text())["metrics"]
                 for i in range(4)]  # fmt: skip
    *groups, first_pca, second_pca = rows_of(made / "comparison.csv")
    by_name = {row["group"]: row for row in groups}
    assert by_name.keys() == {"simple", "vae"}
    for name, own in (("simple", summaries[:2]), ("vae", summaries[2:])):
        for figure in own[0]:
            values = [each[figure] for each in own]
            row = by_name[name]
            assert float(row[figure]) == pytest.approx(np.mean(values))
            deviation = float(row[f"{figure}_sd"])
            assert deviation == pytest.approx(np.std(values, ddof=1), abs=1e-12)
        assert (row["n"], row["model"]) == ("2", name)
    order = [float(row["test/mse"]) for row in groups]
    assert order == sorted(order)
    assert [row["rank"] for row in groups] == ["1", "2"]
    codes = {"PCA, code 16 (vae)": summaries[2], "PCA, code 3 (simple)": summaries[0]}
    for line in (first_pca, second_pca):
        assert float(line["test/mse"]) == codes[line["group"]]["pca/mse"]
    assert f"Look at {made / 'report.html'}" in out


def test_the_table_is_printed_and_written_for_reading(compared) -> None:
    """Columns that tell groups apart, figures with deviations, PCA at the bottom."""
    made, out, _ = compared("runs=sweep/*")
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if "model" in line)
    assert lines[start].split() == ["model", "n", "test/mse"]
    assert lines[start + 1].startswith("1  ")
    assert " 2  0." in lines[start + 1]
    assert "+-" in lines[start + 1]
    assert lines[start + 3].startswith("   PCA, code 16 (vae) ")
    page = (made / "comparison.md").read_text()
    assert "| model.code | " in page
    assert "| test/kl | " in page
    assert "![curves](curves.png)" in page
    assert f"best test/mse: {lines[start + 1].split()[1]}, 0." in page


def test_each_run_has_a_row(tabled, here: Path) -> None:
    """With its settings, its seed, its figures and where it lies."""
    made, _, _ = tabled("runs=[sweep/*]")
    found = {row["directory"]: row for row in rows_of(made / "runs.csv")}
    assert found.keys() == {str(here / f"sweep/{i}") for i in range(4)}
    row = found[str(here / "sweep/3")]
    assert (row["group"], row["seed"], row["status"]) == ("vae", "1", "completed")
    summary = json.loads((here / "sweep/3/summary.json").read_text())
    assert float(row["test/kl"]) == summary["metrics"]["test/kl"]


def test_what_did_not_end_is_said(tabled, tmp_path: Path) -> None:
    """With its reason; it is in runs.csv and in no average."""
    broken = run_of(seed=4, status="failed", mse=99.0)
    broken.summary["reason"] = "train/loss became nan"
    path = write_run(tmp_path / "broken", broken)
    made, out, _ = tabled(f"runs=[sweep/*,{path}]")
    said = f"Not averaged: {path} failed (train/loss became nan)."
    assert said in out
    assert said in (made / "comparison.md").read_text()
    (row,) = [r for r in rows_of(made / "runs.csv") if r["status"] == "failed"]
    assert row["reason"] == "train/loss became nan"
    assert all(float(r["test/mse"]) < 1 for r in rows_of(made / "comparison.csv"))


def test_what_is_not_comparable_is_said_everywhere(tabled) -> None:
    """On the console, on the page and in the data."""
    made, _, err = tabled("runs=[sweep/*,other]")
    (warning,) = json.loads((made / "comparison.json").read_text())["warnings"]
    assert "dataset.scale: unit in" in warning
    assert f"Careful: {warning}" in err
    assert warning in (made / "comparison.md").read_text()


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, np.ndarray], str]]:
    """What is drawn side by side, and its title."""
    kept: list[tuple[dict[str, np.ndarray], str]] = []
    draw = drawing.draw_rows

    def keep(rows: dict[str, np.ndarray], spec: Any, title: str) -> bytes:
        kept.append((rows, title))
        return draw(rows, spec, title)

    monkeypatch.setattr(drawing, "draw_rows", keep)
    return kept


def test_the_same_test_examples_go_through_every_group(compared, here, rows) -> None:
    """Inputs, a row per group in the order of the table, PCA at each code size."""
    made, _, _ = compared("runs=sweep")
    (drawn, _), = rows  # fmt: skip
    order = [row["group"] for row in rows_of(made / "comparison.csv")][:2]
    assert list(drawn) == ["input", *order, "PCA, code 3", "PCA, code 16"]
    x = drawn["input"]
    assert x.shape == (10, 1, 8, 8)
    assert x.max() > 10, "in the units of the data"
    for name, run in (("simple", "sweep/0"), ("vae", "sweep/2")):
        np.testing.assert_allclose(drawn[name], aerun.load(run).reconstruct(x))


def test_pca_is_that_of_scikit_learn(compared, here, rows) -> None:
    """Fitted to the training part, whose first components a smaller code keeps."""
    from aerun.build import load_data

    compared("runs=sweep")
    (drawn, _), = rows  # fmt: skip
    data = load_data(aerun.api.Run(here / "sweep/0").config)
    train = data.train.gather(slice(None)).flatten(1).numpy()
    x = drawn["input"].reshape(10, 64) / 16
    for code in (3, 16):
        model = PCA(code, svd_solver="full").fit(train)
        expected = 16 * model.inverse_transform(model.transform(x))
        found = drawn[f"PCA, code {code}"].reshape(10, 64)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_runs_on_other_scales_see_the_same_pixels(compared, here, rows) -> None:
    """Each model scales them as its own."""
    compared("runs=[sweep/0,other]")
    (drawn, title), = rows  # fmt: skip
    (name,) = [n for n in drawn if "128" in n]
    expected = aerun.load("other").reconstruct(drawn["input"])
    np.testing.assert_allclose(drawn[name], expected)
    assert "of digits" in title


def test_runs_on_other_shapes_are_not_drawn(compared, rows) -> None:
    """What is left out is said; the table has them, with a warning."""
    _, out, err = compared("runs=[sweep/*,points]")
    (drawn, _), = rows  # fmt: skip
    assert "different shapes" in err
    assert "is left out of reconstructions.png: its examples have another shape" in out
    assert not {"simple, plane", "plane"} & set(drawn)


def test_vectors_are_drawn_with_the_best_last(compared, rows) -> None:
    """Points are joined to those of the best group."""
    made, _, _ = compared("runs=[points,points2]")
    (drawn, _), = rows  # fmt: skip
    best = rows_of(made / "comparison.csv")[0]["group"]
    assert next(iter(drawn)) == "input"
    assert list(drawn)[-1] == best
    assert drawn["input"].shape[1:] == (3,)
    assert (made / "reconstructions.png").stat().st_size > 5000


def test_a_model_that_cannot_be_loaded_is_left_out(compared, tmp_path) -> None:
    """Its figures stay; there is a picture of the others, or none, and a reason."""
    path = write_run(tmp_path / "bare", run_of())
    made, out, _ = compared(f"runs=[sweep/*,{path}]")
    assert "is left out of reconstructions.png" in out
    assert "the run saved no weights yet" in out
    assert (made / "reconstructions.png").is_file()
    made, out, _ = compared(f"runs={path}")
    assert not (made / "reconstructions.png").exists()
    assert "![reconstructions]" not in (made / "comparison.md").read_text()
    content = json.loads((made / "comparison.json").read_text())
    assert content["pictures"] == ["curves.png"]


def test_data_that_are_gone_leave_the_table(compared, tmp_path) -> None:
    """The reason is said."""
    gone = {"_target_": "aerun.data.array", "path": str(tmp_path / "gone.npy"),
            "test_path": None}  # fmt: skip
    run = run_of()
    run.config["dataset"].update(gone)
    path = write_run(tmp_path / "lost", run)
    made, out, _ = compared(f"runs={path}")
    assert "No reconstructions" in out
    assert "gone.npy" in out
    assert (made / "comparison.csv").is_file()


def test_many_groups_are_told_in_the_table_and_cut_in_pictures(
    compared, tmp_path
) -> None:
    """The best are drawn."""
    for code in range(1, 14):
        run = run_of(model__code=code, mse=code / 100, typed=("model.code",))
        write_run(tmp_path / f"many/{code}", run)
    made, out, _ = compared(f"runs={tmp_path / 'many'}")
    assert "curves.png shows the best 10 groups." in out
    assert "reconstructions.png shows the best 12 groups." in out
    assert len(rows_of(made / "comparison.csv")) == 13 + 13
    assert "PCA, code 4  " in out, "whose it is the code says"
    assert "n  test/mse  test/loss" in out, "of one loss"


def test_another_figure_ranks(tabled) -> None:
    """Highest first on request; mse stays beside it, for PCA."""
    made, out, _ = tabled("runs=sweep", "task.metric=train/mse", "task.descending=true")
    groups = rows_of(made / "comparison.csv")[:2]
    values = [float(row["train/mse"]) for row in groups]
    assert values == sorted(values, reverse=True)
    assert "train/mse" in out
    assert "best train/mse: " in out


def test_a_comparison_has_a_directory_of_its_own(here: Path, capsys, monkeypatch):
    """By date and time; -q prints it, nothing is overwritten, latest stays."""
    monkeypatch.setattr(module, "side_by_side", lambda *a: drawing.Shown())
    found = set()
    for _ in range(3):
        assert main(["-q", "task=compare", "runs=sweep"]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        made = Path(printed.out.removesuffix("\n"))
        assert made.parents[1] == here / "outputs/comparisons"
        assert (made / "comparison.md").is_file()
        found.add(made)
    assert len(found) == 3
    assert not (here / "outputs/latest").exists()


def test_the_same_runs_give_the_same_bytes(compared) -> None:
    """Every file, but for where a page itself lies."""
    (one, *_), (other, *_) = compared("runs=sweep"), compared("runs=sweep/*")
    for name in FILES:
        here, there = ((made / name).read_bytes() for made in (one, other))
        assert here == there.replace(str(other).encode(), str(one).encode()), name


def test_from_python(here: Path, tmp_path: Path) -> None:
    """``aerun.run`` gives the directory of the comparison."""
    made = tmp_path / "made"
    found = aerun.run(["task=compare", "runs=[sweep/*]", f"hydra.run.dir={made}"])
    assert found.directory == made
