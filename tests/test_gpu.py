"""The same promises on a CUDA GPU, where there is one."""

import fusing
import pytest
import torch
from making import make
from torch import nn

import aerun
from aerun.data import splits
from aerun.models.classifier import Classifier
from aerun.training.finetuning import Inputs, Recipe, fit

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_a_run_trains_evaluates_and_draws_on_a_gpu(tmp_path, precision):
    """Every part of a run works there, and loading gives a model on the CPU."""
    run = aerun.run(
        ["model=vae", "device=cuda", "corruption=gaussian", "trainer.epochs=3",
         "trainer.ema=0.9", f"trainer.precision={precision}",
         f"hydra.run.dir={tmp_path / 'run'}"]
    )  # fmt: skip
    assert run.summary["status"] == "completed"
    assert run.summary["device"] == "cuda"
    assert run.load().sample(2).shape == (2, 1, 8, 8)


def test_a_run_stopped_on_a_gpu_continues_there(recorder):
    """Generators and optimizer come back to the device."""
    request = ("model=vae", "device=cuda", "trainer.epochs=3")
    whole = recorder(*request, name="whole")
    whole.run(lambda: False)
    parts = recorder(*request, name="parts")
    parts.run(lambda: parts.training.position.step >= 25)
    again = recorder(*request, name="parts")
    again.resume()
    again.run(lambda: False)
    for row, expected in zip(again.rows, whole.rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-4)


def test_images_beyond_its_memory_are_sent_batch_by_batch(monkeypatch):
    """In the same order and to the same bits as those that lie there."""
    weights = []
    for held in (True, False):
        monkeypatch.setattr(splits, "_is_held", lambda stored, device, h=held: h)
        _, built = make("device=cuda", "trainer.epochs=2")
        assert built.training.phase.split.is_streamed == (not held)
        for _ in built.training:
            pass
        weights.append(built.objective.state_dict())
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name])


@pytest.mark.parametrize("model", ["vae", "aae"])
def test_compiled_steps_give_the_losses_of_plain_ones(model):
    """Captured as graphs, which are replayed; with a second update too."""
    curves = []
    for compiles in ("false", "true"):
        _, built = make(
            f"model={model}", "device=cuda", "trainer.epochs=2",
            f"trainer.compile={compiles}",
        )  # fmt: skip
        curves.append([e.means["loss"] for e in built.training if hasattr(e, "means")])
    assert curves[1] == pytest.approx(curves[0], rel=1e-3)


def test_jobs_trained_as_one_have_the_weights_that_they_have_alone():
    """Stacks, noise and optimizers are the device's own."""
    pytest.importorskip("greenlet")
    request = ("model=k_sparse", "device=cuda", "trainer.precision=float64")
    alone, together = fusing.built(*request), fusing.built(*request)
    fusing.trained_alone(alone)
    fusing.trained_together(together)
    assert fusing.furthest(together, alone) < 1e-9


def test_the_same_seed_gives_nearly_the_same_losses_as_itself():
    """Two trainings on one device agree."""
    curves = []
    for _ in range(2):
        _, built = make("device=cuda", "trainer.epochs=2")
        curves.append([e.means["loss"] for e in built.training if hasattr(e, "means")])
    assert curves[0] == pytest.approx(curves[1], rel=1e-5)


class _Dropping(nn.Module):
    """Drops units while it is trained."""

    def __init__(self):
        super().__init__()
        self.down = nn.Linear(64, 30)

    def encode(self, x):
        return nn.functional.dropout(self.down(x.flatten(1)), training=self.training)


def test_noise_of_a_classifier_is_drawn_from_the_seed():
    """Dropout of a user's own layers repeats; the device's generator is left alone."""
    data = make("device=cuda")[1].data
    own, heads = _Dropping().to(data.train.device).eval(), []
    recipe = Recipe(steps=5, stop_below=0, batch_size=20, lr=1e-2, weight_decay=0)
    for seed in (0, 0, 1):
        net = Classifier(own, data.train.gather(slice(1)), 10, freeze="none")
        inputs = Inputs(net, data.train, torch.arange(60))
        torch.rand(seed + 1, device=data.train.device)
        before = torch.cuda.get_rng_state()
        fit(net, inputs, data.train.labels[:60], recipe, seed=seed, advance=int)
        assert torch.equal(torch.cuda.get_rng_state(), before)
        heads.append(net.head.weight)
    torch.testing.assert_close(heads[0], heads[1])
    assert not torch.allclose(heads[0], heads[2])
