"""task=verify: a run is made again, and everything on record compared."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from continuing import run_in_two_parts
from verifying import REQUEST, files, said, verify

from aerun.cli import main
from aerun.tasks import summary
from aerun.tasks.first_steps import FIRST_STEPS, digest
from aerun.training.step import taken_elsewhere

pytest_plugins = ["verifying"]
pytestmark = pytest.mark.usefixtures("unpictured")

RELEASED = Path(__file__).with_name("released") / "0.1.0"


@pytest.fixture
def run(verifiable: Path, alone: Path) -> Path:
    """A copy of a run that may be changed."""
    return Path(shutil.copytree(verifiable, alone / "run"))


# -- the same --------------------------------------------------------------------------


def test_a_run_matches_bit_for_bit_and_is_left_as_it_is(run, capsys):
    """Every number of it; what was made again lies in a folder of its own."""
    before = files(run)
    assert verify("task.epochs=2") == 0
    out = capsys.readouterr().out
    assert f"{run} matches bit for bit." in out
    found = said()
    assert found["verdict"] == "exact"
    assert {each["what"] for each in found["compared"]} == {
        "Scaling in config.yaml",
        "The first 2 steps",
        "Weights after step 2",
        "The first 2 rows of metrics.csv",
        "Epochs of summary.json",
        "Checkpoints",
        "Figures of best.safetensors in summary.json",
        "Validation of best.safetensors, epoch 3",
        "Validation of last.safetensors, epoch 3",
    }
    assert all(each["compared"] > 0 == each["different"] for each in found["compared"])
    own = (run / "metrics.csv").read_text().splitlines()
    assert (run / "verify/metrics.csv").read_text().splitlines() == own[:3]
    assert verify("task.epochs=0") == 0
    assert said("verify_2")["verdict"] == "exact"
    assert not (run / "verify_2/metrics.csv").exists()
    after = {p: b for p, b in files(run).items() if "verify" not in p.parent.name}
    assert after == before


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_run_of_the_first_release_is_verified_by_its_rows(alone, epochs):
    """It kept no first steps; its first row, figures and weights are enough."""
    shutil.copytree(RELEASED, "run")
    assert verify(f"task.epochs={epochs}") == 0
    found = said()
    assert found["verdict"] in ("exact", "rounding")
    compared = {each["what"] for each in found["compared"]}
    rows = "The first 2 rows" if epochs else "The first row"
    assert f"{rows} of metrics.csv" in compared
    assert "Figures of best.safetensors in summary.json" in compared


def test_a_run_without_an_end_is_verified_as_far_as_it_came(run):
    """Killed, it has no summary; its first steps and rows are compared."""
    (run / "summary.json").unlink()
    shutil.rmtree(run / "checkpoints")
    assert verify() == 0
    assert [each["what"] for each in said()["compared"]][1:] == [
        "The first row of metrics.csv"
    ]


def test_more_epochs_do_not_undo_how_a_run_began(alone, capsys):
    """Its learning rate fell towards another end then, which is kept."""
    falling = [*REQUEST, "trainer.scheduler=linear", "hydra.run.dir=run"]
    assert main(["-q", *falling]) == 0
    assert main(["-q", "task=resume", "run=run", "trainer.epochs=9"]) == 0
    assert verify() == 0
    assert said()["verdict"] == "exact"
    shutil.rmtree("run/verify")
    Path("run", FIRST_STEPS).unlink()  # then Hydra's record tells it
    assert verify() == 0
    assert said()["verdict"] == "exact"


def test_first_steps_are_kept_whenever_they_are_complete(recorder):
    """Of a run that stopped among them they are those of one that did not."""
    request = ("model=vae", "trainer.epochs=2", "trainer.preview_every=0")
    whole = recorder(*request, name="whole")
    assert whole.run(lambda: False)
    run_in_two_parts(recorder, request, 7)
    kept = whole.directory.path / FIRST_STEPS
    assert kept.read_bytes() == (kept.parents[2] / "parts" / FIRST_STEPS).read_bytes()
    steps = json.loads(kept.read_text())
    assert len(steps["steps"]) == 20
    assert steps["columns"] == ["loss", "reconstruction", "kl", "grad_norm"]


def test_a_hash_tells_every_bit_name_and_shape():
    """Of weights of any type and number of dimensions."""
    weights = {"a": torch.zeros(2, 3), "b": torch.tensor(1.0, dtype=torch.bfloat16)}
    others = [
        {"a": torch.zeros(2, 3), "b": torch.tensor(-1.0, dtype=torch.bfloat16)},
        {"a": -torch.zeros(2, 3), "b": weights["b"]},
        {"a": torch.zeros(3, 2), "b": weights["b"]},
        {"c": torch.zeros(2, 3), "b": weights["b"]},
        {"a": torch.zeros(2, 3).double(), "b": weights["b"]},
    ]
    assert digest(weights) == digest({k: v.clone() for k, v in weights.items()})
    assert len({digest(each) for each in [weights, *others]}) == 6


# -- what is said of it beforehand -----------------------------------------------------


def test_a_summary_says_what_may_not_be_repeated(run, monkeypatch):
    """Nothing of a small run on a CPU; a sentence for each reason of others."""
    own = json.loads((run / "summary.json").read_text())
    assert own["not_deterministic"] == []
    assert own["processor"] == summary.processor("cpu")
    config = yaml.safe_load((run / "config.yaml").read_text())

    def reasons(composed: Any = None, **changed: Any) -> list[str]:
        trainer = {**config["trainer"], **changed.pop("trainer", {})}
        made = {**config, "trainer": trainer, **changed}
        return list(summary.not_deterministic(made, composed))

    assert reasons() == reasons({"trainer": {"threads": "auto"}}) == []
    wide = {"model": {**config["model"], "hidden": [4000]}}
    (said,) = reasons({"trainer": {"threads": "auto"}}, **wide)
    assert "trainer.threads=1 repeats it" in said
    assert reasons({"trainer": {"threads": 1}}, **wide) == []
    (said,) = reasons(trainer={"compile": True})
    assert said.startswith("trainer.compile=true")
    token = taken_elsewhere.set(lambda asked: None)
    (said,) = reasons()
    taken_elsewhere.reset(token)
    assert "hydra/launcher=fused" in said
    monkeypatch.setattr(summary, "processor", lambda device: "one")
    (said,) = reasons(device="cuda")
    assert said.startswith("device=cuda")
