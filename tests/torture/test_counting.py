"""What is counted at the end of make torture: each kind, those hit, those lost."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from counting import begun, lines, summed
from hurting import Kind, Warm, Whole, killed


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


def test_a_kill_after_the_end_is_none_and_is_tried_earlier(tmp_path: Path) -> None:
    """A run that had ended is not counted as hit; the exit code tells, no signal."""
    codes = [0, 0, -9]

    def start(*command: str, cwd: Path) -> Any:
        run = cwd / "run"
        run.mkdir()  # what had ended is not there any more
        (run / "metrics.csv").write_text("epoch\n1\n")
        return SimpleNamespace(
            poll=lambda: 0, send=lambda signum: True, wait=lambda: codes.pop(0), said=""
        )

    whole = Whole(Kind(()), tmp_path / "whole", first=0, last=0, seconds=0)
    whole.directory.mkdir()
    (whole.directory / "metrics.csv").write_text("epoch\n1\n2\n")
    counts, warm = {"tried": 1}, SimpleNamespace(start=start)
    killed(cast(Warm, warm), whole, tmp_path / "run", random.Random(0), counts)
    assert counts == {"tried": 1, "hit": 1, "training": 1}
    assert codes == []
