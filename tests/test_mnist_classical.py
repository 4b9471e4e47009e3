"""The classical family on MNIST, trained briefly: each shows its effect."""

import pytest
import torch

import aerun
from aerun.build import build_objective, load_data
from aerun.draws import with_noise
from aerun.evaluation.splits import knob_tensors, reconstructions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.mnist,
    pytest.mark.usefixtures("unpictured"),
]


def _run(folder, *overrides):
    more = ("trainer.threads=1", "trainer.preview_every=0")
    return aerun.run([*overrides, *more, f"hydra.run.dir={folder}"])


def test_denoising_beats_a_plain_autoencoder_and_the_input(tmp_path):
    """From masked digits: at most 0.6 of the plain one's error, below the input's."""
    request = ["experiment=lecture/denoising_masking", "trainer.epochs=5"]
    denoising = _run(tmp_path / "denoising", *request)
    plain = _run(tmp_path / "plain", *request, "corruption=none")
    metrics = denoising.summary["metrics"]
    x = load_data(denoising.config).test.gather(slice(2000))
    options = denoising.config["corruption"]
    knobs = {f"corruption.{k}": v for k, v in options.items() if k != "_target_"}
    objective = build_objective(denoising.config, tuple(x.shape[1:]))
    seen = with_noise(
        lambda draws: objective.corrupt(x, knob_tensors(knobs, x), draws)[0], x, seed=1
    )
    theirs = float((reconstructions(plain.load().model, seen) - x).square().mean())
    assert metrics["test/corrupted_mse"] <= 0.6 * theirs
    assert metrics["test/corrupted_mse"] < metrics["identity/corrupted_mse"]


def test_kl_sparsity_brings_every_unit_to_rho(tmp_path):
    """A thousand units are active a tenth of the time, and still reconstruct."""
    request = ["experiment=lecture/sparse_kl", "trainer.epochs=6",
               "trainer.batch_size=100"]  # fmt: skip
    metrics = _run(tmp_path / "sparse", *request).summary["metrics"]
    assert metrics["test/activity_off_rho"] < 0.02
    assert metrics["test/mse"] <= 0.025


def test_contraction_makes_codes_hold_still(tmp_path):
    """A third of the plain Jacobian after four epochs, and saturated units."""
    request = ["experiment=lecture/contractive", "trainer.epochs=4"]
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


def test_every_winner_take_all_unit_wins_in_a_twentieth_of_a_batch(tmp_path):
    """Of 100 examples 5 winners, some of them rectified to 0; no unit is dead."""
    request = ["experiment=lecture/wta", "trainer.epochs=2", "model.code=500"]
    run = _run(tmp_path / "wta", *request)
    assert run.summary["metrics"]["test/dead_units"] == 0
    model = run.load().model.train()
    with torch.no_grad():
        latent = model(load_data(run.config).train.gather(slice(100))).latent
    wins = (latent > 0).sum(0)
    assert wins.max() == 5
    assert (wins >= 4).double().mean() > 0.95


def test_layer_by_layer_reaches_what_is_taught(tmp_path):
    """784-300-150, greedily: at most 0.0098 on the whole test set."""
    metrics = _run(tmp_path / "run", "experiment=lecture/greedy").summary["metrics"]
    assert metrics["test/mse"] <= 0.0098
