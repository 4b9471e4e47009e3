"""Files of a run directory read back: whole and of their kind, or an error by name."""

import csv
import io
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from aerun import seals
from aerun.errors import RunDirectoryError

log = logging.getLogger("aerun")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C, ten times faster
_DEEPEST = 60  # lists and mappings inside each other

_NUMBERS = ("num_parameters", "steps", "best_epoch", "seconds", "samples_per_second")
"""What ``summary.json`` says in numbers, beside its metrics."""
_BY_NAME = ("versions", "weights_sha256")
"""What it says by name, of a library or a file."""


def damaged(path: Path, reason: object) -> RunDirectoryError:
    """The error about a file that does not hold what was written to it."""
    return RunDirectoryError(f"{path} is damaged ({reason})")


def json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        FileNotFoundError: There is no such file.
        RunDirectoryError: It is damaged.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    if not isinstance(value, dict):
        raise damaged(path, "it holds no JSON object")
    return value


def yaml_value(path: Path) -> Any:
    """Read YAML without objects.

    Raises:
        FileNotFoundError: There is no such file.
        RunDirectoryError: It is damaged, or made to become much larger than it is.
    """
    try:
        text = path.read_text(encoding="utf-8")
        value = yaml.load(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise damaged(path, " ".join(str(error).split())) from None
    _check_size(value, 10 * len(text) + 1000, path)
    return value


def _check_size(value: Any, most: int, path: Path) -> None:
    """Find no more values than a text can hold; names of values may repeat them.

    Raises:
        RunDirectoryError: There are more, or they lie too deep.
    """
    waiting = [(value, 0)]
    while waiting:
        value, depth = waiting.pop()
        below: Iterable[Any] = ()
        if isinstance(value, Mapping):
            below = value.values()
        elif isinstance(value, list):
            below = value
        most -= 1
        waiting += [(item, depth + 1) for item in below]
        if most < len(waiting) or depth > _DEEPEST:
            raise damaged(path, "its values repeat each other without an end")


def table(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV file of figures: numbers, and names of phases.

    Raises:
        FileNotFoundError: There is no such file.
        RunDirectoryError: It is damaged.
    """
    rows, content = [], path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise damaged(path, error) from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            if None in row or None in row.values():
                wanted = len(reader.fieldnames or ())
                raise ValueError(f"it has not {wanted} columns")
            rows.append(
                {
                    key: value if key == "phase" else float(value)
                    for key, value in row.items()
                    if value != ""
                }
            )
        if text and not text.endswith("\n"):
            raise ValueError("it ends in the middle")
    except (csv.Error, ValueError) as error:
        raise damaged(path, f"line {reader.line_num}: {error}") from None
    return rows


def summary(path: Path) -> dict[str, Any]:
    """Read a ``summary.json``, whose figures are numbers or null.

    Raises:
        FileNotFoundError: There is no such file.
        RunDirectoryError: It is damaged.
    """
    found = json_object(path)
    metrics = found.get("metrics", None if found.get("status") == "completed" else {})
    if not isinstance(metrics, dict):
        raise damaged(path, "it has no metrics")
    _check(metrics | {name: found.get(name) for name in _NUMBERS}, path)
    for name in _BY_NAME:
        if not isinstance(found.get(name, {}), dict):
            raise damaged(path, f"{name} is {found[name]!r}, no object")
    return found


def evaluation(path: Path) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Read an ``evaluation.json``.

    Returns:
        Whether it tells of the data that the run was trained on, and its figures by
        name: values are numbers or lists.

    Raises:
        FileNotFoundError: There is no such file.
        RunDirectoryError: It is damaged.
    """
    found = json_object(path)
    data, figures = found.get("data", {}), found.get("figures")
    if not isinstance(data, dict):
        raise damaged(path, f"its data are {data!r}")
    if not isinstance(figures, dict):
        raise damaged(path, "it has no figures")
    for name, figure in figures.items():
        if not isinstance(figure, dict):
            raise damaged(path, f"{name} is {figure!r}, no figure")
        value = figure.get("value")
        _check({name: None if isinstance(value, list) else value}, path)
        error = "standard_error"
        _check({f"the {error} of {name}": figure.get(error)}, path)
    return data.get("of_the_run") is not False, figures


def _check(figures: Mapping[str, Any], path: Path) -> None:
    """Find all numbers, or null where there is none.

    Raises:
        RunDirectoryError: Another value is among them.
    """
    for name, value in figures.items():
        if not isinstance(value, int | float | None):
            raise damaged(path, f"{name} is {value!r}, no number")


def by_age(directory: Path, folder: str, name: str) -> list[Path]:
    """Files of folders called ``folder``, ``folder_2``, ..., the newest last.

    A folder of a user's own, such as ``folder_old``, is none of them.
    """
    numbered = re.compile(rf"{re.escape(folder)}(?:_([0-9]+))?")
    found = (
        (int(match[1] or 1), path)
        for path in directory.glob(f"{folder}*/{name}")
        if (match := numbered.fullmatch(path.parent.name))
    )
    return [path for _, path in sorted(found)]


# -- tensors ---------------------------------------------------------------------------


def tensors(path: Path, what: str) -> dict[str, Tensor]:
    """Read a file of tensors.

    Args:
        path: Of the file.
        what: It holds, for the message.

    Raises:
        RunDirectoryError: It is absent or damaged.
    """
    if not path.is_file():
        raise RunDirectoryError(f"{path} does not exist; the run saved no {what} yet")
    try:
        return seals.load(path)[0]
    except ValueError as error:
        raise damaged(path, error) from None


def state(
    paths: Sequence[Path],
) -> tuple[dict[str, Tensor], dict[str, Any], Path] | None:
    """The first state that is whole, with its file, or None where there is none.

    Those that are damaged are named.

    Raises:
        RunDirectoryError: States are there, all damaged.
    """
    unread = []
    for path in paths:
        if not path.is_file():
            continue
        try:
            tensors, metadata = seals.load(path)
            values = json.loads(metadata["state"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            unread.append(f"{path} ({error})")
            continue
        if unread:
            log.warning("Damaged: %s; going on from %s.", ", ".join(unread), path)
        return tensors, values, path
    if unread:
        raise RunDirectoryError(f"damaged: {', '.join(unread)}")
    return None
