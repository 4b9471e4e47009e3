"""How often runs were hurt, in what way, and what became of them."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

Counts = dict[str, int]
Hurt = Callable[..., Counts]
"""Begins to count one way: its name, how often it is tried."""

_FIRST = ("kind", "tried", "hit while running", "while training", "survived", "lost")


def begun(record: Callable[[str, Any], None], kind: str, tried: int = 1) -> Counts:
    """Note what is tried before it is, so that a test that breaks off is counted.

    Args:
        record: Keeps a property of the test's report.
        kind: Of hurt.
        tried: How often.

    Returns:
        Counts that the test adds to: ``hit``, processes that worked when they were hurt
        and ended by it; ``training``, those whose epochs were recorded in part. What
        hurts no process, as a damaged file, leaves them out.
    """
    counts = {"tried": tried}
    record(kind, counts)
    return counts


def summed(reports: Iterable[Any]) -> dict[str, Counter[str]]:
    """Counts of each kind, over the reports of tests that passed or failed.

    Whatever a test tried that failed counts as lost.
    """
    found: dict[str, Counter[str]] = {}
    for report in reports:
        end = "survived" if report.passed else "lost"
        for kind, counts in report.user_properties:
            sums = found.setdefault(kind, Counter())
            sums.update({**counts, end: counts["tried"]})
    return found


def lines(found: dict[str, Counter[str]]) -> list[str]:
    """A table of all counts, and their sums."""
    total: Counter[str] = Counter()
    for counts in found.values():
        total.update(counts)
    rows = [list(_FIRST)]
    for kind, counts in [*sorted(found.items()), ("all", total)]:
        shown = [counts["tried"], counts.get("hit", "-"), counts.get("training", "-"),
                 counts["survived"], counts["lost"]]  # fmt: skip
        rows.append([kind, *map(str, shown)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]
