"""Training layer by layer: what moves, what stays, and that both ways agree."""

import csv

import pytest
import torch
from continuing import whole_and_continued
from making import make

from aerun.training.events import EpochEnded, PhaseEnded, StepEnded
from aerun.training.state import snapshot, weights_of

STACK = ("model=stacked", "trainer.epochs=2", "dataset.limit=200")


def _train(*overrides):
    """The objective after training, and the weights at the end of each phase."""
    _, built = make(*STACK, *overrides)
    ends = {}
    for event in built.training:
        if isinstance(event, PhaseEnded):
            ends[event.phase] = snapshot(built.objective)
    return built, ends


@pytest.mark.parametrize("trainer", ["greedy", "phased"])
@pytest.mark.parametrize("tied", ["false", "true"])
def test_lower_levels_are_frozen(trainer, tied):
    """In the second phase the first level keeps every bit, the second one moves."""
    _, ends = _train(f"trainer={trainer}", f"model.tied={tied}")
    assert list(ends) == ["level_1", "level_2"]
    for name, tensor in ends["level_2"].items():
        same = torch.equal(tensor, ends["level_1"][name])
        assert same == ("levels.0." in name), name


@pytest.mark.parametrize(
    "more",
    [(), ("corruption=masking",), ("corruption=gaussian", "model.tied=true"),
     ("model=conv", "trainer.finetune_epochs=1")],
)  # fmt: skip
def test_both_ways_agree(more):
    """Greedy and phased make the same steps on the same codes with the same noise."""
    one, _ = _train("trainer=greedy", *more)
    other, _ = _train("trainer=phased", *more)
    theirs = weights_of(other.objective)
    for name, tensor in weights_of(one.objective).items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-4, atol=1e-5)


def test_finetuning_moves_all_levels():
    """After the levels one phase trains the whole stack."""
    _, ends = _train("trainer=phased", "trainer.finetune_epochs=1")
    assert list(ends) == ["level_1", "level_2", "finetune"]
    for name, tensor in ends["finetune"].items():
        assert not torch.equal(tensor, ends["level_2"][name]), name


@pytest.mark.parametrize("trainer", ["greedy", "phased"])
@pytest.mark.parametrize("stop", [1, 7, 9, 13])
def test_interrupted_in_any_level_it_continues_bit_for_bit(trainer, stop):
    """A fresh training, restored after some step, ends with the same weights."""
    request = (*STACK, f"trainer={trainer}", "trainer.finetune_epochs=1",
               "corruption=gaussian", "trainer.ema=0.9")  # fmt: skip
    whole, fresh = whole_and_continued(request, stop)
    theirs = weights_of(fresh.objective)
    for name, tensor in weights_of(whole.objective).items():
        assert torch.equal(tensor, theirs[name]), name


def test_a_run_tells_its_phases_apart(recorder):
    """Rows name their phase, epochs go on counting, pictures do not overwrite."""
    run = recorder(*STACK, "trainer=greedy")
    assert run.run(lambda: False)
    assert [row["phase"] for row in run.rows] == ["level_1"] * 2 + ["level_2"] * 2
    assert [row["epoch"] for row in run.rows] == [1, 2, 3, 4]
    names = [path.stem for path in run.directory.path.glob("reconstructions/*.png")]
    assert len([name for name in names if name.startswith("level_1")]) == 2
    assert len([name for name in names if name.startswith("level_2")]) == 2


def test_the_events_of_each_phase_count_their_own_epochs():
    """A consumer learns which phase an epoch belongs to, and which phase is last."""
    _, built = make(*STACK, "trainer=greedy")
    events = list(built.training)
    epochs = [(e.phase, e.epoch) for e in events if isinstance(e, EpochEnded)]
    assert epochs == [("level_1", 1), ("level_1", 2), ("level_2", 1), ("level_2", 2)]
    assert [e.last for e in events if isinstance(e, PhaseEnded)] == [False, True]


@pytest.mark.parametrize("trainer", ["greedy", "phased"])
def test_a_smoke_run_reaches_every_phase(trainer, recorder):
    """The limit of steps is each phase's own: of all two epochs, the second one cut."""
    run = recorder(
        "model=stacked", f"trainer={trainer}", "experiment=smoke",
        "trainer.finetune_epochs=2",
    )  # fmt: skip
    assert run.run(lambda: False)
    with open(run.directory.path / "metrics.csv") as file:
        rows = [(row["phase"], int(row["step"])) for row in csv.DictReader(file)]
    phases = ["level_1", "level_2", "finetune"]
    assert rows == [
        (phase, 6 * i + step) for i, phase in enumerate(phases) for step in (4, 6)
    ]


@pytest.mark.parametrize("max_steps", [1, 4, 5, 100])
def test_max_steps_counts_within_a_phase(max_steps):
    """Each level makes so many steps, or as many as its epochs have."""
    _, built = make(*STACK, "trainer=greedy", f"trainer.max_steps={max_steps}")
    steps, ends = 0, []
    for event in built.training:
        steps += isinstance(event, StepEnded)
        if isinstance(event, PhaseEnded):
            ends.append((event.phase, steps))
    each = min(max_steps, 8)
    assert ends == [("level_1", each), ("level_2", 2 * each)]
