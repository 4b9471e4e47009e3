"""The only way into a run directory: whole files, one owner, states that survive."""

import csv
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from aerun.claims import claim
from aerun.errors import RunDirectoryError
from aerun.rundir import RunDirectory

# -- claims --------------------------------------------------------------------------


def test_a_taken_place_gets_a_number(tmp_path: Path) -> None:
    """Each claim of one place is a new, empty directory beside it."""
    wanted = tmp_path / "deep" / "run"
    names = [claim(wanted, exact=False).name for _ in range(3)]
    assert names == ["run", "run_2", "run_3"]
    assert all(not any((wanted.parent / name).iterdir()) for name in names)


def test_claims_at_once_never_share(tmp_path: Path) -> None:
    """Sixteen claims of one place at the same moment give sixteen directories."""
    barrier, got = threading.Barrier(16), []

    def take() -> None:
        barrier.wait()
        got.append(claim(tmp_path / "run", exact=False))

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == len(list(tmp_path.iterdir())) == 16


def test_an_exact_place_is_taken_when_new_or_empty(tmp_path: Path) -> None:
    """A directory asked for by name keeps its name."""
    assert claim(tmp_path / "run", exact=True) == tmp_path / "run"
    assert claim(tmp_path / "run", exact=True) == tmp_path / "run"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_exact_place_in_use_is_refused(tmp_path: Path, kind: str) -> None:
    """What is there stays, nothing is made beside it, and the message names it."""
    taken = tmp_path / "run"
    mine = taken / "mine.txt" if kind == "folder" else taken
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(RunDirectoryError, match=str(taken)):
        claim(taken, exact=True)
    assert mine.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("exact", [True, False])
def test_a_place_below_a_file_is_told(tmp_path: Path, exact: bool) -> None:
    """A claim that cannot be met is an error for the user, not a bug."""
    (tmp_path / "file").write_text("text")
    with pytest.raises(RunDirectoryError, match="file"):
        claim(tmp_path / "file" / "run", exact=exact)


# -- the lock ------------------------------------------------------------------------

HOLD = """
import fcntl, sys
handle = open(sys.argv[1], "w")
fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that holds a directory until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-S", "-c", HOLD, str(path / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_directory_held_by_another_process_is_refused(tmp_path: Path) -> None:
    """The lock is refused while the other lives, and free when it was killed."""
    with holder(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(RunDirectoryError, match=str(tmp_path)),
            RunDirectory(tmp_path).lock(),
        ):
            pytest.fail("two processes hold one directory")
        other.kill()
        other.wait()
    with RunDirectory(tmp_path).lock():
        pass


def test_a_held_directory_refuses_another_process(tmp_path: Path) -> None:
    """While the lock is held no other process gets it; afterwards one does."""
    with RunDirectory(tmp_path).lock(), holder(tmp_path) as other:
        assert "BlockingIOError" in other.communicate()[1]
    with holder(tmp_path) as other:
        assert other.communicate()[0] == "held\n"


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    """Two locks of this package on one directory exclude each other."""
    with (
        RunDirectory(tmp_path).lock(),
        pytest.raises(RunDirectoryError, match="another process"),
        RunDirectory(tmp_path).lock(),
    ):
        pytest.fail("two locks on one directory")


# -- whole files ---------------------------------------------------------------------


def crash(*arguments: Any) -> None:
    """Stand in for a power cut between writing and renaming."""
    raise OSError("power cut")


@pytest.mark.parametrize("durable", [True, False])
def test_a_crash_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    """A file is there as it was until the new one is complete."""
    run = RunDirectory(tmp_path)
    run.write("deep/metrics.csv", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        with pytest.raises(OSError, match="power cut"):
            run.write("deep/metrics.csv", b"new, and longer", durable=durable)
        with pytest.raises(OSError, match="power cut"):
            run.write("deep/other.csv", b"new")
    assert (tmp_path / "deep" / "metrics.csv").read_bytes() == b"old"
    assert not (tmp_path / "deep" / "other.csv").exists()
    run.write("deep/metrics.csv", b"new")
    assert (tmp_path / "deep" / "metrics.csv").read_bytes() == b"new"


def test_json_says_null_for_what_it_cannot_say(tmp_path: Path) -> None:
    """NaN and infinities become null, at any depth; everything else reads back."""
    run = RunDirectory(tmp_path)
    value = {"a": float("nan"), "b": [1, float("-inf"), 0.1], "c": {"d": 0, "e": None}}
    run.write_json("summary.json", value)
    text = (tmp_path / "summary.json").read_text()
    assert json.loads(text) == run.read_json("summary.json")
    expected = {"a": None, "b": [1, None, 0.1], "c": {"d": 0, "e": None}}
    assert run.read_json("summary.json") == expected


def test_a_table_reads_back_exactly(tmp_path: Path) -> None:
    """Floats come back bit for bit; rows may lack columns; order is that of keys."""
    rows = [{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 1e-17, "late": 1 / 3}]
    RunDirectory(tmp_path).write_table("metrics.csv", rows)
    with open(tmp_path / "metrics.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert list(second) == ["epoch", "loss", "late"]
    assert float(first["loss"]) == 0.1 + 0.2
    assert float(second["late"]) == 1 / 3
    assert first["late"] == ""


def test_yaml_keeps_values_and_order(tmp_path: Path) -> None:
    """A config reads back as it was written, numbers as numbers."""
    value = {"z": 1e-8, "a": [1, {"b": None}], "text": "30s", "yes": "no", "ü": True}
    run = RunDirectory(tmp_path)
    run.write_yaml("config.yaml", value)
    found = run.read_yaml("config.yaml")
    assert found == value
    assert list(found) == list(value)


# -- checkpoints ---------------------------------------------------------------------

TENSORS = {
    "weights/a": torch.arange(6.0).reshape(2, 3) / 7,
    "weights/t": torch.arange(6.0).reshape(2, 3).T,
    "generator/now": torch.arange(5, dtype=torch.uint8),
    "half": torch.tensor(0.5, dtype=torch.bfloat16),
}


def state(step: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """What a training would save after so many steps."""
    tensors = {**TENSORS, "step": torch.tensor(step)}
    return tensors, {"position": {"step": step}, "rows": [{"loss": 0.1 + 0.2}]}


def saved(tmp_path: Path, *steps: int) -> RunDirectory:
    """A run that saved its state after each of these steps."""
    run = RunDirectory(tmp_path)
    for step in steps:
        run.save_state(*state(step))
    return run


def step_of(run: RunDirectory) -> int:
    """The step of the state that a run would continue from."""
    loaded = run.load_state()
    assert loaded is not None
    assert int(loaded[0]["step"]) == loaded[1]["position"]["step"]
    return int(loaded[0]["step"])


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    """Tensors of every type and layout and exact floats survive."""
    loaded = saved(tmp_path, 3).load_state()
    assert loaded is not None
    tensors, values = loaded
    expected, expected_values = state(3)
    assert values == expected_values
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_no_state_is_none(tmp_path: Path) -> None:
    """A run that saved nothing has no state, which is no error."""
    assert RunDirectory(tmp_path).load_state() is None


def test_the_state_before_is_kept(tmp_path: Path) -> None:
    """After three states the last two are there, and nothing half done."""
    run = saved(tmp_path, 1, 2, 3)
    folder = tmp_path / "checkpoints"
    assert sorted(p.name for p in folder.iterdir()) == ["last.state", "previous.state"]
    assert step_of(run) == 3
    (folder / "last.state").unlink()
    assert step_of(run) == 2


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_damaged_state_gives_way_to_the_one_before(
    tmp_path: Path, share: float
) -> None:
    """A state that was cut off is passed over, wherever the cut is."""
    run = saved(tmp_path, 1, 2)
    last = tmp_path / "checkpoints" / "last.state"
    content = last.read_bytes()
    last.write_bytes(content[: int(share * len(content))])
    assert step_of(run) == 1


def test_a_state_without_its_values_gives_way_to_the_one_before(
    tmp_path: Path,
) -> None:
    """A file of tensors that is no state is passed over like a damaged one."""
    run = saved(tmp_path, 1, 2)
    run.save_weights("best", TENSORS)
    folder = tmp_path / "checkpoints"
    os.replace(folder / "best.safetensors", folder / "last.state")
    assert step_of(run) == 1


def test_two_damaged_states_are_both_named(tmp_path: Path) -> None:
    """When no state can be read, the message names each file."""
    run = saved(tmp_path, 1, 2)
    for name in ("last.state", "previous.state"):
        (tmp_path / "checkpoints" / name).write_bytes(b"not a state")
    with pytest.raises(RunDirectoryError) as caught:
        run.load_state()
    assert "checkpoints/last.state" in str(caught.value)
    assert "checkpoints/previous.state" in str(caught.value)


@pytest.mark.parametrize("surviving", [0, 1])
def test_a_crash_while_saving_leaves_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surviving: int
) -> None:
    """Whichever rename a crash prevents: the newest, and another beside it."""
    run, real, calls = saved(tmp_path, 1, 2), os.replace, []

    def crash_later(source: Any, target: Any) -> None:
        calls.append(target)
        if len(calls) > surviving:
            crash()
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash_later)
        with pytest.raises(OSError, match="power cut"):
            run.save_state(*state(3))
    folder = tmp_path / "checkpoints"
    assert step_of(run) == 2 + surviving
    assert not os.path.samefile(folder / "last.state", folder / "previous.state")
    run.save_state(*state(4))
    assert step_of(run) == 4
    assert len(list(folder.iterdir())) == 2


def test_weights_come_back_or_are_told_to_be_absent_or_damaged(tmp_path: Path) -> None:
    """Reading weights gives them bit for bit, or one message that names the file."""
    run = RunDirectory(tmp_path)
    with pytest.raises(RunDirectoryError, match=r"best\.safetensors does not exist"):
        run.load_weights("best")
    run.save_weights("best", TENSORS)
    loaded = run.load_weights("best")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in TENSORS.items())
    (tmp_path / "checkpoints" / "best.safetensors").write_bytes(b"broken")
    with pytest.raises(RunDirectoryError, match=r"best\.safetensors is damaged"):
        run.load_weights("best")
