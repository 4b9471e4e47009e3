"""Tables that grow: whole at any instant, and no slower for their length."""

from pathlib import Path
from typing import Any

import pytest

from aerun.errors import RunDirectoryError, StorageError
from aerun.reading import table
from aerun.rundir import RunDirectory
from aerun.tables import GrowingTable, as_csv, columns_of

PAGE = 4096


def rows_to(number: int, width: int = 6) -> list[dict[str, Any]]:
    """Rows of which the 40th and later have a column more."""
    rows = []
    for epoch in range(1, number + 1):
        row = {"epoch": epoch, **{f"val/{i}": epoch / (i + 3) for i in range(width)}}
        rows.append({**row, "late": -epoch / 7} if epoch >= 40 else row)
    return rows


class Writes:
    """Counts the files that are written as a whole."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Watch run directories."""
        self.number, real = 0, RunDirectory.write

        def write(run: RunDirectory, *arguments: Any, **named: Any) -> Path:
            self.number += 1
            return real(run, *arguments, **named)

        monkeypatch.setattr(RunDirectory, "write", write)


def test_a_table_that_grows_is_what_it_were_if_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each row; as a whole it is written only where a line lies in two pages."""
    writes, rows = Writes(monkeypatch), rows_to(300)
    growing = GrowingTable(RunDirectory(tmp_path), "metrics.csv")
    for number in range(1, len(rows) + 1):
        growing.write(rows[:number])
        whole = as_csv(rows[:number], columns_of(rows[:number]))
        assert (tmp_path / "metrics.csv").read_bytes() == whole
    assert table(tmp_path / "metrics.csv")[-1] == rows[-1]
    assert writes.number <= len(whole) // PAGE + 3
    assert writes.number > 3


def test_no_line_that_is_added_lies_in_two_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a kill, which can end a write between two, leaves no half of one."""
    path, real, added = tmp_path / "metrics.csv", GrowingTable._added, []

    def watched(growing: GrowingTable, line: bytes) -> bool:
        before = path.stat().st_size
        if did := real(growing, line):
            added.append((before, path.stat().st_size))
        return did

    monkeypatch.setattr(GrowingTable, "_added", watched)
    growing, rows = GrowingTable(RunDirectory(tmp_path), "metrics.csv"), rows_to(200)
    for number in range(1, len(rows) + 1):
        growing.write(rows[:number])
    assert len(added) > 150
    assert all(a // PAGE == (b - 1) // PAGE for a, b in added)


def test_a_table_is_begun_anew_by_who_did_not_write_it(tmp_path: Path) -> None:
    """Rows past the state of a run that goes on are cut, and those of half a line."""
    rows = rows_to(9)
    for number in (9, 5, 6):
        growing = GrowingTable(RunDirectory(tmp_path), "metrics.csv")
        growing.write(rows[:number])
        assert table(tmp_path / "metrics.csv") == rows[:number]
        with open(tmp_path / "metrics.csv", "ab") as file:
            file.write(b"10,0.")
        with pytest.raises(RunDirectoryError, match="is damaged"):
            table(tmp_path / "metrics.csv")


def test_a_disk_that_takes_half_a_line_keeps_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table ends with the row before, and the disk is told to be full."""
    growing, rows = GrowingTable(RunDirectory(tmp_path), "metrics.csv"), rows_to(3)
    growing.write(rows[:1])
    growing.write(rows[:2])
    real = open

    class Half:
        """A file that takes four bytes and says so."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            self.file = real(*arguments, **named)

        def __enter__(self) -> "Half":
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> int:
            return self.file.write(content[:4])

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    with monkeypatch.context() as patch:
        patch.setattr("aerun.tables.open", Half, raising=False)
        with pytest.raises(StorageError, match="make room"):
            growing.write(rows)
    assert table(tmp_path / "metrics.csv") == rows[:2]
    growing.write(rows)
    assert table(tmp_path / "metrics.csv") == rows
