"""How a training behaves: it learns, repeats, stops, resumes, is not disturbed."""

import csv
import itertools

import pytest
import torch
from making import later, make

from aerun.evaluation.splits import evaluate
from aerun.training.events import EpochEnded, PictureDue, StepEnded
from aerun.training.state import capture, restore, weights_of

EVERYTHING = (
    "model=vae", "model.hidden=[24]", "model.code=5", "corruption=gaussian",
    "corruption.std={start: 0.1, end: 0.5, steps: 15}",
    "regularizer.kl.weight={start: 0, end: 1, steps: 20}",
    "trainer.scheduler=cosine", "trainer.ema=0.9", "trainer.grad_clip=5",
    "dataset.limit=300", "trainer.epochs=9", "trainer.patience=3",
    "trainer.checkpoint_every=1", "trainer.preview_every=0", "trainer.lr=0.01",
)  # fmt: skip


def _curve(built):
    return [e.means["loss"] for e in built.training if isinstance(e, EpochEnded)]


@pytest.mark.parametrize("model", ["simple", *map(later, ("stacked", "tied", "vae"))])
def test_a_model_overfits_eight_examples(model):
    """Given few examples and many steps the training error nearly vanishes."""
    extra = ["regularizer=none", "loss=mse"] if model == "vae" else []
    _, built = make(
        f"model={model}", "dataset.limit=8", "trainer.epochs=600",
        "trainer.batch_size=8", "trainer.lr=0.003", *extra,
    )  # fmt: skip
    curve = _curve(built)
    split = built.data.train
    knobs = built.training.knob_values()
    found = evaluate(built.objective, split, knobs, seed=0)
    assert found.mse < 0.004
    assert curve[-1] < curve[0] / 10


def test_the_same_config_gives_the_same_run_and_another_seed_another():
    """The curve depends on the seed, 0 included, and on nothing else."""
    request = ("model=vae", "trainer.epochs=2")
    first, second = _curve(make(*request)[1]), _curve(make(*request)[1])
    assert first == second
    assert _curve(make(*request, "seed=1")[1]) != first
    torch.manual_seed(99)  # the global generator plays no part
    assert _curve(make(*request, "seed=0")[1]) == first


def test_splits_do_not_move_with_the_seed():
    """Two seeds see the same test examples."""
    one, two = make("seed=1")[1].data.test, make("seed=2")[1].data.test
    assert torch.equal(one.stored, two.stored)


@pytest.mark.parametrize("stop_after", [1, 13, 20, *map(later, (2, 5, 14, 27))])
def test_a_run_stopped_after_any_step_continues_as_if_it_had_not(recorder, stop_after):
    """Rows, weights and best epoch equal the uninterrupted run's, bit for bit."""
    whole = recorder(*EVERYTHING, name="whole")
    assert whole.run(lambda: False)
    parts = recorder(*EVERYTHING, name="parts")
    training = parts.training
    assert not parts.run(lambda: training.position.step >= stop_after)
    resumed = recorder(*EVERYTHING, name="parts")
    assert resumed.resume()
    assert resumed.training.position.step == stop_after
    assert resumed.run(lambda: False)
    assert resumed.rows == whole.rows
    assert resumed.best == whole.best
    for name in ("metrics.csv", "checkpoints/last.safetensors",
                 "checkpoints/best.safetensors"):  # fmt: skip
        a, b = whole.directory.path / name, resumed.directory.path / name
        assert a.read_bytes() == b.read_bytes(), name


def test_rows_past_the_state_are_cut(recorder):
    """What was recorded after the last saved state is dropped and made again."""
    request = ("trainer.epochs=4", "trainer.checkpoint_every=2", "trainer.lr=0.01")
    whole = recorder(*request, name="whole")
    whole.run(lambda: False)
    run = recorder(*request, name="killed")

    class Killed(BaseException):
        pass

    def kill():
        if len(run.rows) == 3:
            raise Killed
        return False

    with pytest.raises(Killed):
        run.run(kill)
    table = run.directory.path / "metrics.csv"
    assert len(table.read_text().splitlines()) == 1 + 3
    again = recorder(*request, name="killed")
    again.resume()
    assert len(table.read_text().splitlines()) == 1 + 2
    again.run(lambda: False)
    assert table.read_bytes() == (whole.directory.path / "metrics.csv").read_bytes()


def test_drawing_and_evaluating_at_every_step_changes_nothing(recorder):
    """A run drawn at every step and one never drawn have the same metrics.csv."""
    request = [o for o in EVERYTHING if "preview" not in o] + ["trainer.epochs=2"]
    drawn = recorder(*request, "trainer.preview_every=1", name="drawn")
    plain = recorder(*request, "trainer.preview_every=0", name="plain")
    for run in (drawn, plain):
        run.run(lambda: False)
    pictures = list((drawn.directory.path / "reconstructions").iterdir())
    assert len([p for p in pictures if p.name.startswith("step_")]) == 10
    assert not (plain.directory.path / "reconstructions").exists()
    assert (drawn.directory.path / "metrics.csv").read_bytes() == (
        plain.directory.path / "metrics.csv"
    ).read_bytes()


def test_patience_stops_when_validation_no_longer_improves(recorder):
    """With a learning rate that ruins the model, training ends early."""
    run = recorder(
        "trainer.epochs=50", "trainer.patience=3", "trainer.lr=1.0",
        "trainer.preview_every=0",
    )  # fmt: skip
    run.run(lambda: False)
    assert run.best.epoch is not None
    assert len(run.rows) == run.best.epoch + 3 < 50


def test_a_run_that_stopped_early_stays_stopped_when_resumed(recorder):
    """Continuing it trains nothing more, as after a kill while drawing."""
    request = ("trainer.epochs=50", "trainer.patience=2", "trainer.lr=1.0",
               "trainer.preview_every=0")  # fmt: skip
    run = recorder(*request)
    run.run(lambda: False)
    again = recorder(*request)
    again.resume()
    again.run(lambda: False)
    assert again.rows == run.rows
    assert again.training.position == run.training.position


def test_best_is_chosen_only_once_the_schedules_have_ended(recorder):
    """Epochs under a growing weight are not compared; later ones at its final value."""
    run = recorder("model=vae", "regularizer.kl.weight={start: 0, end: 3, steps: 60}")
    position = run.training.position

    def judge(step, epoch, reconstruction, kl):
        position.phase_step = step
        row = {"val/reconstruction": reconstruction, "val/kl": kl, "epoch": epoch}
        run._judge(row)

    judge(59, 1, 1.0, 1.0)
    assert run.best.epoch is None
    judge(60, 2, 10.0, 2.0)
    assert (run.best.epoch, run.best.value) == (2, 16.0)
    judge(81, 3, 5.0, 4.0)
    assert (run.best.epoch, run.best.stale) == (2, 1)
    judge(102, 4, 14.0, 0.5)
    assert (run.best.epoch, run.best.value, run.best.stale) == (4, 15.5, 0)


@pytest.mark.parametrize("max_steps", [1, 20, 21, 22, 50])
def test_max_steps_ends_training_there_with_a_row(max_steps):
    """Also in the middle of an epoch; the cut epoch is averaged and reported."""
    _, built = make("trainer.epochs=5", f"trainer.max_steps={max_steps}")
    events = list(built.training)
    assert len([e for e in events if isinstance(e, StepEnded)]) == max_steps
    epochs = [e for e in events if isinstance(e, EpochEnded)]
    assert epochs[-1].step == max_steps
    assert len(epochs) == -(-max_steps // 21)


def test_an_epoch_sees_every_example_once_and_weighs_it_once():
    """The reported loss is the average over examples, the last short batch included."""
    _, built = make(
        "trainer.epochs=1", "trainer.lr=1e-30", "trainer.batch_size=100",
        "dataset.limit=250",
    )  # fmt: skip
    (event,) = [e for e in built.training if isinstance(e, EpochEnded)]
    assert event.num_samples == 250
    found = evaluate(built.objective, built.data.train, event.knobs, seed=0)
    assert event.means["loss"] == pytest.approx(found.terms["reconstruction"], rel=1e-6)


@pytest.mark.parametrize("scheduler", ["linear", "cosine", "exponential"])
def test_schedulers_lower_the_learning_rate_over_the_whole_training(scheduler):
    """It starts near lr and ends near its last factor, falling all the way."""
    _, built = make("trainer.epochs=8", f"trainer.scheduler={scheduler}")
    rates = [e.lr for e in built.training if isinstance(e, EpochEnded)]
    end = 0.01 if scheduler == "exponential" else 0.0
    assert all(b < a for a, b in itertools.pairwise(rates))
    assert rates[-1] == pytest.approx(0.002 * end, abs=0.002 * 0.015)


def test_every_row_adds_up_and_reads_back_exactly(recorder):
    """The loss is reconstruction + sum of weight * term, in train and validation."""
    run = recorder(*EVERYTHING)
    run.run(lambda: False)
    with open(run.directory.path / "metrics.csv") as file:
        rows = [{k: float(v) for k, v in r.items()} for r in csv.DictReader(file)]
    assert list(rows[0]) == [
        "epoch", "step", "train/loss", "train/reconstruction", "train/kl", "kl_weight",
        "val/loss", "val/reconstruction", "val/kl", "val/mse", "lr", "grad_norm",
    ]  # fmt: skip
    assert rows == [{k: float(v) for k, v in row.items()} for row in run.rows]
    for row in rows:
        for part in ("train", "val"):
            total = row[f"{part}/reconstruction"] + row["kl_weight"] * row[f"{part}/kl"]
            assert row[f"{part}/loss"] == pytest.approx(total, rel=1e-6)


def test_averaged_weights_are_the_running_average():
    """Averages are decay * average + (1 - decay) * weights after each step."""
    _, built = make("trainer.ema=0.9", "trainer.epochs=1", "trainer.max_steps=3")
    parameters = list(built.objective.parameters())
    expected = [p.detach().double().clone() for p in parameters]
    for event in built.training:
        if isinstance(event, StepEnded):
            expected = [
                0.9 * e + 0.1 * p.detach().double()
                for e, p in zip(expected, parameters, strict=True)
            ]
    for average, wanted in zip(built.training.averages, expected, strict=True):
        torch.testing.assert_close(average.double(), wanted, rtol=1e-5, atol=1e-7)


def test_extending_the_training_replans_its_schedules(recorder):
    """With more epochs the learning rate no longer ends at zero where it did."""
    request = ("trainer.scheduler=linear", "trainer.preview_every=0")
    short = recorder(*request, "trainer.epochs=2")
    short.run(lambda: False)
    longer = recorder(*request, "trainer.epochs=4")
    longer.resume()
    longer.run(lambda: False)
    assert [row["epoch"] for row in longer.rows] == [1, 2, 3, 4]
    assert longer.rows[1]["lr"] < 0.0001 < longer.rows[2]["lr"]


def test_the_state_holds_all_that_matters():
    """A fresh training given a captured state makes the same next steps."""
    request = ("model=vae", "trainer.epochs=2")
    _, first = make(*request)
    steps = iter(first.training)
    for event in steps:
        if isinstance(event, StepEnded) and event.step == 9:
            break
    tensors, values = capture(first.training)
    tensors = {k: v.clone() for k, v in tensors.items()}
    rest = [e for e in steps if isinstance(e, EpochEnded)]
    _, second = make(*request, "seed=5")  # everything must come from the state
    restore(second.training, tensors, values)
    again = [e for e in second.training if isinstance(e, EpochEnded)]
    assert again == rest
    for a, b in zip(
        weights_of(first.objective).values(),
        weights_of(second.objective).values(),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_a_state_of_another_model_is_refused():
    """Weights that do not fit name what differs."""
    tensors, values = capture(make("model=simple")[1].training)
    with pytest.raises(ValueError, match="do not fit the model"):
        restore(make("model=linear")[1].training, tensors, values)


def test_about_ten_pictures_are_due_in_a_run():
    """However many epochs there are."""
    for epochs, expected in ((3, 3), (10, 10), (95, 11)):
        _, built = make(f"trainer.epochs={epochs}", "dataset.limit=20")
        due = [e.name for e in built.training if isinstance(e, PictureDue)]
        assert len(due) == expected
        assert due[0] == "epoch_0001"
