"""Damage in checkpoints: found to the bit, named, and what was good before used."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from aerun import seals
from aerun.cli import main
from aerun.errors import RunDirectoryError
from aerun.rundir import RunDirectory

RELEASED = Path(__file__).with_name("released") / "0.1.0"
WEIGHTS = {
    "a": torch.arange(12.0).reshape(3, 4) / 7,
    "half": torch.tensor(0.5, dtype=torch.bfloat16),
    "none": torch.zeros(0, 3),
    "order": torch.arange(5, dtype=torch.uint8),
}


def flip(path: Path, bit: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two have the same names and bits."""
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) for name in one
    )


def problem_of(run: RunDirectory) -> str | None:
    """What is wrong with the best weights; None where they are as they were."""
    try:
        assert same(run.load_weights("best"), WEIGHTS)
    except RunDirectoryError as error:
        return str(error)
    return None


def test_no_flipped_bit_gives_other_weights(tmp_path: Path) -> None:
    """In numbers always an error that names the file; in names, never other numbers."""
    run = RunDirectory(tmp_path)
    run.save_weights("best", WEIGHTS)
    path = tmp_path / "checkpoints/best.safetensors"
    content, found = path.read_bytes(), 0
    numbers = 8 + int.from_bytes(content[:8], "little")
    for bit in range(0, 8 * len(content), 5):
        flip(path, bit)
        said = problem_of(run)
        if said is None:
            assert bit < 8 * numbers
        else:
            assert said.startswith(f"{path} is damaged (")
            found += 1
        path.write_bytes(content)
    assert found > 0.9 * len(content) * 8 / 5
    assert same(run.load_weights("best"), WEIGHTS)


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    """The checksum depends on nothing else."""
    run = RunDirectory(tmp_path)
    for name in ("best", "last"):
        run.save_weights(name, dict(reversed(WEIGHTS.items())))
    best, last = (tmp_path / f"checkpoints/{n}.safetensors" for n in ("best", "last"))
    assert best.read_bytes() == last.read_bytes()


def test_the_same_state_is_the_same_bytes(tmp_path: Path) -> None:
    """Its library would put two texts beside the tensors in another order each time."""
    made = set()
    for number in range(8):
        seals.save(WEIGHTS, tmp_path / str(number), {"state": "{}", "more": "1"})
        made.add((tmp_path / str(number)).read_bytes())
    assert len(made) == 1
    assert seals.load(tmp_path / "0")[1] == {"state": "{}", "more": "1"}


def saved(path: Path, *steps: int) -> RunDirectory:
    """A run that saved its state after each of these steps."""
    run = RunDirectory(path)
    for step in steps:
        save(run, step)
    return run


def save(run: RunDirectory, step: int) -> None:
    """Save a state that knows its step twice."""
    run.save_state({**WEIGHTS, "step": torch.tensor(step)}, {"step": step})


def step_of(path: Path) -> int:
    """The step of the state that a run in a directory goes on from."""
    loaded = RunDirectory(path).load_state()
    assert loaded is not None
    tensors, values = loaded
    assert int(tensors["step"]) == values["step"]
    return int(values["step"])


@pytest.mark.parametrize("place", [0.3, 0.8, 0.999])
def test_a_state_with_a_flipped_bit_gives_way_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: float
) -> None:
    """Which is said, with the names of both."""
    saved(tmp_path, 1, 2)
    last = tmp_path / "checkpoints/last.state"
    flip(last, int(place * 8 * last.stat().st_size))
    assert step_of(tmp_path) == 1
    before = last.with_name("previous.state")
    assert f"Damaged: {last} (" in caplog.text
    assert f"going on from {before}." in caplog.text


def test_a_damaged_state_never_takes_the_place_of_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that went on from the one before, and is killed as it saves, can go on."""
    saved(tmp_path, 1, 2)
    flip(tmp_path / "checkpoints/last.state", 2000)
    run = RunDirectory(tmp_path)
    assert run.load_state() is not None
    with monkeypatch.context() as patch:
        patch.setattr(seals, "save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save(run, 3)
    assert step_of(tmp_path) == 1
    save(run, 3)
    assert step_of(tmp_path) == 3
    flip(tmp_path / "checkpoints/last.state", 2000)
    assert step_of(tmp_path) == 1


def interrupt(*arguments: Any, **named: Any) -> None:
    """Stand in for a kill."""
    raise KeyboardInterrupt


def test_weights_that_a_state_holds_are_written_again(
    alone: Path, capsys: pytest.CaptureFixture[str], unpictured: None
) -> None:
    """A run of the first version is read without a checksum, and gets them."""
    run = Path(shutil.copytree(RELEASED, alone / "run"))
    assert main(["task=resume", "run=run"]) == 0
    best = run / "checkpoints/best.safetensors"
    content = best.read_bytes()
    flip(best, 8 * len(content) - 20)
    assert main(["task=evaluate", "run=run"]) == 2
    said = capsys.readouterr().err
    assert f"{best} is damaged (its checksum is not that of its content)" in said
    assert f"gives it again: aerun task=resume run={run}" in said
    assert main(["task=resume", "run=run"]) == 0
    assert best.read_bytes() == content


def test_half_a_line_is_cut_when_a_run_goes_on(
    alone: Path, capsys: pytest.CaptureFixture[str], unpictured: None
) -> None:
    """The table is what the state says, however it ends."""
    run = Path(shutil.copytree(RELEASED, alone / "run"))
    table = run / "metrics.csv"
    content = table.read_bytes()
    table.write_bytes(content[:-3])
    assert main(["task=report", "run=run"]) == 0
    assert f"{table} is damaged (line " in capsys.readouterr().err
    assert main(["task=resume", "run=run"]) == 0
    assert table.read_bytes() == content


def test_a_start_that_was_killed_can_be_typed_again(
    alone: Path, monkeypatch: pytest.MonkeyPatch, unpictured: None
) -> None:
    """Before its request was written there is none, and nothing to go on with."""
    request = ["experiment=smoke", "trainer.threads=1", "hydra.run.dir=run"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        assert main(request) == 130
    assert (alone / "run/.hydra").is_dir()
    assert not (alone / "run/.hydra/config.yaml").exists()
    assert main(["task=resume", "run=run"]) == 2
    assert main(request) == 0
    assert (alone / "run/summary.json").is_file()
