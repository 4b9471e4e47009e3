"""Fixtures: ask the command for things in process, from an empty folder."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aerun.cli import main
from aerun.tasks import train


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AERUN_CONFIG_PATH", raising=False)
    monkeypatch.delenv("AERUN_DATA", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture
def refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Give a function that asks for something bad and returns the one message.

    It fails unless the exit code is 2 and nothing else happened: no traceback, no other
    line, no new file, and (unless ``claims``) no run directory claimed.
    """

    def claimed(path: Path, *, exact: bool) -> Path:
        pytest.fail(f"accepted: {path} would have been made")

    def ask(*arguments: str, claims: bool = False) -> str:
        before = set(here.rglob("*"))
        with monkeypatch.context() as patch:
            if not claims:
                patch.setattr("aerun.claims.claim", claimed)
            code = main(list(arguments))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err, printed.err
        assert code == 2
        assert printed.out == ""
        assert set(here.rglob("*")) - before == set()
        assert_one_message(printed.err)
        return printed.err

    return ask


def assert_one_message(text: str) -> None:
    """One line, or a head that counts the lines below it."""
    head, *mistakes = text.splitlines()
    assert head.startswith("aerun: ")
    if mistakes:
        assert head == f"aerun: {len(mistakes)} mistakes"
        assert all(re.match(r"  \S+: .", line) for line in mistakes), text


@pytest.fixture
def accepted(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[dict[str, Any]]]:
    """Give a function that asks for runs and returns the configs that would train.

    Everything happens but the training itself.
    """

    def ask(*arguments: str) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def note(config: dict[str, Any], directory: Path) -> dict[str, Any]:
            assert directory.is_dir()
            asked.append(config)
            return {"metrics": {"test/mse": 1.0}}

        with monkeypatch.context() as patch:
            patch.setattr(train, "train", note)
            code = main(list(arguments))
        assert code == 0, capsys.readouterr().err
        return asked

    return ask
