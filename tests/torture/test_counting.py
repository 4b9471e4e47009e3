"""What is counted at the end of make torture: each kind, those hit, those lost."""

import random
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from counting import begun, lines, summed
from hurting import Warm, Whole, killed


def report(passed: bool, *given: tuple[str, dict[str, int]]) -> Any:
    """Of a test that tried some ways."""
    return SimpleNamespace(passed=passed, user_properties=given)


def test_each_kind_is_a_line_of_counts() -> None:
    """A test that failed lost all that it tried; what hurts no process hits none."""
    found = summed(
        [
            report(True, ("kill", {"tried": 3, "hit": 3, "training": 2})),
            report(False, ("kill", {"tried": 2, "hit": 1, "training": 0})),
            report(True, ("damage", {"tried": 1}), ("full", {"tried": 1, "hit": 1})),
        ]
    )
    head, *rows = [line.split("  ") for line in lines(found)]
    assert [text.strip() for text in head if text][-2:] == ["survived", "lost"]
    assert [[text.strip() for text in row if text.strip()] for row in rows] == [
        ["damage", "1", "-", "-", "1", "0"],
        ["full", "1", "1", "-", "1", "0"],
        ["kill", "5", "4", "2", "3", "2"],
        ["all", "7", "5", "2", "5", "2"],
    ]


def test_what_was_tried_is_counted_before_it_is() -> None:
    """The report of a test that breaks off holds what it had begun."""
    kept: list[Any] = []
    counts = begun(lambda *given: kept.append(given), "kill", 3)
    counts["hit"] = 1
    assert kept == [("kill", {"tried": 3, "hit": 1})]


@pytest.mark.slow
@pytest.mark.torture
def test_a_kill_after_the_end_is_none_and_is_tried_earlier(
    warm: Warm, wholes: Callable[[str], Whole]
) -> None:
    """A run that had ended is counted neither as hit nor as one that survived."""
    whole = wholes("train")
    late = replace(whole, last=whole.first + 2.2 * whole.seconds)  # * 0.65, see below
    directory, counts = whole.directory.with_name("late"), {"tried": 1}
    killed(warm, late, directory, random.Random("late"), counts)
    assert counts["hit"] == 1
    assert not (directory / "summary.json").exists()
