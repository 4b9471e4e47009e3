"""Jobs trained as one model: each has the numbers that it has alone."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from fusing import (
    built,
    furthest,
    the_same,
    trained_alone,
    trained_together,
)
from making import later, make, options
from torch import Tensor, nn

from aerun.draws import draw
from aerun.logs import gathered
from aerun.settling import threads
from aerun.sweeps.together import together
from aerun.tasks.recorder import Recorder
from aerun.training.events import StepEnded
from aerun.training.group import Group
from aerun.training.state import capture, restore
from aerun.training.step import Asked, taken_elsewhere

pytest.importorskip("greenlet", reason="needs pip install 'aerun[fused]'")

SMALL = ("model=simple", "model.hidden=[8]")
DOUBLE = "trainer.precision=float64"
AT_ONCE = ("simple", "k_sparse", "contractive_denoising")
MORE = {
    "greedy": ("model=simple", "trainer=greedy", "trainer.finetune_epochs=1"),
    "phased": ("model=simple", "trainer=phased"),
    "averaged": ("model=simple", "trainer.ema=0.9", "trainer.grad_clip=0.5"),
    "sgd": ("model=stacked", "trainer/optimizer=sgd", "trainer.scheduler=cosine"),
    "schedule": (
        "model=k_sparse",
        "model.bottleneck.k={start: 90, end: 20, steps: 2}",
    ),
    "exact": ("model=simple", "regularizer=[contractive]"),
    "estimated": ("model=vae", "model.code=80", "regularizer=[contractive]"),
    "remembering": ("model=sparse", "regularizer.kl_sparsity.momentum=0.9"),
    "drawn": ("model=vae", "dataset.binarize=dynamic"),
    "variance": ("model=simple", "loss=gaussian", "loss.learned=true"),
    "mixture": ("model=aae", "model/prior=mixture"),
    "tied_conv": ("model=conv", "model.tied=true"),
}
CASES = [
    *((f"model={model}",) for model in AT_ONCE),
    *(later((f"model={m}",)) for m in options("model") if m not in AT_ONCE),
    *(later(request) for request in MORE.values()),
]


@pytest.mark.parametrize("request_", CASES, ids=str)
def test_together_is_alone(request_: tuple[str, ...]) -> None:
    """After an epoch in float64, weights and buffers differ by 1e-9 at most."""
    alone, fused = built(*request_, DOUBLE), built(*request_, DOUBLE)
    trained_alone(alone)
    trained_together(fused)
    assert furthest(alone, fused) < 1e-9
    assert not the_same(alone[:1], fused[1:2]), "jobs of other seeds are others"


@pytest.mark.parametrize(
    "request_",
    [("model=aae", "model.hidden=[8]", "regularizer.adversarial_prior.hidden=[8]",
      "trainer.batch_size=7"),
     *(later((f"model={m}",)) for m in options("model") if "conv" not in m)],
    ids=str,
)  # fmt: skip
def test_numbers_do_not_depend_on_who_else_is_there(request_: tuple[str, ...]) -> None:
    """One, two or five jobs: the same bits, also of batches that are small."""
    five = built(*request_, number=5)
    trained_together(five)
    for number in (1, 2):
        few = built(*request_, number=number)
        trained_together(few)
        assert the_same(few, five)


def test_levels_of_one_size_are_not_taken_for_one_another() -> None:
    """Jobs that stand in different phases: the last level has its own activation."""
    wide = ("model=stacked", "model.hidden=[16,16]", "model.code=16", DOUBLE)
    request = (*wide, "model.code_activation=sigmoid", "trainer=greedy")
    trained = []
    for train in (trained_alone, trained_together):
        jobs = [make(*request, f"trainer.epochs={n}", "dataset.limit=150")[1]
                for n in (1, 2)]  # fmt: skip
        train(jobs)
        trained.append(jobs)
    assert furthest(*trained) < 1e-9


def test_in_float32_the_difference_is_that_of_rounding() -> None:
    """Of a small dense net, after an epoch."""
    alone, fused = built(*SMALL), built(*SMALL)
    trained_alone(alone)
    trained_together(fused)
    assert furthest(alone, fused) < 1e-5


def test_gradients_of_a_group_are_rows_that_kernels_can_walk_through() -> None:
    """Mapped layers give transposed gradients, and fused optimizers ignore strides."""
    asked = [_asked(job) for job in built(*SMALL)]
    for found in Group()(asked):
        assert found is not None
        assert all(gradient.is_contiguous() for gradient in found[1])


def _asked(job: Any) -> Asked:
    training = job.training
    (step,) = training.steps
    x = job.data.train.gather(slice(6))
    knobs = training.knobs.tensors(0, 9, device=x.device, dtype=x.dtype)
    noise = draw(step.requests(x, knobs), training.generator, x.dtype)
    return Asked(step, x, knobs, noise)


def test_jobs_leave_when_their_training_ends() -> None:
    """One after one epoch, one early, one in the middle of an epoch: each as alone."""
    requests = [
        ("trainer.epochs=1",),
        ("trainer.epochs=4",),
        ("trainer.epochs=4", "trainer.max_steps=7"),
    ]
    trained = []
    for train in (trained_alone, trained_together):
        jobs = [make(*SMALL, DOUBLE, "dataset.limit=150", *r)[1] for r in requests]
        train(jobs)
        trained.append(jobs)
    assert [job.training.position.step for job in trained[1]] == [3, 12, 7]
    assert furthest(*trained) < 1e-12


def test_jobs_that_were_broken_off_go_on_together() -> None:
    """At different steps: the same as if nothing had happened, up to rounding."""
    long = (DOUBLE, "trainer.epochs=3", "model=vae", "model.hidden=[8]")
    whole, fresh = built(*long), built(*long)
    trained_together(whole)
    for job, stop in zip(built(*long), (2, 4, 5), strict=True):
        for event in job.training:
            if isinstance(event, StepEnded) and event.step == stop:
                break
        tensors, values = capture(job.training)
        other = fresh[(2, 4, 5).index(stop)].training
        restore(other, {name: t.clone() for name, t in tensors.items()}, values)
    trained_together(fresh)
    assert furthest(whole, fresh) < 1e-9


class _Tossing(nn.Module):
    """Draws by itself, which a mapped loss must not."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.5)


def test_what_cannot_be_mapped_goes_on_alone() -> None:
    """It is said once, with the reason; buffers are as if it had not been tried."""
    fused = built("model=wta", DOUBLE)
    for job in fused:
        job.objective.model.output_activation = _Tossing()
    with gathered(logging.INFO) as lines:
        trained_together(fused)
    (said,) = [text for level, text in lines if level == logging.WARNING]
    assert "3 jobs cannot be trained as one, and go on each by itself" in said
    assert "randomness" in said
    numbers = [job.objective.model.bottleneck.threshold.number for job in fused]
    assert numbers == [3, 3, 3], "each batch was seen once"


def test_a_job_that_fails_leaves_the_others(
    recorder: Callable[..., Recorder], unpictured: None
) -> None:
    """Its error is its own; the others end as they would have."""
    both = [
        recorder(*SMALL, "trainer.epochs=2", "dataset.limit=150", rate, name=rate)
        for rate in ("trainer.lr=1e30", "trainer.lr=0.01")
    ]

    def run(one: Recorder) -> Any:
        try:
            return one.run(lambda: False)
        except ArithmeticError as error:
            return str(error)

    failed, completed = together([partial(run, one) for one in both])
    assert "lower trainer.lr" in str(failed)
    assert completed is True
    assert both[1].training.position.step == 6


def test_jobs_of_a_group_draw_pictures_at_the_end_only(
    recorder: Callable[..., Recorder],
) -> None:
    """The automatic choice of trainer.preview_every is none for them."""
    small = (*SMALL, "trainer.epochs=2", "dataset.limit=50")
    automatic, asked_for = (
        recorder(*small),
        recorder(*small, "trainer.preview_every=1", name="asked_for"),
    )
    together([partial(one.run, lambda: False) for one in (automatic, asked_for)])
    assert not (automatic.directory.path / "reconstructions").exists()
    pictures = list((asked_for.directory.path / "reconstructions").iterdir())
    assert len(pictures) == 2
    assert taken_elsewhere.get() is None


def test_a_job_that_ends_leaves_the_others_their_threads() -> None:
    """It puts back the number that it found; whoever called has that at the end."""
    seen = []

    def run(epochs: int) -> None:
        _, job = make(*SMALL, "dataset.limit=50", f"trainer.epochs={epochs}")
        with threads(1):
            for event in job.training:
                if isinstance(event, StepEnded):
                    seen.append(torch.get_num_threads())

    with threads(3):
        together([partial(run, 1), partial(run, 3)])
        assert torch.get_num_threads() == 3
    assert seen == [1] * 4


def test_a_signal_stops_all(recorder: Callable[..., Recorder], tmp_path: Path) -> None:
    """Each saves its state after its step; what has not begun does not."""
    import os
    import signal

    from aerun.tasks.interruption import stop_signals

    begun = []

    def run(number: int) -> bool:
        name = f"job_{number}"
        one = recorder(*SMALL, "trainer.epochs=9", "dataset.limit=150", name=name)
        begun.append(one)
        with stop_signals() as wish:
            if number == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return one.run(lambda: wish.signum is not None)

    assert together([partial(run, number) for number in range(3)]) == [
        False,
        False,
        None,
    ]
    assert [one.directory.has_state() for one in begun] == [True, True]
    steps = [one.training.position.step for one in begun]
    assert steps == [1, 0]
