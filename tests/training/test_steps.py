"""One optimizer step against torch.optim, and what surrounds it."""

import pytest
import torch
from making import make

from aerun import compiling
from aerun.training.events import StepEnded
from aerun.training.optimizers import SGD, Adam
from aerun.training.step import Step

ADAM = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-7}
PAIRS = [
    (
        Adam(decoupled_decay=0.0, **ADAM),
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-7),
    ),
    (
        Adam(decoupled_decay=0.1, **ADAM),
        lambda p: torch.optim.AdamW(
            p, lr=0.01, betas=(0.8, 0.95), eps=1e-7, weight_decay=0.1
        ),
    ),
    (SGD(momentum=0.0, nesterov=False), lambda p: torch.optim.SGD(p, lr=0.01)),
    (
        SGD(momentum=0.9, nesterov=False),
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    ),
    (
        SGD(momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_optimizers_equal_torch_optim(ours, theirs, dtype):
    """Twenty steps on the same gradients give the same parameters."""
    generator = torch.Generator().manual_seed(0)
    mine = [
        torch.randn(5, 3, generator=generator, dtype=dtype),
        torch.ones(4).to(dtype),
    ]
    reference = [p.clone().requires_grad_() for p in mine]
    optimizer, state = theirs(reference), ours.start(mine)
    for _ in range(20):
        gradients = [torch.randn(p.shape, generator=generator).to(dtype) for p in mine]
        for parameter, gradient in zip(reference, gradients, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
        ours.update(mine, gradients, state, 0.01)
    tolerance = 1e-6 if dtype == torch.float32 else 1e-13
    for parameter, expected in zip(mine, reference, strict=True):
        torch.testing.assert_close(
            parameter, expected.detach(), rtol=tolerance, atol=tolerance
        )


def test_gradients_reach_the_optimizer_contiguous():
    """The fused kernels ignore strides: a transposed gradient would train wrongly."""
    _, built = make("model=tied")
    step = built.training.steps[0]
    x = built.data.train.gather(slice(6))
    _, gradients = step.gradients(x, {}, [])
    assert all(gradient.is_contiguous() for gradient in gradients)


def test_clipping_scales_the_whole_gradient():
    """A gradient longer than grad_clip is used at that length; its own is reported."""
    _, built = make("model=linear")
    step = Step(built.objective, built.training.steps[0].update, grad_clip=0.5)
    gradients = [torch.full_like(p, 2.0) for p in step.parameters]
    length = torch.stack([g.norm() for g in gradients]).norm()
    clipped = [g.clone() for g in gradients]
    norm = step.apply(clipped, 0.0)
    torch.testing.assert_close(norm, length)
    after = torch.stack([g.norm() for g in clipped]).norm()
    torch.testing.assert_close(after, torch.tensor(0.5), rtol=1e-4, atol=0)


def test_bfloat16_trains_float32_weights_to_the_same_loss(recorder):
    """Mixed precision keeps the weights in float32 and ends within 1 %."""
    ends = []
    for precision in ("float32", "bfloat16"):
        run = recorder(
            "model=vae", "model.hidden=[32]", "model.code=4", "dataset.limit=500",
            "trainer.epochs=8", "trainer.preview_every=0",
            f"trainer.precision={precision}", name=precision,
        )  # fmt: skip
        run.run(lambda: False)
        ends.append(run.rows[-1]["val/loss"])
        weights = run.objective.parameters()
        assert {p.dtype for p in weights} == {torch.float32}
        assert run.rows[-1]["val/loss"] < run.rows[0]["val/loss"]
    assert ends[1] == pytest.approx(ends[0], rel=0.01)
    assert ends[1] != ends[0]


def test_the_ragged_batch_at_the_end_is_not_compiled_for(monkeypatch):
    """One shape is compiled; another one would be, for seconds, for a step an epoch."""
    sizes = []

    def compiled(objective, **options):
        assert options == {"dynamic": False}
        return lambda x, *inputs: sizes.append(len(x)) or objective(x, *inputs)

    monkeypatch.setattr(torch, "compile", compiled)
    _, built = make("trainer.compile=true", "trainer.epochs=1", "dataset.limit=200")
    steps = sum(isinstance(event, StepEnded) for event in built.training)
    assert len(built.data.train) % 64 > 0
    assert sizes == [64] * (steps - 1)


def test_on_a_gpu_compiled_steps_are_graphs_of_their_own(monkeypatch):
    """Each call begins one, so that what an earlier one gave may be overwritten."""
    told = []
    monkeypatch.setattr(
        torch, "compile", lambda call, **options: told.append(options) or call
    )
    begin = "cudagraph_mark_step_begin"
    monkeypatch.setattr(torch.compiler, begin, lambda: told.append("begins"))
    double = compiling.compiled(lambda x: 2 * x, "cuda")
    assert told == [{"dynamic": False, "mode": "reduce-overhead"}]
    assert [double(3), double(4)] == [6, 8]
    assert told[1:] == ["begins", "begins"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compiling_changes_only_rounding():
    """The compiled objective gives the eager one's losses, noise included."""
    curves = []
    for compiled in ("false", "true"):
        _, built = make(
            "model=vae", "trainer.epochs=1", "trainer.max_steps=5",
            f"trainer.compile={compiled}", "corruption=gaussian",
        )  # fmt: skip
        curves.append([e.means["loss"] for e in built.training if hasattr(e, "means")])
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)
