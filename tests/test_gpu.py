"""The same promises on a CUDA GPU, where there is one."""

import pytest
import torch
from making import make

import aerun

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


def test_the_same_seed_gives_nearly_the_same_losses_as_itself():
    """Two trainings on one device agree."""
    curves = []
    for _ in range(2):
        _, built = make("device=cuda", "trainer.epochs=2")
        curves.append([e.means["loss"] for e in built.training if hasattr(e, "means")])
    assert curves[0] == pytest.approx(curves[1], rel=1e-5)
