"""Configs composed as the command does it, and what they build."""

import os
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from aerun.build import Built, build, load_data
from aerun.config.check import check, needed
from aerun.config.compose import Composer, plain
from aerun.features import IMAGES
from aerun.resolving import resolve
from aerun.tasks import train
from aerun.tasks.pictures import Pictures

CONF = Path(__file__).parents[1] / "conf"


def options(group: str) -> list[str]:
    """The options of a group, read from conf/."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def nested_groups(group: str, option: str) -> set[str]:
    """The groups that an option has inside it, those of what it extends included."""
    text = (CONF / group / f"{option}.yaml").read_text()
    entries = yaml.safe_load(text).get("defaults", [])
    own = {f"{group}/{name}" for entry in entries if isinstance(entry, dict)
           for name in entry}  # fmt: skip
    extended = {e for e in entries if isinstance(e, str)} - {"_self_"}
    return own.union(*(nested_groups(group, entry) for entry in extended))


def compose(*overrides: str) -> dict[str, Any]:
    """A composed and checked config, which may be changed."""
    # Of folders of their own tests make anything, under the same names.
    found = _composed.__wrapped__ if "AERUN_CONFIG_PATH" in os.environ else _composed
    return deepcopy(found(overrides))


@cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    config = plain(Composer().compose(["trainer.threads=1", *overrides]))
    assert check(config) == []
    return config


def make(*overrides: str) -> tuple[dict[str, Any], Built]:
    """A resolved config and everything built from it."""
    config = compose(*overrides)
    data = load_data(config)
    config = resolve(config, data.spec)
    return config, build(config, data)


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Runs draw no picture and write no page, for tests that look at none."""
    patch.setattr(train, "write_report", lambda *arguments: None)
    patch.setattr(train, "map_of_codes", lambda *arguments: None)
    for name, method in vars(Pictures).items():
        if not name.startswith("_") and callable(method):
            patch.setattr(Pictures, name, lambda *arguments: None)


def needs_images(model: str) -> bool:
    """Whether a model cannot be given vectors."""
    config = compose(f"model={model}")
    return any(feature is IMAGES for _, feature in needed(config))


def later(*values: object) -> Any:
    """A case of a parametrised test that waits for test-all, and shares the cores."""
    return pytest.param(*values, marks=[pytest.mark.slow, pytest.mark.shared])
