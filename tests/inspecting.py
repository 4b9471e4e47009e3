"""Fixtures: inspect requests in process, and take apart what is said."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from making import compose

from aerun.cli import main
from aerun.config.origins import Origins
from aerun.tasks import estimate, inspect

Sections = dict[str, list[str]]
Inspect = Callable[..., Sections]


def by_title(text: str) -> Sections:
    """The lines of each section."""
    sections = [section.splitlines() for section in text.split("\n\n")]
    return {title: [line.strip() for line in rest] for title, *rest in sections}


@pytest.fixture
def measured(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Inspect:
    """Inspect what overrides ask for, wherever they came from."""
    monkeypatch.setattr(estimate, "_STEPS", 1)
    nobody = Origins(choices={}, values={})
    return lambda *overrides: by_title(
        "\n\n".join(inspect.inspect(compose(*overrides), nobody))
    )


@pytest.fixture
def inspected(
    alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Inspect:
    """Ask for an inspection in an empty folder; its sections, by their titles."""
    monkeypatch.setattr(estimate, "_STEPS", 1)

    def ask(*overrides: str) -> Sections:
        code = main(["task=inspect", "trainer.threads=1", *overrides])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        assert printed.err == ""
        return by_title(printed.out)

    return ask


def rows(lines: list[str]) -> list[list[str]]:
    """The cells of a table's lines."""
    return [re.split(r" {2,}", line) for line in lines]
