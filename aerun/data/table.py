"""Tables of the user's own: .csv files of numeric columns."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aerun.data.splits import Arrays, Source
from aerun.data.writing import table_like
from aerun.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
_SHOWN = 6  # names of columns that a message lists


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """A file as text, with its columns' names."""

    path: Path
    key: str
    """The option that named it."""
    names: list[str]
    rows: list[list[str]]


def table(
    *,
    path: str,
    test_path: str | None,
    label: str | None,
    columns: list[str] | None,
    exclude_columns: list[str],
    feature_names: Sequence[str] | None = None,
) -> Source:
    """Vectors from the numeric columns of a .csv file.

    Args:
        path: Of a file of cells between commas, semicolons, tabs or bars; a first line
            with a cell that is no number names the columns, otherwise they are called
            "1", "2", ...
        test_path: Of a file of test rows with the same columns; None: a share is held
            out.
        label: Column of labels, numbers or texts; not among the examples.
        columns: Of the examples; None: all but the label.
        exclude_columns: To leave out.
        feature_names: The columns that a trained model takes, if it is to be given
            these rows; instead of ``columns`` and ``exclude_columns``.

    Returns:
        Vectors [N, D], each column with its name.

    Raises:
        DataError: A file is absent, a column too, a cell is no number.
    """
    train = _read(Path(path).expanduser(), "dataset.path")
    tables = [train]
    if test_path is not None:
        tables.append(_read(Path(test_path).expanduser(), "dataset.test_path"))
    if feature_names is not None:
        columns, exclude_columns = list(feature_names), []
    names = _chosen(train, label, columns, exclude_columns)
    known, labels = _labels(tables, label)
    parts: list[Arrays] = [
        (_numbers(part, names), numbered)
        for part, numbered in zip(tables, labels, strict=True)
    ]
    return Source(
        train=parts[0],
        test=parts[1] if len(parts) > 1 else None,
        classes=known,
        feature_names=tuple(names),
        write=table_like(names),
    )


def _read(path: Path, key: str) -> _Table:
    """All cells of a file as text."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}; give the path of a .csv file", key=key)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{path} is no text in UTF-8; save it as CSV in UTF-8", key=key
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", key=key) from None
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        numbered = [
            (number, [cell.strip() for cell in row])
            for number, row in _numbered_rows(lines, delimiter)
        ]
    except csv.Error as error:
        raise DataError(f"{path} is no CSV file ({error})", key=key) from None
    if not numbered:
        raise DataError(f"{path} is empty; give a file with rows of numbers", key=key)
    head = numbered[0][1]
    titled = any(_number(cell) is None for cell in head)
    names = head if titled else [str(i + 1) for i in range(len(head))]
    body = numbered[1:] if titled else numbered
    if not body:
        raise DataError(f"{path} has a first line with names, but no rows", key=key)
    for number, row in body:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {number}: {len(row)} cells, but the first line has "
                f"{len(names)}; make them the same",
                key=key,
            )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"{path} has several columns called '{twice[0]}'; give each its own name",
            key=key,
        )
    return _Table(path=path, key=key, names=names, rows=[row for _, row in body])


def _numbered_rows(lines: list[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line in which it ends."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    return [(reader.line_num, row) for row in reader if any(c.strip() for c in row)]


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
                    f"{found.path} has no column '{name}'; it has {_some(found.names)}",
                    key=key,
                )
    names = [n for n in columns or found.names if n not in excluded and n != label]
    if not names:
        raise DataError(f"no column of {found.path} is left", key="dataset.columns")
    return names


def _numbers(found: _Table, names: Sequence[str]) -> np.ndarray:
    """The cells of some columns, [N, D]."""
    if missing := [name for name in names if name not in found.names]:
        raise DataError(
            f"{found.path} has no column '{missing[0]}', which the training file has; "
            f"it has {_some(found.names)}",
            key=found.key,
        )
    places = [found.names.index(name) for name in names]
    cells = [[row[place] for place in places] for row in found.rows]
    try:
        return np.asarray(cells, dtype=np.float64)
    except ValueError:
        raise _bad_cell(found, names, cells) from None


def _bad_cell(found: _Table, names: Sequence[str], cells: list[list[str]]) -> DataError:
    """The first cell that is no number, and what to do about it."""
    for number, row in enumerate(cells):
        for name, cell in zip(names, row, strict=True):
            if _number(cell) is None:
                place = f"{found.path}, row {number + 1}, column '{name}'"
                what = f"'{cell}' is no number" if cell else "the cell is empty"
                out = f"dataset.exclude_columns=['{name}']"
                return DataError(
                    f"{place}: {what}; correct it or take the row out, leave the "
                    f"column out with {out}, or use it as dataset.label='{name}'",
                    key=found.key,
                )
    raise AssertionError("every cell is a number, so NumPy could read them")


def _labels(
    tables: Sequence[_Table], label: str | None
) -> tuple[tuple[str, ...] | None, list[np.ndarray | None]]:
    """Names of the classes, and each table's labels; all number them alike."""
    if label is None:
        return None, [None for _ in tables]
    texts = []
    for found in tables:
        if label not in found.names:
            problem = f"{found.path} has no column '{label}'"
            raise DataError(problem, key="dataset.label")
        place = found.names.index(label)
        texts.append([row[place] for row in found.rows])
    known = sorted({text for part in texts for text in part}, key=_label_order)
    number = {text: i for i, text in enumerate(known)}
    labels = [np.asarray([number[t] for t in part], dtype=np.int64) for part in texts]
    return tuple(known), list(labels)


def _label_order(text: str) -> tuple[float, str]:
    """Numbers by value, before texts."""
    number = _number(text)
    return (float("inf") if number is None else number, text)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
