"""One whole run of each kind, and what became of those that were hurt."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from commanding import Warm
from hurting import Whole, whole_run
from kinds import KINDS


@pytest.fixture(scope="session")
def wholes(
    warm: Warm, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Whole]:
    """Runs that nothing hurts, by kind; each is carried out once."""
    known: dict[str, Whole] = {}

    def whole(name: str) -> Whole:
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            known[name] = whole_run(warm, KINDS[name], folder)
        return known[name]

    return whole


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How often runs were hurt, in what way, and how many were lost."""
    counts: dict[str, Counter[str]] = {"tried": Counter(), "lost": Counter()}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, number in dict(report.user_properties).items():
                counts["tried"][name] += number
                counts["lost"][name] += number * (outcome == "failed")
    for name, tried in sorted(counts["tried"].items()):
        lost = counts["lost"][name]
        line = f"{name}: tried {tried}, survived {tried - lost}, lost {lost}"
        terminalreporter.write_line(line)
