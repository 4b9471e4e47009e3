"""What keeps a training from ending wrongly: cut epochs, NaN, forgotten parameters."""

import pytest
import torch
from making import make

from aerun import losses
from aerun.build import build, load_data
from aerun.draws import Draws
from aerun.errors import PartError
from aerun.objective import Objective
from aerun.schedules import Knobs
from aerun.training.events import PictureDue, StepEnded
from aerun.training.loop import NonFiniteError, Training
from aerun.training.phases import default
from aerun.training.state import capture, restore, weights_of
from aerun.training.step import Step


def test_a_non_finite_loss_stops_the_run_and_names_its_cause(recorder):
    """The message has term, step and last finite value; good weights stay on disk."""
    run = recorder("trainer.epochs=3", "model=linear", "trainer.preview_every=0")
    steps = iter(run.training)
    for event in steps:
        if isinstance(event, StepEnded) and event.step == 30:
            break
    with torch.no_grad():
        run.objective.model.encoder.levels[0].weight[0, 0] = float("inf")
    run.best_weights = {k: v.clone() for k, v in weights_of(run.objective).items()}
    with pytest.raises(NonFiniteError, match=r"train/reconstruction .* at step 31 \("):
        for _ in steps:
            pass


def test_diverging_training_keeps_the_last_good_checkpoint(recorder):
    """Weights on disk are those of the best epoch before the loss exploded."""
    run = recorder(
        "trainer.epochs=20", "model=linear", "trainer.preview_every=0",
        "trainer.optimizer=sgd", "trainer.lr=0.0001",
    )  # fmt: skip

    def poison():
        if run.training.position.epoch == 2:
            run.training.options.scheduler.factor = lambda share: 1e30
        return False

    with pytest.raises(NonFiniteError, match="one step before"):
        run.run(poison)
    weights = run.directory.load_weights("best")
    assert all(torch.isfinite(w).all() for w in weights.values())


def test_a_run_stopped_between_its_last_step_and_its_row_still_writes_the_row(recorder):
    """Under max_steps the cut epoch is reported, wherever the interruption fell."""
    request = ("trainer.epochs=5", "trainer.max_steps=30", "trainer.preview_every=0")
    whole = recorder(*request, name="whole")
    whole.run(lambda: False)
    parts = recorder(*request, name="parts")
    training = parts.training
    parts.run(lambda: training.position.step == 30)
    again = recorder(*request, name="parts")
    again.resume()
    again.run(lambda: False)
    assert again.rows == whole.rows
    assert len(whole.rows) == 2


def test_a_validation_loss_that_is_not_finite_stops_the_run(recorder):
    """Weights that ruin validation alone are found too, and never become the best."""
    run = recorder("trainer.epochs=3", "trainer.max_steps=1", "trainer.lr=1e30",
                   "model=linear", "trainer.preview_every=0")  # fmt: skip
    with pytest.raises(NonFiniteError, match="val/reconstruction became"):
        run.run(lambda: False)
    assert run.best.epoch is None


def test_averaged_weights_start_from_the_weights_that_training_starts_from():
    """With init_from the average does not remember the drawn weights."""
    _, first = make("seed=1")
    start = {k: v.clone() for k, v in weights_of(first.objective).items()}
    config = {**make("trainer.ema=0.99")[0]}
    built = build(config, load_data(config), start=start)
    for average, weight in zip(built.training.averages, start.values(), strict=True):
        assert torch.equal(average, weight)


def test_a_parameter_that_changes_nothing_is_named():
    """A part's forgotten parameter is a clear error."""
    _, built = make("trainer.max_steps=1")
    built.objective.model.forgotten = torch.nn.Parameter(torch.zeros(2))
    options = built.training.options
    (phase,) = default(built.objective, built.data.train, options)
    step = Step(built.objective, phase.updates[0])
    with pytest.raises(PartError, match=r"model\.forgotten: .* takes no part"):
        step.gradients(built.data.train.gather(slice(4)), {}, [])


def test_preview_every_replaces_the_pictures_at_ends_of_epochs():
    """Only the steps asked for are drawn."""
    _, built = make("trainer.epochs=3", "trainer.preview_every=20")
    due = [e.name for e in built.training if isinstance(e, PictureDue)]
    assert due == ["step_000020", "step_000040", "step_000060"]


def test_mixed_precision_leaves_losses_and_terms_in_full_precision():
    """Only the model computes in bfloat16, and only in training."""
    _, built = make("model=vae", "+regularizer=[l1]", "trainer.precision=bfloat16")
    x = built.data.train.gather(slice(8))
    knobs = {k: torch.tensor(v) for k, v in built.training.knob_values().items()}
    noise = [torch.randn(8, 16)]
    terms, out = built.objective.train().terms(x, knobs, Draws(noise))
    assert {t.dtype for t in terms.values()} == {torch.float32}
    assert out.recon.dtype == out.posterior.mean.dtype == torch.float32
    exact, _ = built.objective.eval().terms(x, knobs, Draws(noise))
    difference = (terms["reconstruction"] - exact["reconstruction"]).abs().max()
    assert 0 < difference < 0.5


def test_a_later_phase_is_made_from_restored_weights():
    """On resume, the weights of the whole are there before the next phase begins."""
    _, built = make("trainer.epochs=1", "trainer.max_steps=60")
    options, objective = built.training.options, built.objective
    seen = []

    def two_phases():
        yield from default(objective, built.data.train, options)
        seen.append(float(next(objective.parameters()).detach().norm()))
        wrapped = Objective(
            model=objective.model, loss=losses.mse, reduction="sum", regularizers={}
        )
        yield from default(wrapped, built.data.train, options)

    def training():
        return Training(
            two_phases, options, root=objective, knobs=Knobs({}), seed=0,
            device=torch.device("cpu"), dtype=torch.float32,
        )  # fmt: skip

    first = training()
    for event in first:
        if isinstance(event, StepEnded) and event.step == 25:
            break
    assert first.position.phase == 1
    tensors, values = capture(first)
    tensors = {k: v.clone() for k, v in tensors.items()}
    with torch.no_grad():
        for parameter in objective.parameters():
            parameter.zero_()
    second = training()
    restore(second, tensors, values)
    assert seen[1] > 0
    assert second.position == first.position
