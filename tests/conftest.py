"""Shared fixtures."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from making import make

from aerun.rundir import RunDirectory
from aerun.tasks.pictures import Pictures
from aerun.tasks.recorder import Recorder

# Modules of helpers and fixtures, which tests both import and name as plug-ins.
pytest.register_assert_rewrite(
    "browsing",
    "evaluating",
    "exporting",
    "inspecting",
    "owning",
    "reconstructing",
    "sweeping",
    "summing",
    "searching",
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_modules_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Modules that a test wrote are forgotten: the next test's have the same names."""
    yield
    base = str(tmp_path_factory.getbasetemp())
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(base):
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


@pytest.fixture
def unpictured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no picture, for tests that look at none."""
    for name, method in vars(Pictures).items():
        if not name.startswith("_") and callable(method):
            monkeypatch.setattr(Pictures, name, lambda *arguments: None)


@pytest.fixture
def recorder(tmp_path: Path) -> Callable[..., Recorder]:
    """A recorder of a run in a directory of its own, by overrides."""

    def start(*overrides: str, name: str = "run") -> Recorder:
        config, built = make(*overrides)
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        return Recorder(config, built, RunDirectory(directory))

    return start
