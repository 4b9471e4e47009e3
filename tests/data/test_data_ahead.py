"""Batches gathered ahead: the same ones, in turn, and nothing left when it ends."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from making import compose
from torch import Tensor

from aerun.build import build, load_data
from aerun.data.ahead import in_turn
from aerun.data.mapped import Mapped
from aerun.data.splits import Split
from aerun.errors import DataError
from aerun.resolving import resolve
from aerun.training.loop import Training
from aerun.training.state import capture, restore
from aerun.training.step import taken_elsewhere

WAIT = 20  # seconds, for what happens at once


class Noting:
    """Examples 0, 1, 2 ... that tell who gathers what, and when."""

    device, labels, shape, is_streamed = torch.device("cpu"), None, (), True

    def __init__(self) -> None:
        self.gathered: list[list[int]] = []
        self.threads: set[str] = set()
        self.second = threading.Event()

    def __len__(self) -> int:
        return 10

    def gather(self, indices: Tensor | slice) -> Tensor:
        assert isinstance(indices, Tensor)
        self.threads.add(threading.current_thread().name)
        self.gathered.append(indices.tolist())
        if len(self.gathered) == 2:
            self.second.set()
        return indices.float()


def living() -> list[str]:
    """Threads that gather."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("aerun-batches")]


@pytest.mark.parametrize("ahead", [True, False])
def test_every_batch_comes_in_its_turn(ahead: bool) -> None:
    """The last smaller; by a thread of its own only where that is allowed."""
    split = Noting()
    order = torch.tensor([3, 1, 4, 0, 5, 9, 2])
    found = [x.tolist() for x in in_turn(split, order, 3, ahead=ahead)]
    assert found == [[3, 1, 4], [0, 5, 9], [2]]
    assert (split.threads == {"MainThread"}) == (not ahead)
    assert living() == []


def test_the_next_batch_is_made_while_the_first_is_used() -> None:
    """And no more than that one."""
    split = Noting()
    batches = in_turn(split, torch.arange(10), 2)
    assert next(batches).tolist() == [0, 1]
    assert split.second.wait(WAIT)
    assert split.gathered == [[0, 1], [2, 3]]
    batches.close()
    assert split.gathered == [[0, 1], [2, 3]]
    assert living() == []


def test_what_goes_wrong_is_raised_where_the_batch_is_taken(tmp_path: Path) -> None:
    """A file that lost examples meanwhile is named, by the thread that trains."""
    data = load_data(compose("dataset=digits"))
    split = _in_file(data.train, tmp_path / "x")
    batches = in_turn(split, torch.arange(len(split)), 32)
    next(batches)
    with open(tmp_path / "x", "r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match="became shorter"):
        list(batches)
    assert living() == []


def _in_file(split: Split, path: Path) -> Split:
    assert isinstance(split.stored, Tensor)
    x = split.stored.numpy()
    path.write_bytes(np.ascontiguousarray(x).tobytes())
    mapped = Mapped(path, shape=x.shape, dtype=x.dtype)
    return Split(mapped, split.labels, spec=split.spec, index=split.index)


def _training(in_file: Path | None) -> Training:
    config = compose("model=vae", "trainer.epochs=2", "trainer.batch_size=100")
    data = load_data(config)
    if in_file is not None:
        data = replace(data, train=_in_file(data.train, in_file))
    training = build(resolve(config, data.spec), data).training
    assert training.phase.split.is_streamed == (in_file is not None)
    return training


def _trained(in_file: Path | None, steps: int) -> tuple[dict[str, Any], Training]:
    training = _training(in_file)
    _go_on(training, steps)
    return training.root.state_dict(), training


def _go_on(training: Training, steps: int) -> None:
    events = iter(training)
    while training.position.step < steps:
        next(events)


def test_a_training_from_a_file_is_that_from_memory(tmp_path: Path) -> None:
    """Bit for bit, over the end of an epoch; left in the middle, no thread stays."""
    kept, _ = _trained(None, 20)
    found, training = _trained(tmp_path / "x", 20)
    assert all(torch.equal(kept[name], found[name]) for name in kept)
    assert training.position.batch > 0
    del training
    assert living() == []


def test_a_training_from_a_file_goes_on_in_the_middle_of_an_epoch(
    tmp_path: Path,
) -> None:
    """With the next batch of the order that was begun."""
    kept, _ = _trained(None, 20)
    _, training = _trained(tmp_path / "x", 5)
    assert training.position.batch > 0
    again = _training(tmp_path / "x")
    restore(again, *capture(training))
    _go_on(again, 20)
    found = again.root.state_dict()
    assert all(torch.equal(kept[name], found[name]) for name in kept)


def test_jobs_that_are_trained_as_one_have_no_thread_each(tmp_path: Path) -> None:
    """All of their batches are gathered by the thread that trains them."""
    threads: list[str] = []
    token = taken_elsewhere.set(lambda asked: None)
    try:
        training = _training(tmp_path / "x")
        events = iter(training)
        while training.position.step < 3:
            next(events)
            threads += living()
    finally:
        taken_elsewhere.reset(token)
    assert threads == []
