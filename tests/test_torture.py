"""Real runs in processes of their own, killed and interrupted at random instants."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.shared]

# A schedule, a corruption, noise in the model, averaged weights and early stopping are
# all at work; early stopping never ends the run before its last epoch.
REQUEST = [
    "model=vae", "model.hidden=[32]", "model.code=4", "corruption=gaussian",
    "corruption.std={start: 0.1, end: 0.3, steps: 500}", "trainer.scheduler=cosine",
    "regularizer.kl.weight={start: 0, end: 1, steps: 900}", "trainer.patience=200",
    "trainer.epochs=150", "trainer.checkpoint_every=5", "trainer.preview_every=0",
    "trainer.threads=1", "trainer.ema=0.99",
]  # fmt: skip
# Two levels and all together; the code's running mean is a state beside the weights.
GREEDY = [
    "model=stacked", "model.hidden=[48]", "model.code=24", "model.activation=elu",
    "model.code_activation=sigmoid", "regularizer=[kl_sparsity]",
    "regularizer.kl_sparsity.momentum=0.9", "corruption=masking", "trainer=greedy",
    "trainer.epochs=50", "trainer.finetune_epochs=10", "trainer.checkpoint_every=7",
    "trainer.preview_every=0", "trainer.threads=1", "trainer.ema=0.9",
]  # fmt: skip
LEVEL_EPOCHS = 50
FILES = ("metrics.csv", "checkpoints/last.safetensors", "checkpoints/best.safetensors")


def _start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "aerun", *arguments]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _run(*arguments: str, cwd: Path) -> None:
    process = _start(*arguments, cwd=cwd)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def _whole(folder: Path, request: list[str]) -> tuple[Path, float]:
    """A folder with a run that nothing interrupts, and how long that trains."""
    _run(*request, f"hydra.run.dir={folder / 'whole'}", cwd=folder)
    rows = (folder / "whole/timing.csv").read_text().splitlines()[1:]
    return folder, sum(float(row.split(",")[1]) for row in rows)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, float]:
    """The uninterrupted run, and how long it trains."""
    return _whole(tmp_path_factory.mktemp("torture"), REQUEST)


@pytest.fixture(scope="module")
def levels(tmp_path_factory) -> tuple[Path, float]:
    """The same, layer by layer."""
    return _whole(tmp_path_factory.mktemp("levels"), GREEDY)


def _wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.002)


def _check_recovery(whole, seed: int, signum: int) -> None:
    folder, seconds = whole
    chance = random.Random(seed)
    directory = folder / f"{signum}_{seed}"
    process = _start(*REQUEST, f"hydra.run.dir={directory}", cwd=folder)
    # Every third time also before the first state is there.
    first = "config.yaml" if seed % 3 == 0 else "checkpoints/last.state"
    _wait_for(directory / first, process)
    time.sleep(chance.uniform(0, seconds * 1.1))
    alive = process.poll() is None
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    if alive and signum != signal.SIGKILL and process.returncode != 0:
        assert process.returncode in (130, 143), errors
        assert "task=resume" in errors
        assert "Traceback" not in errors
    _check_continued(folder, directory)


def _check_continued(folder: Path, directory: Path) -> None:
    """Resume what was stopped: files and figures are those of the whole run."""
    for path in directory.rglob("*.json"):
        json.loads(path.read_text())
    _run("task=resume", f"run={directory}", cwd=folder)
    for name in FILES:
        expected = (folder / "whole" / name).read_bytes()
        assert (directory / name).read_bytes() == expected, name
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["status"] == "completed"
    kept = json.loads((folder / "whole/summary.json").read_text())
    assert summary["metrics"] == kept["metrics"]


def _phases(directory: Path) -> list[str]:
    """The phase of each epoch in the table, so far."""
    table = directory / "metrics.csv"
    if not table.exists():
        return []
    with open(table) as file:
        return [row["phase"] for row in csv.DictReader(file)]


def _killed(levels, name: str, rows: int, seed: int) -> Path:
    """A greedy run killed within about an epoch after so many were recorded."""
    folder, seconds = levels
    epoch = seconds / len(_phases(folder / "whole"))
    directory = folder / name
    process = _start(*GREEDY, f"hydra.run.dir={directory}", cwd=folder)
    while len(_phases(directory)) < rows and process.poll() is None:
        time.sleep(0.002)
    time.sleep(random.Random(seed).uniform(0, 1.5 * epoch))
    assert process.poll() is None, "it ended before it could be killed"
    process.kill()
    process.communicate(timeout=60)
    return directory


@pytest.mark.parametrize("seed", range(10))
def test_a_killed_run_continues_as_if_it_had_not_been(whole, seed):
    """After kill -9 at a random instant the resumed run equals the whole one."""
    _check_recovery(whole, seed, signal.SIGKILL)


@pytest.mark.parametrize("seed", range(10))
def test_an_interrupted_run_continues_as_if_it_had_not_been(whole, seed):
    """After Ctrl-C at a random instant the resumed run equals the whole one."""
    _check_recovery(whole, seed, signal.SIGINT)


@pytest.mark.parametrize("seed", range(6))
def test_a_run_killed_in_its_second_level_continues_as_if_it_had_not(levels, seed):
    """After kill -9 there: the same bits as without, from the first epoch on."""
    within = 1 if seed == 0 else random.Random(seed).randint(2, LEVEL_EPOCHS // 2)
    directory = _killed(levels, f"level_2_{seed}", LEVEL_EPOCHS + within, seed)
    phases = _phases(directory)
    assert set(phases[LEVEL_EPOCHS:]) == {"level_2"}
    assert len(phases) >= LEVEL_EPOCHS + within
    _check_continued(levels[0], directory)


@pytest.mark.parametrize("seed", range(2))
def test_a_run_killed_between_two_levels_continues_as_if_it_had_not(levels, seed):
    """The best weights of a level are what the next one builds on, kill or not."""
    last = LEVEL_EPOCHS * (1 + seed % 2)
    directory = _killed(levels, f"between_{seed}", last, seed)
    assert len(_phases(directory)) >= last
    _check_continued(levels[0], directory)


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_stops_at_the_next_step_with_the_state_saved(tmp_path, signum, code):
    """Exit code, status, and a printed command that really continues the run."""
    directory = tmp_path / "run"
    process = _start(*REQUEST, f"hydra.run.dir={directory}", cwd=tmp_path)
    _wait_for(directory / "metrics.csv", process)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["status"] == "interrupted"
    (line,) = [line for line in errors.splitlines() if "Continue with:" in line]
    command = line.partition("Continue with: aerun ")[2].split()
    _run(*command, cwd=tmp_path)
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["status"] == "completed"


def test_an_interrupted_sweep_starts_no_further_job(tmp_path):
    """Ctrl-C ends the running job and the sweep with exit code 130."""
    process = _start("-m", "seed=0,1,2", *REQUEST, cwd=tmp_path)
    while not list(tmp_path.glob("outputs/sweeps/*/*/0/metrics.csv")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    (sweep,) = tmp_path.glob("outputs/sweeps/*/*")
    assert [p.name for p in sweep.iterdir() if p.is_dir()] == ["0"]
    summary = json.loads((sweep / "0/summary.json").read_text())
    assert summary["status"] == "interrupted"


def test_two_processes_cannot_train_one_directory(tmp_path):
    """The second is refused with exit code 2 while the first goes on."""
    directory = tmp_path / "run"
    first = _start(*REQUEST, f"hydra.run.dir={directory}", cwd=tmp_path)
    _wait_for(directory / "checkpoints/last.state", first)
    first.send_signal(signal.SIGSTOP)
    try:
        second = _start("task=resume", f"run={directory}", cwd=tmp_path)
        _, errors = second.communicate(timeout=60)
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.returncode == 2, errors
    assert "being trained by another process" in errors
    _, errors = first.communicate(timeout=120)
    assert first.returncode == 0, errors


def test_simultaneous_starts_claim_directories_of_their_own(tmp_path):
    """Four runs started in one second never share a directory."""
    request = ["experiment=smoke", "trainer.threads=1", "trainer.preview_every=0"]
    processes = [_start(*request, cwd=tmp_path) for _ in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    summaries = list((tmp_path / "outputs").glob("*-*/*/summary.json"))
    assert len(summaries) == 4
    assert (tmp_path / "outputs/latest").resolve() in [p.parent for p in summaries]
    assert os.path.islink(tmp_path / "outputs/latest")
