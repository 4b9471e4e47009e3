"""What became of a run, in one sentence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Tone = Literal["good", "doubtful", "bad"]

_SAME = 0.005  # relative difference of errors below which they are called equal
_END_OF_CLAUSE = re.compile(r"[:;]|\.(?:\s|$)|, | \(")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One sentence, and how it sounds."""

    text: str
    tone: Tone


def verdict(
    summary: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    planned: int | None,
) -> Verdict:
    """Judge a run by its record.

    Args:
        summary: ``summary.json``; empty where the run left none, of status
            "unreadable" where it is damaged.
        rows: Of ``metrics.csv``.
        planned: Epochs that were asked for, where that is one number.
    """
    status = summary.get("status")
    if status == "completed":
        return _completed(summary)
    of = f" of {planned}" if planned is not None and len(rows) < planned else ""
    done = f"{_epochs(len(rows))}{of}{_last_error(rows)}"
    if status == "failed":
        reason = str(summary.get("reason", "")).split("; ")[0].rstrip(".")
        why = f": {reason}" if reason else ""
        return Verdict(text=f"Failed after {done}{why}.", tone="bad")
    if status == "pruned":
        text = f"Given up after {done}; it can be continued."
        return Verdict(text=text, tone="doubtful")
    if status == "unreadable":
        text = f"Trained for {done}; how it ended cannot be read any more."
        return Verdict(text=text, tone="doubtful")
    began = "Interrupted after" if status == "interrupted" else "Unfinished after"
    return Verdict(text=f"{began} {done}; it can be continued.", tone="doubtful")


def _completed(summary: Mapping[str, Any]) -> Verdict:
    metrics, health = summary["metrics"], list(summary.get("health", []))
    error = metrics.get("test/mse")
    if error is None:
        said = "Completed without a finite test error"
    else:
        said = f"Test error {error:.3g}{beside_baseline(metrics, error)}"
    if not health:
        if error is None:
            return Verdict(text=f"{said}.", tone="bad")
        return Verdict(text=f"{said}; healthy.", tone="good")
    text = f"{said}; but {_clause(health[0])}{_and_more(len(health) - 1)}."
    return Verdict(text=text, tone="doubtful")


def beside_baseline(metrics: Mapping[str, Any], error: float) -> str:
    """An error beside that of PCA or, where there is none, of the mean example.

    Args:
        metrics: Figures of the run, by name.
        error: On the test examples.

    Returns:
        To follow the error, with a comma first; empty where there is no baseline.
    """
    for name, words in (
        ("pca/mse", "PCA at the same code size"),
        ("mean/mse", "answering with the mean example"),
    ):
        base = metrics.get(name)
        if base is None:
            continue
        if base <= 0:
            return f", where {words} has {base:.3g}"
        ratio = error / base
        if abs(ratio - 1) < _SAME:
            return f", equal to {words}"
        if ratio > 2:
            shown = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"
            return f", {shown} times that of {words}"
        side = "below" if ratio < 1 else "above"
        return f", {100 * abs(ratio - 1):.2g} % {side} {words}"
    return ""


def _clause(sentence: str) -> str:
    """The beginning of a sentence of health, to stand within another one."""
    first = _END_OF_CLAUSE.split(sentence, maxsplit=1)[0].strip()
    return first[:1].lower() + first[1:]


def _and_more(number: int) -> str:
    if number == 0:
        return ""
    return f", and {number} more warning{'s' * (number > 1)}"


def _epochs(number: int) -> str:
    return f"{number} epoch{'s' * (number != 1)}"


def _last_error(rows: Sequence[Mapping[str, Any]]) -> str:
    found = [row["val/mse"] for row in rows if row.get("val/mse") is not None]
    return f" at validation error {found[-1]:.3g}" if found else ""
