"""Shared fixtures: configs composed as the command does it, and what they build."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from aerun.build import Built, build, load_data, resolve
from aerun.config.check import check
from aerun.config.compose import Composer, plain
from aerun.rundir import RunDirectory
from aerun.tasks.recorder import Recorder

CONF = Path(__file__).parents[1] / "conf"


def options(group: str) -> list[str]:
    """The options of a group, read from conf/."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def compose(*overrides: str) -> dict[str, Any]:
    """A composed and checked config."""
    config = plain(Composer().compose(["trainer.threads=1", *overrides]))
    assert check(config) == []
    return config


def make(*overrides: str) -> tuple[dict[str, Any], Built]:
    """A resolved config and everything built from it."""
    config = compose(*overrides)
    data = load_data(config)
    config = resolve(config, data.spec)
    return config, build(config, data)


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
