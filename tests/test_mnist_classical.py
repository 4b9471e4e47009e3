"""The classical family on MNIST, trained briefly: each shows its effect."""

import os
from pathlib import Path

import pytest

import aerun
from aerun.build import build_objective, load_data
from aerun.draws import with_noise
from aerun.evaluation.splits import knob_tensors, reconstructions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.mnist,
    pytest.mark.skipif(
        not (Path(os.environ.get("AERUN_DATA", "data")) / "MNIST").is_dir(),
        reason="needs the official MNIST files under $AERUN_DATA",
    ),
]


def _run(folder, *overrides):
    return aerun.run([*overrides, "trainer.preview_every=0", f"hydra.run.dir={folder}"])


def test_denoising_beats_a_plain_autoencoder_and_the_input(tmp_path):
    """From masked digits: at most 0.6 of the plain one's error, below the input's."""
    request = ["experiment=lecture/denoising_masking", "trainer.epochs=3"]
    denoising = _run(tmp_path / "denoising", *request)
    plain = _run(tmp_path / "plain", *request, "corruption=none")
    metrics = denoising.summary["metrics"]
    x = load_data(denoising.config).test.gather(slice(2000))
    knobs = knob_tensors({f"corruption.{name}": value for name, value in
                          denoising.config["corruption"].items()
                          if name != "_target_"}, x)  # fmt: skip
    objective = build_objective(denoising.config, tuple(x.shape[1:]))
    seen = with_noise(lambda draws: objective.corrupt(x, knobs, draws)[0], x, seed=1)
    recon = reconstructions(plain.load().model, seen)
    theirs = float((recon - x).square().mean())
    assert metrics["test/corrupted_mse"] <= 0.6 * theirs
    assert metrics["test/corrupted_mse"] < metrics["identity/corrupted_mse"]


def test_kl_sparsity_brings_every_unit_to_rho(tmp_path):
    """A thousand units are active a tenth of the time, and still reconstruct."""
    request = ["experiment=lecture/sparse_kl", "trainer.epochs=6"]
    metrics = _run(tmp_path / "sparse", *request).summary["metrics"]
    assert metrics["test/activity_off_rho"] < 0.02
    assert metrics["test/mse"] <= 0.025


def test_contraction_makes_codes_hold_still(tmp_path):
    """A third of the plain Jacobian after three epochs, and saturated units."""
    request = ["experiment=lecture/contractive", "trainer.epochs=3", "model.code=500"]
    ours = _run(tmp_path / "contractive", *request).summary["metrics"]
    request.append("regularizer=none")
    theirs = _run(tmp_path / "plain", *request).summary["metrics"]
    assert ours["test/jacobian_norm"] < theirs["test/jacobian_norm"] / 3
    assert ours["test/saturation"] > 0.5 > theirs["test/saturation"]


def test_convolutions_beat_pca(tmp_path):
    """Two epochs at 32 codes."""
    request = ["experiment=lecture/conv", "trainer.epochs=2"]
    metrics = _run(tmp_path / "conv", *request).summary["metrics"]
    assert metrics["test/mse"] < metrics["pca/mse"]


def test_k_sparse_codes_have_k_units_and_few_are_dead(tmp_path):
    """Exactly 25 of a thousand, under 5 % of which never take part."""
    request = ["experiment=lecture/k_sparse", "trainer.epochs=4",
               "model.bottleneck.k.steps=1000"]  # fmt: skip
    metrics = _run(tmp_path / "k_sparse", *request).summary["metrics"]
    assert metrics["test/nonzero_units"] == pytest.approx(25, abs=1e-3)
    assert metrics["test/dead_units"] < 50


def test_layer_by_layer_reaches_what_is_taught(tmp_path):
    """784-300-150, greedily: at most 0.0098 on the whole test set."""
    metrics = _run(tmp_path / "run", "experiment=lecture/greedy").summary["metrics"]
    assert metrics["test/mse"] <= 0.0098
