"""What parts need of each other and what they give: sets that the check compares.

A part declares features, never the names of other parts, so that a user's own loss or
bottleneck is checked like a built-in one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that one part gives and another relies on."""

    what: str
    """In words, to follow "needs ..."."""
    remedy: str
    """What to type to get it."""
    of_data: bool = False
    """Whether only the loaded data can tell."""


POSTERIOR = Feature(
    "a code with a distribution",
    "choose model/bottleneck=gaussian, model=vae, or regularizer=none",
)
PRIOR = Feature("a prior of the code", "choose model/prior=normal, or regularizer=none")
RAW = Feature("a model that gives its raw outputs (logits)", "choose loss=mse")
UNIT_TARGET = Feature(
    "targets in [0, 1]", "choose dataset.scale=unit, or loss=mse", of_data=True
)
UNIT_INPUT = Feature("data in [0, 1]", "choose dataset.scale=unit", of_data=True)
UNIT_DATA = Feature(
    "data in [0, 1], the range of its sigmoid output",
    "choose dataset.scale=unit or model.output_activation=none",
    of_data=True,
)
MAPS = Feature("a code made of maps", "choose model=conv_wta, or model/encoder=maps")
LEVELS = Feature("a model made of levels", "choose trainer=default")
UNIT_CODE = Feature(
    "a code in (0, 1)",
    "choose model.code_activation=sigmoid, model=sparse, or regularizer=none",
)
IMAGES = Feature(
    "images", "choose a data set of images, or model/encoder=dense", of_data=True
)

Declared = frozenset[Feature] | Callable[[Mapping[str, Any]], frozenset[Feature]]


def declares(
    *,
    needs: Declared = frozenset(),
    provides: Declared = frozenset(),
    alone: str | None = None,
) -> Callable[[Any], Any]:
    """Mark a part with the features it needs and provides.

    Args:
        needs: A set, or a function from the part's options to a set.
        provides: Likewise.
        alone: Why its loss cannot be taken of many jobs in one call, in words to follow
            a colon; None: it can be tried.

    Returns:
        A decorator that returns its argument, marked.
    """

    def mark(part: Any) -> Any:
        part.needs, part.provides, part.alone = needs, provides, alone
        return part

    return mark


def features(part: Any, side: str, options: Mapping[str, Any]) -> frozenset[Feature]:
    """The features on one side ("needs" or "provides") of a part with its options."""
    declared: Declared = getattr(part, side, frozenset())
    return declared(options) if callable(declared) else declared
