"""Tables of the user's own: .csv files of numeric columns."""

import math
import os
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path

import numpy as np

from aerun.data.cells import rows
from aerun.data.sources import some
from aerun.data.splits import LARGEST_VALUE, Arrays, Source
from aerun.data.writing import table_like
from aerun.errors import DataError

_DELIMITERS = ("\t", ";", "|", ",")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_MISSING = {"", "na", "n/a", "null", "none", "?", "-"}  # written for "no value"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """A file and how it is laid out."""

    path: Path
    key: str
    """The option that named it."""
    names: list[str]
    """Of its columns."""
    titled: bool
    """Whether the first row holds them."""
    delimiter: str


def table(
    *,
    path: str,
    test_path: str | None,
    label: str | int | None,
    columns: list[str | int] | None,
    exclude_columns: list[str | int],
    feature_names: Sequence[str] | None = None,
) -> Source:
    """Vectors from the numeric columns of a .csv file.

    Args:
        path: Of a file of cells between commas, semicolons, tabs or bars. A first row
            without any number, or with a name above a number, names the columns;
            otherwise they are called "1", "2", ...
        test_path: Of a file of test rows with the same columns; None: a share is held
            out.
        label: Column of labels, numbers or texts; not among the examples.
        columns: Of the examples, by name or number; None: all but the label.
        exclude_columns: To leave out.
        feature_names: The columns that a trained model takes, if it is to be given
            these rows; instead of ``columns`` and ``exclude_columns``.

    Returns:
        Vectors [N, D], each column with its name.

    Raises:
        DataError: A file is absent, a column too, a cell is no number.
    """
    train = _open(path, "dataset.path")
    tables = [train]
    if test_path is not None:
        tables.append(_open(test_path, "dataset.test_path"))
    # Of columns without names the numbers are the names.
    labelled = None if label is None else str(label)
    wanted = None if columns is None else [str(name) for name in columns]
    excluded = [str(name) for name in exclude_columns]
    if feature_names is not None:
        wanted, excluded = list(feature_names), []
    names = _chosen(train, labelled, wanted, excluded)
    values, texts = zip(*(_read(part, names, labelled) for part in tables), strict=True)
    known, labels = (None, [None] * len(tables)) if label is None else _numbered(texts)
    parts: list[Arrays] = list(zip(values, labels, strict=True))
    return Source(
        train=parts[0],
        test=parts[1] if len(parts) > 1 else None,
        classes=known,
        feature_names=tuple(names),
        notes=tuple(_note(*part) for part in zip(tables, values, strict=True)),
        write=table_like(names),
        path=str(train.path),
    )


table.settled = ("columns", "exclude_columns")  # type: ignore[attr-defined]


def _note(found: _Table, values: np.ndarray) -> str:
    """How a file was read; a first line can be meant otherwise."""
    rows, columns = len(values), len(found.names)
    return (
        f"{found.path}: {rows:,} row{'s' * (rows != 1)}, {columns:,} "
        f"column{'s' * (columns != 1)}; the first line "
        f"{'holds names' if found.titled else 'is a row'}."
    )


def _open(given: str, key: str) -> _Table:
    """Find out what the columns of a file are called and where its rows begin."""
    path = Path(os.path.expanduser(given))
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "does not exist"
        raise DataError(f"{path} {what}; give the path of a .csv file", key=key)
    delimiter = _delimiter(path, key)
    first = list(islice(rows(path, key, delimiter), 2))
    if not first:
        raise DataError(f"{path} is empty; give a file with rows of numbers", key=key)
    head, *below = [[cell.strip() for cell in row] for _, row in first]
    titled = _is_header(head, below[0] if below else None)
    names = head if titled else [str(i + 1) for i in range(len(head))]
    if titled and not below:
        raise DataError(
            f"{path} has a first line with names, but no rows; give a file with rows "
            "of numbers",
            key=key,
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"{path} has several columns called '{twice[0]}'; give each its own name",
            key=key,
        )
    return _Table(path=path, key=key, names=names, titled=titled, delimiter=delimiter)


def _delimiter(path: Path, key: str) -> str:
    """What stands between cells; a comma only where nothing else does.

    A comma may also be in a number, so it comes last; whatever it is, the first two
    rows have as many cells.
    """
    numbers: dict[str, list[int]] = {}
    for delimiter in _DELIMITERS:
        numbers[delimiter] = []
        with suppress(DataError):  # quotes make no sense with this one
            for _, row in islice(rows(path, key, delimiter), 2):
                numbers[delimiter].append(len(row))
    for delimiter, cells in numbers.items():
        if cells and cells[0] > 1 and len(set(cells)) == 1:
            return delimiter
    return max(reversed(_DELIMITERS), key=lambda d: numbers[d][:1])


def _is_header(head: list[str], below: list[str] | None) -> bool:
    """No cell of the first row is a number, or a name stands above a number."""
    is_name = [
        _number(cell) is None and not _DECIMAL_COMMA.fullmatch(cell) for cell in head
    ]
    if all(is_name):
        return True
    return any(
        name and cell.lower() not in _MISSING and _number(under) is not None
        for name, cell, under in zip(is_name, head, below or [], strict=False)
    )


def _chosen(
    found: _Table,
    label: str | None,
    columns: list[str] | None,
    excluded: Sequence[str],
) -> list[str]:
    """Names of the columns that make up an example."""
    wanted = {"dataset.columns": columns or [], "dataset.exclude_columns": excluded}
    wanted["dataset.label"] = [] if label is None else [label]
    for key, names in wanted.items():
        for name in names:
            if name not in found.names:
                raise DataError(
                    f"{found.path} has no column '{name}'; it has "
                    f"{some(found.names, name)}",
                    key=key,
                )
    names = found.names if columns is None else columns
    names = [name for name in names if name not in excluded and name != label]
    if not names:
        raise DataError(
            f"no column of {found.path} is left to learn from; it has "
            f"{some(found.names)}: name some in dataset.columns, or exclude fewer",
            key="dataset.columns" if columns is not None else "dataset.exclude_columns",
        )
    return names


def _read(
    found: _Table, names: Sequence[str], label: str | None
) -> tuple[np.ndarray, list[str]]:
    """The numbers in some columns, [N, D], and the texts in that of the labels."""
    wanted = [*names, *([] if label is None else [label])]
    if missing := [name for name in wanted if name not in found.names]:
        raise DataError(
            f"{found.path} has no column '{missing[0]}', which the training file has; "
            f"it has {some(found.names, missing[0])}",
            key=found.key,
        )
    places = [found.names.index(name) for name in names]
    pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
    values, texts = array("d"), []
    every = rows(found.path, found.key, found.delimiter)
    for line, row in islice(every, int(found.titled), None):
        if len(row) != len(found.names):
            raise DataError(
                f"{found.path}, line {line}: {len(row)} cells, but the first line has "
                f"{len(found.names)}; make them the same",
                key=found.key,
            )
        cells = pick(row)
        try:
            values.extend(map(float, cells))
        except ValueError:
            raise _bad_cell(found, names, cells, line) from None
        if "_" in "".join(cells):  # Python reads 12_3 as 123
            raise _bad_cell(found, names, cells, line)
        if label is not None:
            text = row[found.names.index(label)].strip()
            if not text:
                raise DataError(
                    f"{found.path}, line {line}: no label in column '{label}'; fill "
                    "it in or take the row out",
                    key=found.key,
                )
            texts.append(text)
    x = np.frombuffer(values, dtype=np.float64).reshape(-1, len(names))
    finite = (np.abs(x) <= LARGEST_VALUE).all(axis=1)  # and no NaN
    if not finite.all():  # looked up again, so that a good file is read without a count
        first = int(np.argmin(finite))
        every = rows(found.path, found.key, found.delimiter)
        line, row = next(islice(every, first + int(found.titled), None))
        raise _bad_cell(found, names, pick(row), line)
    return x, texts


def _bad_cell(
    found: _Table, names: Sequence[str], cells: Sequence[str], line: int
) -> DataError:
    """The first cell of a row that is no finite number, and what to do about it."""
    name, cell, number = next(
        (name, cell.strip(), _number(cell))
        for name, cell in zip(names, cells, strict=True)
        if _number(cell) is None or not abs(_number(cell) or 0) <= LARGEST_VALUE
    )
    what = f"'{cell}' is no number" if number is None else f"'{cell}' is not finite"
    what = what if cell else "the cell is empty"
    if number is not None and math.isfinite(number):
        what = f"'{cell}' is beyond {LARGEST_VALUE:.2g}, which float32 ends with"
    if _DECIMAL_COMMA.fullmatch(cell):
        what += " (decimals are written with a point)"
    quoted = name.replace("'", "\\'")
    return DataError(
        f"{found.path}, line {line}, column '{name}': {what}; correct it or take the "
        f"row out, leave the column out with dataset.exclude_columns=['{quoted}'], or "
        f"use it as dataset.label='{quoted}'",
        key=found.key,
    )


def _numbered(
    texts: Sequence[list[str]],
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Names of the classes, and each part's labels; all number them alike."""
    known = sorted({text for part in texts for text in part}, key=_label_order)
    number = {text: i for i, text in enumerate(known)}
    labels = [np.asarray([number[t] for t in part], dtype=np.int64) for part in texts]
    return tuple(known), labels


def _label_order(text: str) -> tuple[float, str]:
    """Numbers by value, before texts."""
    number = _number(text)
    return (float("inf") if number is None else number, text)


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None
