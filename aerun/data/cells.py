"""Rows of cells in a text file, none larger than a table has them."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from aerun.errors import DataError

_LONGEST = 2**26  # letters of a line; the csv module has a limit for each cell


def rows(path: Path, key: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line in which it ends.

    Args:
        path: Of the file.
        key: The option that named it.
        delimiter: Stands between cells.

    Raises:
        DataError: It is no text, cannot be read, or has a row that is none.
    """
    line = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(
                _lines(file), delimiter=delimiter, strict=True, skipinitialspace=True
            )
            for row in reader:
                line = reader.line_num
                if any(map(str.strip, row)):
                    yield line, row
    except UnicodeDecodeError:
        problem = "is no text in UTF-8; save it as CSV in UTF-8"
        raise DataError(f"{path} {problem}", key=key) from None
    except csv.Error as error:
        raise DataError(
            f"{path} is no CSV file ({error}, after line {line}); correct its quotes",
            key=key,
        ) from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); change its permissions, or "
            "copy it elsewhere",
            key=key,
        ) from None


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file, each whole.

    Raises:
        csv.Error: One is so long that it could fill the memory.
    """
    while line := file.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise csv.Error(f"a line has more than {_LONGEST:,} letters")
        yield line
