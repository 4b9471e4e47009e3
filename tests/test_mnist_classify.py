"""Pretraining on MNIST pays where labels are few."""

import json
from pathlib import Path

import pytest

import aerun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.mnist,
    pytest.mark.usefixtures("unpictured"),
]


def test_a_pretrained_classifier_wins_with_few_labels(tmp_path):
    """After a quarter of the taught pretraining, with a hundred labels."""
    few = ["trainer.epochs=3", "trainer.threads=1", "trainer.preview_every=0"]
    run = f"{tmp_path}/run"
    aerun.run(["experiment=lecture/pretraining", *few, f"hydra.run.dir={run}"])
    aerun.run(["task=classify", f"run={run}", "task.labels=100", "task.seeds=6"])
    found = json.loads(Path(run, "classify/classification.json").read_text())
    figures = found["figures"]
    assert figures["error/pretrained/100"]["value"] <= 23
    assert figures["gain/100"]["value"] > 1
    assert figures["gain/100"]["verdict"] == "gain"
