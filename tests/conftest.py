"""Shared fixtures."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from making import make

from aerun.rundir import RunDirectory
from aerun.tasks.recorder import Recorder


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def recorder(tmp_path: Path) -> Callable[..., Recorder]:
    """A recorder of a run in a directory of its own, by overrides."""

    def start(*overrides: str, name: str = "run") -> Recorder:
        config, built = make(*overrides)
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        return Recorder(config, built, RunDirectory(directory))

    return start
