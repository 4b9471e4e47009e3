"""task=verify: whatever was edited, changed or is absent is named."""

import csv
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from making import later
from safetensors.torch import load_file, save_file
from verifying import files, said, verify

from aerun.cli import main
from aerun.tasks.agreement import Agreement, Difference
from aerun.tasks.findings import DECIDED, Findings, final_figures
from aerun.tasks.first_steps import FIRST_STEPS

pytest_plugins = ["verifying"]
pytestmark = pytest.mark.usefixtures("unpictured")


@pytest.fixture
def run(verifiable: Path, alone: Path) -> Path:
    """A copy of a run that may be changed."""
    return Path(shutil.copytree(verifiable, alone / "run"))


def _config(key: str, value: Any) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        config = yaml.safe_load((run / "config.yaml").read_text())
        *groups, name = key.split(".")
        node = config
        for group in groups:
            node = node[group]
        assert node[name] != value
        node[name] = value
        (run / "config.yaml").write_text(yaml.safe_dump(config))

    return edit


def _cell(row: int, column: str, factor: float = 1.01) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        with open(run / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        rows[row][column] = repr(float(rows[row][column]) * factor)
        with open(run / "metrics.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    return edit


def _weights(name: str) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        path = run / f"checkpoints/{name}.safetensors"
        tensors = load_file(path)
        tensors["model.encoder.levels.0.weight"][0, 0] += 1
        save_file(tensors, path)

    return edit


def _json(file: str, change: Callable[[Any], None]) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        content = json.loads((run / file).read_text())
        change(content)
        (run / file).write_text(json.dumps(content))

    return edit


def _last_row_gone(run: Path) -> None:
    lines = (run / "metrics.csv").read_text().splitlines(keepends=True)
    (run / "metrics.csv").write_text("".join(lines[:-1]))


STEP_1 = "loss of step 1: was "
EDITS = {
    "seed": (_config("seed", 1), STEP_1),
    "rate": (_config("trainer.lr", 0.02), "loss of step 2: was "),
    "weight": (_config("regularizer.kl.weight", 0.5), STEP_1),
    "batch": (_config("trainer.batch_size", 50), "kl of step 1: was "),
    "scaling": (_config("data.scale", [8.0]), "data.scale[0] of config.yaml"),
    "first cell": (_cell(0, "train/loss"), "train/loss of row 1 of metrics.csv: was "),
    "no number": (_cell(0, "val/mse", math.nan), "was nan, now "),
    "last cell": (_cell(2, "val/mse"), "val/mse of epoch 3 in metrics.csv: was "),
    "row": (_last_row_gone, "epochs of summary.json: was 3, now 2"),
    "best": (_weights("best"), "best.safetensors of checkpoints: was "),
    "last": (_weights("last"), "last.safetensors of checkpoints: was "),
    "figure": (
        _json("summary.json", lambda s: s["metrics"].update({"test/mse": 0.01})),
        "test/mse of summary.json: was 0.01, now ",
    ),
    "step": (
        _json(FIRST_STEPS, lambda s: s["steps"][1].__setitem__(0, 44.0)),
        "loss of step 2: was 44.0, now ",
    ),
}


QUICK = ("no number", "rate", "first cell", "best", "figure")


@pytest.mark.parametrize("edit", [e if e in QUICK else later(e) for e in EDITS])
def test_what_was_edited_is_named(run, capsys, edit):
    """With what it was and is, in one message and with exit code 1."""
    change, message = EDITS[edit]
    change(run)
    assert verify() == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert f"aerun: {run} is not what its config gives: " in err
    assert message in err
    edited = edit in ("seed", "rate", "weight", "batch", "scaling")
    assert ("config.yaml is not that of summary.json" in err) == edited
    assert said()["verdict"] == "different"


def test_weights_of_another_model_do_not_fit(run, capsys):
    """As every task says it of a config that was edited so."""
    _config("model.hidden", [9])(run)
    assert verify() == 2
    assert "do not fit together" in capsys.readouterr().err


def test_a_difference_of_rounding_is_told_and_allowed(run, capsys):
    """Up to the tolerance, with what else moves last bits here."""
    _cell(0, "train/loss", 1 + 1e-8)(run)
    assert verify() == 0
    out = capsys.readouterr().out
    assert "matches within rounding: the largest relative difference is 1e-08" in out
    assert "train/loss of row 1 of metrics.csv" in out
    assert "Nothing that is known to move last bits differs." in out
    assert verify("task.tolerance=1e-9") == 1
    _json(FIRST_STEPS, lambda s: s["made"].update({"torch": "2.0", "threads": 7}))(run)
    capsys.readouterr()
    assert verify() == 0
    out = capsys.readouterr().out
    assert "Here threads is 1, was 7; torch is " in out
    assert "was 2.0." in out
    assert said("verify_3")["changed"]["threads"] == {"run": 7, "here": 1}


def test_figures_of_decisions_are_judged_where_bits_should_be_the_same(run, capsys):
    """With another torch, a unit may lie on the other side of its threshold."""
    metrics = json.loads((run / "summary.json").read_text())["metrics"]
    decided = {name: 77 for name in DECIDED if name in metrics}
    assert list(decided) == ["test/dead_units", "test/active_units"]
    _json("summary.json", lambda s: s["metrics"].update(decided))(run)
    assert verify("task.epochs=0") == 1
    moved = "test/dead_units of summary.json: was 77, now "
    assert moved in capsys.readouterr().err
    _json(FIRST_STEPS, lambda s: s["made"].update({"torch": "2.0"}))(run)
    assert verify("task.epochs=0") == 0
    out = capsys.readouterr().out
    assert f"the largest relative difference is 0, {moved}" in out
    assert said("verify_2")["verdict"] == "rounding"
    _json("summary.json", lambda s: s["metrics"].update({"test/mse": 0.01}))(run)
    assert verify("task.epochs=0") == 1
    assert "test/mse of summary.json: was 0.01, now " in capsys.readouterr().err


def test_figures_that_are_no_numbers_agree_with_null(run, monkeypatch, capsys):
    """A summary has null for them."""
    change = _json("summary.json", lambda s: s["metrics"].update(dict.fromkeys(ODD)))
    change(run)

    def odd(*arguments: Any, **options: Any) -> Findings:
        found = final_figures(*arguments, **options)
        return replace(found, metrics=found.metrics | ODD)

    monkeypatch.setattr("aerun.tasks.verify.final_figures", odd)
    assert verify() == 0
    assert "matches bit for bit" in capsys.readouterr().out
    change = _json("summary.json", lambda s: s["metrics"].update({"test/kl": 1.0}))
    change(run)
    assert verify() == 1
    assert "test/kl of summary.json: was 1.0, now None" in capsys.readouterr().err


ODD = {"test/kl": float("nan"), "test/mse": float("inf")}


def test_data_that_changed_are_told_as_when_a_run_is_continued(alone, capsys):
    """Nothing is trained then, and no folder left."""
    np.save("x.npy", np.random.default_rng(0).random((60, 4)))
    short = ["trainer.epochs=1", "trainer.threads=1", "hydra.run.dir=run"]
    request = ["dataset=array", "dataset.path=x.npy", "model=linear", *short]
    assert main(["-q", *request]) == 0
    shutil.move("x.npy", "moved.npy")
    assert verify() == 2
    assert "x.npy does not exist" in capsys.readouterr().err
    assert verify("dataset.path=moved.npy") == 0
    np.save("x.npy", np.random.default_rng(1).random((60, 4)))
    before = files(Path("run"))
    capsys.readouterr()
    assert verify() == 2
    assert "the data changed since this run began" in capsys.readouterr().err
    assert files(Path("run")) == before


def test_a_run_that_recorded_nothing_cannot_be_verified(run, capsys):
    """The message says how to go on with it."""
    for name in ("metrics.csv", "summary.json", FIRST_STEPS):
        (run / name).unlink()
    assert verify() == 2
    err = capsys.readouterr().err
    assert "recorded no step to compare with" in err
    assert f"aerun task=resume run={run}" in err
    (run / FIRST_STEPS).write_text('{"steps": 3}')
    assert verify() == 2
    assert f"{FIRST_STEPS} is damaged (it holds no first steps)" in (
        capsys.readouterr().err
    )


def test_numbers_that_count_decisions_are_not_judged():
    """A turned decision is a difference, but no sign that another run was made."""
    found = Agreement(what="Steps", rounded={"accuracy"})
    found.see_all("step 1", {"accuracy": 0.5, "loss": 1.0}, {"accuracy": 0.6})
    assert [d.name for d in found.different] == ["accuracy", "loss"]
    assert found.largest == float("inf")
    assert found.beyond(1.0) == Difference(
        where="step 1", name="loss", was=1.0, now=None, judged=True
    )


def test_no_number_agrees_with_no_number_alone():
    """A split without examples has NaN, then and now; beside a number it is off."""
    found = Agreement(what="Rows")
    nan = math.nan
    found.see_all(
        "row 1", {"a": nan, "b": nan, "c": 1.0}, {"a": nan, "b": 1.0, "c": nan}
    )
    assert [d.name for d in found.different] == ["b", "c"]
    assert [d.relative for d in found.different] == [math.inf, math.inf]
    assert found.beyond(1e9) is found.different[0]
