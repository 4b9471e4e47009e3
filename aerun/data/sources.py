"""Whether what a data set function returned can be worked with."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np

from aerun.data.mapped import Mapped
from aerun.data.splits import Source, non_finite
from aerun.errors import DataError

PLACES = ("path", "test_path", "root")
"""Options of a data set that name a file or folder."""

_TYPES = {"uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}
"""Of examples; PyTorch cannot index unsigned types wider than 8 bits."""
_SHOWN = 6  # names that a message lists


def check_source(source: Any) -> Source:
    """Find what is wrong with a source, a user's own above all.

    Args:
        source: What a data set function returned.

    Returns:
        The same.

    Raises:
        DataError: It is no ``Source``, or what is in it does not fit together.
    """
    if not isinstance(source, Source):
        raise DataError(
            "the data set function must return aerun.data.Source, not "
            f"{type(source).__name__}"
        )
    parts = {"training": source.train}
    if source.test is not None:
        parts["test"] = source.test
    for name, part in parts.items():
        if not isinstance(part, tuple | list) or len(part) != 2:
            raise DataError(
                f"the {name} part must be a pair of examples and labels (or None), "
                f"not {type(part).__name__}"
            )
        problem = _examples_problem(part[0], source) or _labels_problem(*part, source)
        if problem:
            raise DataError(f"the {name} examples {problem}")
    _check_alike(source)
    _check_names(source, sum(len(x) for x, _ in parts.values()))
    return source


def some(names: Sequence[str], typed: str = "", *, shown: int = _SHOWN) -> str:
    """Some names; where they are too many, first those that may have been meant."""
    if len(names) <= shown:
        return ", ".join(names)
    near = difflib.get_close_matches(typed, names)
    names = [*near, *(name for name in names if name not in near)]
    return f"{', '.join(names[:shown])} and {len(names) - shown} more"


def _examples_problem(x: Any, source: Source) -> str:
    """What is wrong with the examples of a part; "" for nothing."""
    if not isinstance(x, np.ndarray | Mapped):
        return f"must be a NumPy array, not {type(x).__name__}"
    if x.dtype.name not in _TYPES or not x.dtype.isnative:
        return f"are of type {x.dtype}; make them uint8, float32 or float64"
    images = len(x.shape) == 4 and x.shape[1] in (1, 3)
    if not (images or len(x.shape) == 2) or 0 in x.shape:
        return (
            f"have shape {list(x.shape)}; give vectors [N, D], or images [N, C, H, W] "
            "with 1 or 3 channels C"
        )
    if isinstance(x, Mapped):
        return ""  # a file of any size, written by this package itself
    if problem := non_finite(x):
        return f"have {problem}"
    if source.bounds is not None:
        low, high = source.bounds
        found = float(x.min()), float(x.max())
        if found[0] < low or found[1] > high:
            return (
                f"have values from {found[0]:g} to {found[1]:g}, beyond the bounds "
                f"{low:g} and {high:g} of the source; correct these"
            )
    return ""


def _labels_problem(x: Any, labels: Any, source: Source) -> str:
    """What is wrong with the labels of a part; "" for nothing."""
    if labels is None:
        return ""
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        what = getattr(labels, "dtype", type(labels).__name__)
        return f"have labels that are {what}; give an array of whole numbers, or None"
    if labels.shape != (len(x),):
        return (
            f"are {len(x)}, their labels of shape {list(labels.shape)}; give one each"
        )
    if source.classes is None:
        return ""
    number, low, high = len(source.classes), labels.min(), labels.max()
    if low < 0 or high >= number:
        return (
            f"have labels from {low} to {high}, but there are {number} classes; number "
            f"them from 0 to {number - 1}"
        )
    return ""


def _check_alike(source: Source) -> None:
    """Test examples are of the shape and the kind of those to train on."""
    if source.test is None:
        return
    ours, theirs = source.train[0], source.test[0]
    if ours.shape[1:] != theirs.shape[1:]:
        raise DataError(
            f"the test examples have shape {list(theirs.shape[1:])}, those to train on "
            f"{list(ours.shape[1:])}; make them the same"
        )
    if ours.dtype.kind != theirs.dtype.kind:
        raise DataError(
            f"the test examples are of type {theirs.dtype}, those to train on of "
            f"{ours.dtype}, which may be other units; make them the same"
        )


def _check_names(source: Source, number: int) -> None:
    """There are as many names as there are things to be named, all of them texts."""
    shape = source.train[0].shape[1:]
    for what, names, wanted in (
        ("classes", source.classes, None),
        ("names", source.names, number),
        ("feature_names", source.feature_names, shape[0] if len(shape) == 1 else 0),
    ):
        if names is None:
            continue
        if not all(isinstance(name, str) for name in names):
            raise DataError(f"{what} of the source must be texts")
        if wanted is not None and len(names) != wanted:
            of = "examples" if what == "names" else "columns"
            raise DataError(
                f"{what} of the source are {len(names)} for {wanted} {of}; "
                "give one each"
            )
