"""Several processes that train one run together give what one alone gives."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from making import compose, options

from aerun.cli import main
from aerun.config.check import check_ranks
from aerun.ranks import Ranks, batch_mean

WITH_WHOLE_BATCHES = {"wta", "conv_wta"}
TOGETHER = [m for m in options("model") if m not in WITH_WHOLE_BATCHES]
LONG = ("trainer.epochs=60", "trainer.precision=float64", "trainer.threads=1",
        "trainer.preview_every=0", "device=cpu")  # fmt: skip


def torchrun(number: int, *command: str, folder: Path) -> "subprocess.Popen[str]":
    """Start a command in several processes."""
    start = ["-m", "torch.distributed.run", f"--nproc-per-node={number}"]
    return subprocess.Popen(
        [sys.executable, *start, "--standalone", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(run: Path) -> list[dict[str, str]]:
    """The table of epochs of a run so far."""
    table = run / "metrics.csv"
    lines = table.read_text().splitlines() if table.is_file() else []
    return [*csv.DictReader(lines)]


# -- what is asked ---------------------------------------------------------------------


@pytest.mark.parametrize(("size", "number"), [(64, 2), (7, 3), (3, 3), (2, 3), (1, 5)])
def test_parts_of_a_batch_make_it_whole(size: int, number: int) -> None:
    """Every example is somebody's, and shares weigh it as often as it is taken."""
    weights = torch.zeros(size)
    for rank in range(number):
        ranks = object.__new__(Ranks)
        ranks.rank, ranks.number = rank, number
        own, share = ranks.part(size)
        taken = torch.zeros(size)
        taken[own] = 1
        assert taken.sum() > 0
        weights += share * taken / taken.sum()
    assert weights.tolist() == pytest.approx([1 / size] * size)


def test_alone_a_batch_has_its_own_mean() -> None:
    """Also its gradient."""
    values = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    mean = batch_mean(values)
    mean.sum().backward()
    assert mean.tolist() == [2.0, 3.5]
    assert values.grad is not None
    assert (values.grad == 0.5).all()


@pytest.mark.parametrize("model", options("model"))
def test_what_counts_over_whole_batches_is_refused(model: str) -> None:
    """Lifetime sparsity is; nothing else."""
    few = ["trainer.batch_size=100"] if model in WITH_WHOLE_BATCHES else []
    found = [m.typed for m in check_ranks(compose(f"model={model}", *few))]
    assert found == (["model.bottleneck"] if few else [])


def test_what_cannot_be_shared_is_no_more_so_when_it_goes_on(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of winner-take-all codes is refused to several processes at its resume."""
    request = ["model=wta", "model.code=20", "trainer.max_steps=1", "trainer.epochs=1"]
    assert main(["-q", *request, "dataset.limit=60", "hydra.run.dir=run"]) == 0
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert main(["task=resume", "run=run"]) == 2
    assert "model.bottleneck: counts over whole batches" in capsys.readouterr().err


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "seed=0,1"], "-m: is for one process; hydra/launcher=joblib"),
        (["task=evaluate", "run=x"], "task=evaluate: is for one process"),
        (["task=inspect"], "task=inspect: is for one process"),
        (["task=compare", "runs=[x]"], "task=compare: is for one process"),
    ],
)
@pytest.mark.usefixtures("alone")
def test_what_one_process_does_is_refused_by_several(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
    rank: int,
) -> None:
    """With exit code 2; only the first of them says why."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", str(rank))
    assert main(arguments) == 2
    assert (said in capsys.readouterr().err) == (rank == 0)


# -- what is trained -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.shared
def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    """The weights of every model after an epoch, in both the same bits."""
    requests = [f"model={m} trainer.precision=float64" for m in TOGETHER]
    requests += ["model=simple model/encoder=centred regularizer=[contractive]"]
    requests += ["model=sparse", "model=vae", "model=stacked trainer=greedy"]
    script = Path(__file__).with_name("ranked.py")
    out = tmp_path / "found.json"
    process = torchrun(2, str(script), str(out), *requests, folder=tmp_path)
    _, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    found = json.loads(out.read_text())
    assert set(found) == set(requests)
    for request, (difference, differing) in found.items():
        assert difference < (1e-9 if "float64" in request else 1e-5), request
        assert differing == 0, request


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.usefixtures("unpictured")
def test_a_run_is_stopped_by_a_signal_and_continued_by_another_number(
    tmp_path: Path,
) -> None:
    """Two processes, then three, then one: the figures of one alone, from the start."""
    run = tmp_path / "run"
    commands = [
        (2, [*LONG, "model=sparse", f"hydra.run.dir={run}"]),
        (3, ["task=resume", f"run={run}"]),
    ]
    for number, command in commands:
        before = len(rows(run))
        process = torchrun(number, "-m", "aerun", *command, folder=tmp_path)
        while len(rows(run)) < before + 2 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=100)
        assert printed.count("Run directory:") <= 1
        assert "Continue with: aerun task=resume" in errors
        summary = json.loads((run / "summary.json").read_text())
        assert summary["status"] == "interrupted"
    assert main(["task=resume", f"run={run}"]) == 0
    assert main([*LONG, "model=sparse", f"hydra.run.dir={tmp_path / 'alone'}"]) == 0
    alone = rows(tmp_path / "alone")
    assert len(alone) == len(rows(run)) == 60
    for ours, theirs in zip(rows(run), alone, strict=True):
        assert float(ours["val/loss"]) == pytest.approx(float(theirs["val/loss"]), 1e-9)
