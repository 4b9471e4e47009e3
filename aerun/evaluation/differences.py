"""In which settings runs differ, and short names that tell them apart."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aerun.data.sources import PLACES
from aerun.evaluation.recorded import RecordedRun
from aerun.options import show

_NO_SETTINGS = ("seed", "format", "data", "task", "tracker", "run", "runs")
_PLACES = {f"dataset.{name}" for name in PLACES}
_DATA = "data_hash"


def same_but_seed(run: RecordedRun) -> str:
    """What runs of the same settings and data share, whatever their seed."""
    return json.dumps(dict(_values(run)), sort_keys=True)


def settings(run: RecordedRun) -> dict[str, Any]:
    """Every setting by its dotted key: what was chosen, then every value.

    Files and folders of the data are not among them: the hash of the data is.
    """
    chosen = {**run.choices, **dict(_lists(run.config))}
    kept = {key: value for key, value in chosen.items() if key not in _NO_SETTINGS}
    return {**dict(_values(run)), **kept}


def differing(runs: Sequence[RecordedRun]) -> dict[str, list[Any]]:
    """The settings that are not the same in all runs.

    Args:
        runs: One of each group.

    Returns:
        By dotted key the value in each run, "" where a run has no such setting; first
        what was typed, then what was chosen, then values. A class that was chosen with
        something above it is not named again.
    """
    each = [settings(run) for run in runs]
    keys = dict.fromkeys(key for found in each for key in found)
    columns = {key: [found.get(key, "") for found in each] for key in keys}
    columns = {key: values for key, values in columns.items() if _differ(values)}
    choices = dict.fromkeys(key for run in runs for key in _choices_of(run))
    typed = dict.fromkeys(key for run in runs for key in run.typed)
    order = [*sorted(typed, key=_weight), *choices, *sorted(columns, key=_weight)]
    ordered = {key: columns[key] for key in dict.fromkeys(order) if key in columns}
    explained = {
        key
        for key, values in ordered.items()
        if key.endswith("_target_")
        and any(
            f"{key}.".startswith(f"{choice}.") and _settles(ordered[choice], values)
            for choice in choices
            if choice in ordered
        )
    }
    return {key: values for key, values in ordered.items() if key not in explained}


def telling(columns: Mapping[str, Sequence[Any]], typed: Iterable[str]) -> list[str]:
    """The settings that are enough to tell all runs apart.

    Args:
        columns: As ``differing`` gives them.
        typed: Keys that were typed: where they are enough, no others are named.
    """
    wanted = set(typed)
    rows = len(next(iter(columns.values()), ()))
    kept: list[str] = []
    for key in sorted(columns, key=lambda key: key not in wanted):
        if _num_distinct(columns, [*kept, key], rows) > _num_distinct(
            columns, kept, rows
        ):
            kept.append(key)
    for key in reversed(kept[1:]):  # what later ones tell too
        rest = [other for other in kept if other != key]
        if _num_distinct(columns, rest, rows) == rows:
            kept = rest
    return kept


def short_names(columns: Mapping[str, Sequence[Any]], keys: Sequence[str]) -> list[str]:
    """A name for each run, of the settings that tell it apart.

    Args:
        columns: Of all settings that differ.
        keys: Those to be named, as ``telling`` gives them. The first is always told,
            its value without its key where that is a word; others only where their
            value is not that of most runs.
    """
    shorter = short_keys(keys)
    names = []
    for row in range(len(next(iter(columns.values()), ()))):
        parts = []
        for place, key in enumerate(keys):
            value = columns[key][row]
            if place and _is_usual(value, columns[key]):
                continue
            if value == "":
                parts.append(f"no {shorter[key]}")
            elif place == 0 and "." not in key and _is_word(value):
                parts.append(str(value))
            else:
                parts.append(f"{shorter[key]}={show(value)}")
        names.append(" ".join(parts))
    return names


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """The last word of each key; the last two where others end in the same."""
    lasts = [key.rpartition(".")[2] for key in keys]
    return {
        key: last if lasts.count(last) == 1 else ".".join(key.split(".")[-2:])
        for key, last in zip(keys, lasts, strict=True)
    }


def _is_usual(value: Any, values: Sequence[Any]) -> bool:
    """Whether most have this value."""
    same = [_text(other) == _text(value) for other in values]
    return 2 * sum(same) > len(same)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value not in ("none", "null")


def _values(run: RecordedRun) -> Iterator[tuple[str, Any]]:
    """Every value of a config by its dotted key, and the hash of the data."""
    for key, node in run.config.items():
        if key not in _NO_SETTINGS:
            yield from ((k, v) for k, v in _flat(node, key) if k not in _PLACES)
    yield _DATA, run.config["data"]["fingerprint"]


def _flat(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping) and node:
        for name, value in node.items():
            yield from _flat(value, f"{key}.{name}")
    elif node != {}:
        yield key, node


def _lists(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Groups of which several are chosen at once, with the names in each."""
    for key, node in config.items():
        if not isinstance(node, Mapping) or "_target_" in node or key in _NO_SETTINGS:
            continue
        if all(
            isinstance(part, Mapping) and "_target_" in part for part in node.values()
        ):
            names = ",".join(node) or "none"
            yield key, f"[{names}]" if len(node) > 1 else names


def _choices_of(run: RecordedRun) -> list[str]:
    chosen = {**run.choices, **dict(_lists(run.config))}
    return sorted(chosen, key=_weight)


def _weight(key: str) -> tuple[bool, int]:
    """Sorts what decides most of a run first: groups before what is in them."""
    group = key.partition(".")[0]
    place = _ORDER.index(group) if group in _ORDER else len(_ORDER)
    return "." in key, place


_ORDER = ("experiment", "model", "dataset", "corruption", "loss", "regularizer")


def _differ(values: Sequence[Any]) -> bool:
    return len({_text(value) for value in values}) > 1


def _settles(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether equal values mean equal others."""
    pairs = {(_text(a), _text(b)) for a, b in zip(values, others, strict=True)}
    return len(pairs) == len({_text(value) for value in values})


def _num_distinct(
    columns: Mapping[str, Sequence[Any]], keys: Sequence[str], rows: int
) -> int:
    return len({tuple(_text(columns[k][i]) for k in keys) for i in range(rows)})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
