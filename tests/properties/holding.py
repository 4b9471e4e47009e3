"""Properties tried on drawn examples: a few in the quick suite, thousands in all."""

import contextlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from making import later

from aerun.cli import main

T = TypeVar("T")

_SEED = int(os.environ.get("AERUN_PROPERTY_SEED", "0"))
"""Another one draws other examples, to look further than the suite does."""

_BUG = re.compile(r"Traceback|Logging error|Warning: |site-packages")


def examples(few: int, many: int) -> Any:
    """How many are tried: a few in the quick suite, many with all others."""
    return pytest.mark.parametrize("number", [few, later(many)], ids=["few", "many"])


def hold(number: int, drawn: st.SearchStrategy[T], check: Callable[[T], None]) -> None:
    """Check a property on drawn examples, the same ones every time.

    Args:
        number: Of examples.
        drawn: Where they come from.
        check: Fails on one that does not have the property; the simplest is shown.
    """

    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @seed(_SEED)
    @given(drawn)
    def tried(example: T) -> None:
        check(example)

    tried()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str
    left: list[str] = field(default_factory=list)
    """Files and folders that it left in the folder where it worked."""


def carried_out(*arguments: str) -> Outcome:
    """Carry out a command in the current folder, and see what is left there."""
    before = set(_everything())
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    left = sorted(set(_everything()) - before)
    return Outcome(code=code, out=out.getvalue(), err=err.getvalue(), left=left)


def _everything() -> Iterator[str]:
    for folder, folders, files in os.walk("."):
        yield from (os.path.join(folder, name) for name in (*folders, *files))


def swept(folder: Path) -> None:
    """Take away whatever lies in a folder."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def check_told(outcome: Outcome) -> None:
    """A command ends with a code that means something, and with no more than words.

    A refused request is one message, a line for each mistake, and leaves nothing.
    """
    said = outcome.out + outcome.err
    assert outcome.code in (0, 1, 2), said
    assert not _BUG.search(said), said
    if outcome.code == 2:
        check_message(outcome.err)
        assert outcome.left == [], outcome.err
    if outcome.code == 1:
        *_, last = outcome.err.splitlines()
        assert last.startswith("aerun: "), outcome.err


def check_message(text: str) -> None:
    """One line, or a head that counts the lines below it; each names what is wrong."""
    lines = [line for line in text.split("\n") if line]
    first = next(i for i, line in enumerate(lines) if line.startswith("aerun: "))
    head, *mistakes = lines[first:]
    if mistakes:
        assert head == f"aerun: {len(mistakes)} mistakes", text
    assert len(head) > len("aerun: 2 mistakes") or mistakes, text
    assert all(re.match(r"  .*\S: \S", line) for line in mistakes), text
    assert max(len(line) for line in lines) < 9000, text
    control = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
    assert not control.search(text), repr(text)


def check_completed(outcome: Outcome, directory: str) -> None:
    """A run that ended well left a whole directory, one that did not says so."""
    check_told(outcome)
    if outcome.code == 2:
        return
    folder = Path(directory)
    summary = json.loads((folder / "summary.json").read_text())
    status = "completed" if outcome.code == 0 else "failed"
    assert summary["status"] == status, outcome.err
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]
    wanted = ["config.yaml", "metrics.csv", "report.html", "checkpoints"]
    if status == "completed":
        assert [n for n in wanted if not (folder / n).exists()] == []


def words(arguments: Sequence[str]) -> str:
    """A command as it is shown when a property fails."""
    return " ".join(map(repr, arguments))
