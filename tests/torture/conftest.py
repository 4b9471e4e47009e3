"""One whole run of each kind, and what became of those that were hurt."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import pytest
from commanding import Warm
from counting import Hurt, begun, lines, summed
from hurting import Whole, whole_run
from kinds import KINDS


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """As for all tests; but a kill may hit while a file waits for the disk."""
    made = Warm(tmp_path_factory.mktemp("said"), syncs=True)
    yield made
    made.close()


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


@pytest.fixture
def hurt(record_property: Callable[[str, Any], None]) -> Hurt:
    """Counts what a test hurts, for the table at the end."""
    return partial(begun, record_property)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How often runs were hurt, in what way, how many were hit and how many lost."""
    reports = (terminalreporter.getreports(each) for each in ("passed", "failed"))
    if found := summed(chain.from_iterable(reports)):
        terminalreporter.section("runs that were hurt")
        for line in lines(found):
            terminalreporter.write_line(line)
