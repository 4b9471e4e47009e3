"""Variational autoencoders, trained briefly: what is taught of them is seen."""

import pytest

import aerun
from aerun.build import load_data
from aerun.evaluation.judge import class_figures, judge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.usefixtures("unpictured"),
]


def _run(tmp_path, *overrides):
    more = ("trainer.threads=1", "trainer.preview_every=0")
    return aerun.run([*overrides, *more, f"hydra.run.dir={tmp_path / 'run'}"])


@pytest.mark.mnist
def test_averaged_terms_collapse_and_it_is_said_why(tmp_path):
    """The lecture's variational autoencoder to the letter answers with one image."""
    found = _run(tmp_path, "experiment=lecture/vae", "trainer.epochs=2").summary
    metrics = found["metrics"]
    assert metrics["test/active_units"] == 0
    assert metrics["test/kl"] < 0.01
    assert metrics["test/mse"] > 0.98 * metrics["mean/mse"]
    said = " ".join(found["health"])
    assert "The posterior has collapsed" in said
    assert "loss.reduction=sum" in said


@pytest.mark.mnist
def test_summed_terms_do_not_collapse(tmp_path):
    """The same network then uses most of its eight dimensions."""
    request = ["experiment=lecture/vae_summed", "trainer.epochs=2"]
    metrics = _run(tmp_path, *request).summary["metrics"]
    assert metrics["test/active_units"] >= 6
    assert metrics["test/mse"] <= 0.045


def test_samples_of_the_default_vae_are_digits(tmp_path, monkeypatch):
    """A classifier is sure of at least 80 % of them, and all ten classes occur."""
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path / "cache"))
    run = _run(tmp_path, "model=vae", "trainer.epochs=100")
    judged = judge(load_data(run.config))
    assert judged is not None
    found = class_figures(judged.probabilities(run.load().sample(1000)))
    assert found.share_sure >= 0.8
    assert found.num_classes == 10
