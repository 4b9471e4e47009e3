"""Runs at the limits of numbers: right, or stopped with the cause; never lost."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from making import later, options
from stressing import KINDS, images, on, outcome

from aerun.training.loop import NonFiniteError

pytestmark = pytest.mark.usefixtures("unpictured")

MODELS = options("model")
QUICK = [("simple", "zeros"), ("linear", "huge"), ("vae", "few")]


def _pairs(first, second):
    """Every pair; those that are not quick wait for test-all."""
    for one in first:
        for other in second:
            quick = (one, other) in QUICK
            yield (one, other) if quick else later(one, other)


@pytest.mark.parametrize(("model", "kind"), list(_pairs(MODELS, KINDS)))
def test_every_model_on_data_that_nobody_wishes_for(alone, capsys, model, kind):
    """All zeros, all the same, three examples, one pixel that varies, 1e-310, 1e38."""
    request = [f"model={model}", "trainer.batch_size=8", *on(kind, alone)]
    found = outcome(request, alone, capsys)
    if kind in ("zeros", "sevens", "bytes", "few", "lonely", "tiny", "huge"):
        assert found in ("right", "refused"), "scaled to [0, 1] they are like others"


@pytest.mark.parametrize(
    ("scale", "kind"), [later(s, k) for s in ("standard", "zca", "none") for k in KINDS]
)
def test_every_way_to_scale_them(alone, capsys, scale, kind):
    """Means and deviations of them too, and none at all."""
    request = ["model=linear", "model.code=2", f"dataset.scale={scale}"]
    outcome([*request, *on(kind, alone)], alone, capsys)


@pytest.mark.parametrize(
    ("model", "lr"),
    [("linear", 1e30), *(later(m, lr) for m in MODELS for lr in (1e3, 1e30, 1e300))],
)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_learning_rate_that_explodes(alone, capsys, model, lr, optimizer):
    """Stops with term, step and last finite value, or is right after all."""
    request = [f"model={model}", f"trainer.lr={lr}", f"trainer/optimizer={optimizer}"]
    found = outcome([*request, "dataset.limit=100"], alone, capsys)
    assert found in ("right", "stopped")


EXTREMES = [
    "model=vae regularizer.kl.weight=1e38",
    "model=vae regularizer.kl.weight=1e300",
    "model=vae regularizer.kl.free_bits=1e30",
    "model=vae model/prior=normal model.prior.std=1e-30",
    "model=vae model/prior=normal model.prior.std=1e30",
    "model=vae model/prior=mixture model.prior.std=1e-20",
    "model=vae model/prior=swiss_roll model.prior.radius=1e20",
    "model=sparse regularizer.kl_sparsity.rho=1e-45",
    "model=sparse regularizer.kl_sparsity.rho=0.99999999",
    "model=contractive regularizer.contractive.weight=1e30",
    "model=aae regularizer.adversarial_prior.rate=1e30",
    "model=adversarial regularizer.adversarial_input.eps=1e30",
    "model=gsn model.noise_std=1e30",
    "loss=gaussian loss.variance=1e-30 dataset.scale=standard model=linear",
    "loss=gaussian loss.variance=1e-45 model=linear",
    "loss=gaussian loss.variance=1e38 model=linear",
    "corruption=gaussian corruption.std=1e30",
    "corruption=masking corruption.probability=1",
    "corruption=salt_pepper corruption.corrupted_weight=1e38",
    "trainer.grad_clip=1e-30",
    "trainer.grad_clip=1e30 trainer.lr=1e10",
    "trainer.batch_size=1000000000",
    "trainer.batch_size=1 dataset.limit=30",
    "model=wta trainer.batch_size=1000000 dataset.limit=30",
    "trainer.ema=0.999999999",
    "trainer.precision=bfloat16 trainer.lr=1e3",
    "trainer.precision=float64 trainer.lr=1e200 model=linear",
    "trainer.optimizer.eps=1e-300",
    "trainer.optimizer.eps=1e30",
    "trainer.scheduler=exponential trainer.lr=1e-300",
    "dataset.limit=1",
    "dataset.limit=1 model=vae",
    "dataset.limit=1 model=sparse",
]


@pytest.mark.parametrize("words", [EXTREMES[0], *map(later, EXTREMES[1:])])
def test_options_at_their_ends(alone, capsys, words):
    """Each is allowed: then it must be right, or say what it came to."""
    limit = [] if "dataset.limit" in words else ["dataset.limit=100"]
    outcome([*words.split(), *limit], alone, capsys)


TABLES = {
    "large": lambda a: a * [1e30, 1.0, 1e-30],
    "beyond single precision": lambda a: a * [1e60, 1e90, 1.0],
    "beyond squares": lambda a: (a - 0.5) * [1e200, 1.0, 1.0],
    "beyond differences": lambda a: (a - 0.5) * [3.5e308, 1.0, 1.0],
    "constant columns": lambda a: a * [1.0, 0.0, 0.0] + [0.0, 0.1, 1e30],
    "all constant": lambda a: a * 0 + [0.1, 0.3, -7e5],
    "nearly constant": lambda a: a * [1e-16, 1e-12, 1.0] + [0.0, 1.0, 0.0],
    "denormal": lambda a: a * [1e-310, 1e-320, 1.0],
    "a large mean": lambda a: a * [1.0, 1e-3, 1.0] + [1e9, 1e9, -1e12],
}


@pytest.mark.parametrize("scale", ["unit", "standard", "zca", "none"])
@pytest.mark.parametrize(
    "kind", ["constant columns", *map(later, sorted({*TABLES} - {"constant columns"}))]
)
def test_columns_of_a_table(alone, capsys, kind, scale):
    """Their values lie where single precision ends, or do not vary."""
    rows = TABLES[kind](np.random.default_rng(0).random((60, 3)))
    np.savetxt(alone / "table.csv", rows, delimiter=",", fmt="%.17g")
    request = ["dataset=csv", "dataset.path=table.csv", f"dataset.scale={scale}"]
    outcome([*request, "model=linear", "model.code=2"], alone, capsys)


def test_a_column_that_does_not_vary_in_training_stays_in_its_unit(alone, capsys):
    """Its mean is rounded; the deviation that this leaves would make 0.1001 huge."""
    rows = np.random.default_rng(0).random((60, 2))
    rows[:, 1] = 0.1
    np.save(alone / "train.npy", rows)
    rows[:5, 1] += 1e-4
    np.save(alone / "test.npy", rows)
    request = ["dataset=array", "dataset.path=train.npy", "dataset.test_path=test.npy",
               "dataset.scale=standard", "model=linear", "model.code=1"]  # fmt: skip
    assert outcome(request, alone, capsys) == "right"
    metrics = json.loads((alone / "run/summary.json").read_text())["metrics"]
    assert metrics["mean/mse"] < 1.5


def test_what_is_not_finite_at_the_end_is_said(alone, capsys):
    """A test value so large that its square is none leaves a figure without number."""
    rows = np.random.default_rng(0).random((60, 2))
    np.save(alone / "train.npy", rows)
    rows[3] = 1e30
    np.save(alone / "test.npy", rows)
    request = ["dataset=array", "dataset.path=train.npy", "dataset.test_path=test.npy",
               "dataset.scale=standard", "model=linear", "model.code=1"]  # fmt: skip
    assert outcome(request, alone, capsys) == "right"
    summary = json.loads((alone / "run/summary.json").read_text())
    assert summary["metrics"]["test/mse"] is None
    (said,) = [each for each in summary["health"] if "test/mse" in each]
    assert said.startswith("Not finite: ")
    assert "dataset.scale" in said


def test_a_first_step_that_is_not_finite_does_not_blame_the_learning_rate(
    alone, capsys
):
    """Values that have no square in single precision are told from steps too long."""
    np.save(alone / "x.npy", images("huge")[:, 0])
    request = ["dataset=array", "dataset.path=x.npy", "dataset.scale=none"]
    assert outcome([*request, "model=linear"], alone, capsys) == "stopped"
    reason = json.loads((Path("run") / "summary.json").read_text())["reason"]
    assert "train/reconstruction became inf at step 1" in reason
    assert "dataset.scale=standard" in reason
    assert "trainer.lr" not in reason


def test_a_mean_squared_error_that_is_no_number_stops_a_run(recorder):
    """Absolute errors of 1e20 are finite; their squares in the same row are not."""
    run = recorder("model=linear", "loss=l1", "trainer.epochs=1", "trainer.lr=1e-9")
    torch.nn.init.constant_(run.objective.model.decoder.levels[0].bias, 1e20)
    with pytest.raises(NonFiniteError, match="val/mse became inf after epoch 1"):
        run.run(lambda: False)
    assert run.rows == []
