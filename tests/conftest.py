"""Shared fixtures."""

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from commanding import Warm
from hydra._internal import defaults_list
from making import compose, draw_nothing, make

from aerun.build import load_data
from aerun.evaluation.judge import judge
from aerun.rundir import RunDirectory
from aerun.tasks.recorder import Recorder

# Modules of helpers and fixtures, which tests both import and name as plug-ins.
pytest.register_assert_rewrite(
    "browsing",
    "evaluating",
    "exporting",
    "hostile",
    "inspecting",
    "launching",
    "owning",
    "promised",
    "promised_recipes",
    "promised_sweeps",
    "reconstructing",
    "sweeping",
    "stressing",
    "verifying",
    "summing",
    "searching",
)


# What is imported stays: looking through it for garbage again and again takes a fifth
# of the time of a composition.
gc.freeze()
gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the official files, tests that need them are skipped."""
    absent = not (Path(os.environ.get("AERUN_DATA", "data")) / "MNIST").is_dir()
    reason = "needs the official MNIST files under $AERUN_DATA"
    for item in items:
        if item.get_closest_marker("mnist"):
            item.add_marker(pytest.mark.skipif(absent, reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _no_map_that_nobody_reads() -> Iterator[None]:
    """Hydra maps all choices for each option, a quarter of its time, for ``${...}``."""
    whole = defaults_list._create_interpolation_map

    def needed(overrides: Any, defaults: list[Any], self_added: bool) -> Any:
        if any(default.is_interpolation() for default in defaults):
            return whole(overrides, defaults, self_added)
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(defaults_list, "_create_interpolation_map", needed)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Nobody pulls the plug: what is written need not have reached the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _console_ends() -> Iterator[None]:
    """How a command prints its lines ends with the test that called it."""
    logger = logging.getLogger("aerun")
    before = logger.propagate, logger.level, list(logger.handlers)
    yield
    logger.propagate, level, logger.handlers[:] = before
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def _own_modules_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Modules that a test wrote are forgotten: the next test's have the same names."""
    before = set(sys.modules)
    yield
    base = str(tmp_path_factory.getbasetemp())
    for name in sys.modules.keys() - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(base):
            del sys.modules[name]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder; settings and modules of others are not seen there."""
    monkeypatch.chdir(tmp_path)
    for name in ("AERUN_CONFIG_PATH", "AERUN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path.with_name(f"{tmp_path.name}_cache")))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture(scope="session")
def judge_of_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache to copy: the judge of the digits in it is trained once for all."""
    base = tmp_path_factory.getbasetemp()  # of a process, beside those of the others
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "judge"
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AERUN_CACHE", str(folder))
        judge(load_data(compose("dataset=digits")))
    return folder


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """What starts commands quickly, in processes of their own."""
    made = Warm(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


@pytest.fixture
def unpictured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw and write no picture and no page, for tests that look at none."""
    draw_nothing(monkeypatch)


@pytest.fixture
def recorder(tmp_path: Path) -> Callable[..., Recorder]:
    """A recorder of a run in a directory of its own, by overrides."""

    def start(*overrides: str, name: str = "run") -> Recorder:
        config, built = make(*overrides)
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        return Recorder(config, built, RunDirectory(directory))

    return start
