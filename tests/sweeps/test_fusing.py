"""The rule by which jobs are trained as one model, and the launcher that follows it."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from making import compose

from aerun.features import declares
from aerun.models.bottlenecks import Plain
from aerun.sweeps import on_fused
from aerun.sweeps.fusing import arrange
from aerun.sweeps.on_fused import FusedLauncher
from aerun.sweeps.worker import Order, Report, fulfil_together

BASE = ("model=k_sparse",)


def _arranged(*requests: Sequence[str], processes: int = 2) -> Any:
    return arrange([_changed(*request) for request in requests], processes)


def _changed(*edits: str) -> dict[str, Any]:
    """A request with values changed where they are: composing takes longer."""
    config = compose(*BASE)
    for edit in edits:
        key, _, value = edit.partition("=")
        *path, name = key.split(".")
        node = config
        for step in path:
            node = node[step]
        node[name] = yaml.safe_load(value)
    return config


@pytest.mark.parametrize(
    "values",
    [
        ("seed=0", "seed=1"),
        ("model.bottleneck.k=10", "model.bottleneck.k={start: 20, end: 5}"),
        ("trainer.lr=0.1", "trainer.lr=0.01"),
        ("trainer.epochs=3", "trainer.epochs=4"),
        ("trainer.grad_clip=1", "trainer.ema=0.9"),
        ("trainer.optimizer={_target_: mine.Own}", "trainer.scheduler=null"),
        ("tracker._target_=mine.Tracker", "tracker._target_=null"),
    ],
)
def test_jobs_that_differ_in_numbers_go_together(values: tuple[str, str]) -> None:
    """Numbers arrive as tensors, and all that follows the gradient is their own."""
    assert _arranged(*[[value] for value in values]).groups == [[0, 1]]


@pytest.mark.parametrize(
    "values",
    [
        ("model.code=30", "model.code=31"),
        ("model.tied=true", "model.tied=false"),
        ("loss._target_=aerun.losses.mse", "loss._target_=aerun.losses.l1"),
        ("dataset.limit=50", "dataset.limit=60"),
        ("trainer.batch_size=8", "trainer.batch_size=9"),
        ("trainer.precision=float32", "trainer.precision=float64"),
        ("trainer.own=1", "trainer.own=2"),
        (
            "regularizer={}",
            "regularizer={l1: {_target_: aerun.regularizers.l1, weight: 1.0}}",
        ),
    ],
)
def test_jobs_that_differ_in_more_do_not(values: tuple[str, str]) -> None:
    """Another shape, formula, batch or order of phases is another model."""
    found = _arranged(*[[value] for value in values])
    assert found.groups == []
    assert found.alone == {"no other differs in numbers only": [0, 1]}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("trainer.batch_size=1000", "their steps are too large to gain"),
        ("trainer.compile=true", "trainer.compile=true compiles each"),
        ("trainer.precision=bfloat16", "in bfloat16"),
    ],
)
def test_what_would_gain_nothing_runs_alone(value: str, reason: str) -> None:
    """The launcher says why, and how many."""
    found = _arranged([value, "seed=0"], [value, "seed=1"], ["seed=2"], ["seed=3"])
    assert found.groups == [[2, 3]]
    assert str(found).startswith("2 jobs are trained as 1 model; 2 jobs alone: ")
    assert reason in str(found)


def test_a_part_can_declare_that_it_is_for_one_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is tried then."""
    for name in ("needs", "provides", "alone"):
        monkeypatch.setattr(Plain, name, None, raising=False)
    declares(alone="it counts its examples on the host")(Plain)
    plain = "model.bottleneck={_target_: aerun.models.bottlenecks.Plain}"
    found = _arranged([plain, "seed=0"], [plain, "seed=1"])
    reason = "model.bottleneck: it counts its examples on the host"
    assert found.alone == {reason: [0, 1]}


@pytest.mark.parametrize(
    ("jobs", "processes", "sizes"),
    [(3, 2, [3]), (4, 2, [2, 2]), (16, 2, [8, 8]), (64, 2, [32, 32]),
     (70, 2, [17, 18, 17, 18]), (33, 1, [16, 17]), (5, 8, [2, 3])],
)  # fmt: skip
def test_groups_are_even_shares_of_two_at_least(
    jobs: int, processes: int, sizes: list[int]
) -> None:
    """None is left over alone, and all processes have as much to do."""
    request = compose(*BASE)
    found = arrange([{**request, "seed": i} for i in range(jobs)], processes)
    assert [len(group) for group in found.groups] == sizes
    assert sorted(i for group in found.groups for i in group) == list(range(jobs))
    assert found.alone == {}


def test_on_a_gpu_one_process_has_the_largest_groups() -> None:
    """Which two devices do not share; another kind of device has none."""
    request = compose(*BASE)
    devices = [*["cuda"] * 300, *["cuda:1"] * 3, *["mps"] * 2]
    jobs = [{**request, "seed": i, "device": d} for i, d in enumerate(devices)]
    found = arrange(jobs, processes=16)
    assert [len(group) for group in found.groups] == [150, 150, 3]
    assert found.alone == {"device=mps is neither a CPU nor a CUDA GPU": [303, 304]}


class _Dying:
    """Processes of which those with a group die."""

    number = 2

    def __init__(self) -> None:
        self.done: list[list[int]] = []

    def carry_out(self, waiting: Any, call: Any) -> Generator[Any]:
        assert call is fulfil_together
        while waiting:
            group = waiting.popleft()
            self.done.append([order.number for order in group])
            dies = len(group) > 1 or group[0].number == 2
            yield group, None if dies else [_report(order) for order in group]


def _report(order: Order) -> Report:
    return Report(number=order.number, name=order.name, returned="completed")


def _order(number: int) -> Order:
    given: dict[str, Any] = {"folder": "", "path": (), "environment": {}, "level": 20}
    given |= {"leash": None, "shared": b"", "overrides": (f"seed={number}",)}
    given["listed"] = True
    return Order(number=number, name=str(number), **given)


def test_jobs_of_a_dead_process_go_on_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """But for those that were completed; who killed it fails by itself."""
    launcher = FusedLauncher(n_jobs=2)
    launcher._pools = pools = _Dying()  # type: ignore[assignment]
    monkeypatch.setattr(
        launcher, "_arranged", lambda orders: on_fused.Fusing([[0, 1, 2]], {"x": [3]})
    )
    monkeypatch.setattr(launcher, "_is_done", lambda order: order.number == 0)
    reports = list(launcher.reports([_order(number) for number in range(4)]))
    assert pools.done == [[0, 1, 2], [3], [1], [2]]
    told = {report.number: report.problem for report in reports}
    assert told[0] is told[1] is told[3] is None
    assert "died" in str(told[2])
    assert [report.number for report in reports] == [0, 3, 1, 2]
