"""What a run recorded of its data, found whole before it is used."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from aerun.data.splits import Spec

_NUMBERS = ("low", "high", "stored_low", "stored_high")


def problem_with_record(known: Mapping[str, Any]) -> str:
    """What is wrong with the record of a ``Spec``, as YAML gives it; "" for nothing."""
    names = {field.name for field in fields(Spec)} - {"whitening"}
    if wrong := sorted(names ^ {str(name) for name in known}):
        return f"its data lack {wrong[0]}" if wrong[0] in names else f"data.{wrong[0]}"
    shape = known["shape"]
    if not _are(shape, int) or len(shape) not in (1, 3) or min(shape) < 1:
        return f"data.shape is {shape!r}"
    for name in ("shift", "scale"):
        if not _are(known[name], int | float) or not known[name]:
            return f"data.{name} is no list of numbers"
    for name in ("classes", "feature_names"):
        if known[name] is not None and not _are(known[name], str):
            return f"data.{name} is no list of texts"
    for name in _NUMBERS:
        if not isinstance(known[name], int | float):
            return f"data.{name} is {known[name]!r}, no number"
    try:
        np.dtype(known["dtype"])
    except TypeError:
        return f"data.dtype is {known['dtype']!r}"
    return ""


def _are(values: Any, kind: Any) -> bool:
    """Whether this is a list of such values."""
    return isinstance(values, list) and all(
        isinstance(value, kind) and not isinstance(value, bool) for value in values
    )
