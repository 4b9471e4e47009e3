"""Figures on their way into files: tables as CSV, whole or growing; JSON."""

import csv
import errno
import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aerun.locks import writable

if TYPE_CHECKING:
    from aerun.rundir import RunDirectory

Row = Mapping[str, Any]

_PAGE = 4096  # bytes that the system takes from a write in one go


def columns_of(rows: Sequence[Row]) -> list[str]:
    """All keys of some rows, in the order in which they come."""
    return list(dict.fromkeys(key for row in rows for key in row))


def as_csv(rows: Sequence[Row], columns: Sequence[str], *, head: bool = True) -> bytes:
    """Lines of a table; numbers in the shortest form that reads back exactly.

    Args:
        rows: One line each.
        columns: In order; what a row lacks stays empty.
        head: Whether a line of their names comes first.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if head:
        writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    # Names of files may be no UTF-8.
    return text.getvalue().encode(errors="backslashreplace")


class GrowingTable:
    """A table of a run directory that has a row more each time it is written.

    Writing all of it each time would take more and more time. So a line is added to
    the file, where that cannot leave half of one: a process can be killed between two
    pages of a write, never within one. Else the file is replaced as a whole.
    """

    def __init__(self, run: "RunDirectory", name: str) -> None:
        """Begin with what is not there yet, or is replaced."""
        self._run, self._name = run, name
        self._columns: list[str] = []
        self._number = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, of which all but the last may be there."""
        path = self._run.path / self._name
        more = len(rows) == self._number + 1 and rows[-1].keys() <= set(self._columns)
        if not (more and path.is_file()):
            self._columns = columns_of(rows)
            self._run.write(self._name, as_csv(rows, self._columns))
        elif not self._added(line := as_csv(rows[-1:], self._columns, head=False)):
            self._run.write(self._name, path.read_bytes() + line)
        self._number = len(rows)

    def _added(self, line: bytes) -> bool:
        """Add a line to the file, unless it would lie in two pages."""
        path = self._run.path / self._name
        if path.is_symlink():  # nothing is written through it
            return False
        with writable(path), open(path, "r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if end // _PAGE != (end + len(line) - 1) // _PAGE:
                return False
            if file.write(line) != len(line):
                file.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return True


def finite(value: Any) -> Any:
    """Figures as JSON can say them: null for NaN and infinities."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
