"""Whether a value of the config has the type that an option asks for."""

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from torch import Tensor

from aerun.config.mistakes import did_you_mean, listed
from aerun.options import (
    LARGEST,
    Odd,
    Parsed,
    Range,
    is_knob,
    is_usable,
    option_types,
)
from aerun.schedules import Schedule

_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
}


def problem_with(value: Any, annotation: Any) -> str | None:
    """What is wrong with a value, in words that say what is allowed; or None."""
    if is_knob(annotation) and isinstance(value, Mapping):
        return _schedule_problem(value, annotation)
    if conforms(value, annotation):
        return None
    hint = ""
    if isinstance(value, str):
        hint = did_you_mean(value, _literals(annotation))
    if isinstance(value, int) and not is_usable(value):
        hint = f" No whole number may be beyond {LARGEST}."
    return f"must be {describe(annotation)}.{hint}"


def conforms(value: Any, annotation: Any) -> bool:
    """Whether a value from YAML has this type and lies in its range."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return True
    if origin is Annotated:
        base, *limits = arguments
        if is_knob(base):
            base = float
        return conforms(value, base) and all(value in limit for limit in limits)
    if origin in (Union, types.UnionType):
        return any(conforms(value, part) for part in arguments)
    if origin is Literal:
        return any(value == a and type(value) is type(a) for a in arguments)
    if origin is list:
        return isinstance(value, list) and all(
            conforms(item, arguments[0]) for item in value
        )
    if annotation in (None, types.NoneType):
        return value is None
    if annotation is float:
        return type(value) in (int, float) and is_usable(value)
    if annotation is int:
        return type(value) is int
    return isinstance(annotation, type) and isinstance(value, annotation)


def describe(annotation: Any) -> str:
    """What a type allows, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        base, *limits = arguments
        if any(isinstance(limit, Parsed) for limit in limits):
            return listed(str(limit) for limit in limits)
        base = float if is_knob(base) else base
        ranges = [str(limit) for limit in limits if isinstance(limit, Range | Odd)]
        return ", ".join([describe(base), *ranges])
    if origin in (Union, types.UnionType):
        return listed(describe(part) for part in arguments if part is not Tensor)
    if origin is Literal:
        return listed(str(argument) for argument in arguments)
    if origin is list:
        return f"a list, each entry {describe(arguments[0])}"
    if annotation in (None, types.NoneType):
        return "null"
    if annotation in _WORDS:
        return _WORDS[annotation]
    # A part is chosen by the name of its YAML file, which is its class's in lower case.
    return getattr(annotation, "__name__", str(annotation)).lower()


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(argument) for argument in get_args(annotation)]
    return [word for part in get_args(annotation) for word in _literals(part)]


def _schedule_problem(value: Mapping[str, Any], annotation: Any) -> str | None:
    """A schedule's start and end must each be what the number itself may be."""
    known = option_types(Schedule)
    for key in value:
        if key not in known:
            return f"a schedule has no '{key}'.{did_you_mean(str(key), known)}"
    for key in ("start", "end"):
        if key not in value:
            return f"a schedule needs start and end; {key} is missing."
        if not conforms(value[key], annotation):
            return f"{key} must be {describe(annotation)}."
    for key in ("steps", "shape"):
        if key in value and not conforms(value[key], known[key]):
            return f"{key} must be {describe(known[key])}."
    if value.get("shape") == "exponential" and min(value["start"], value["end"]) <= 0:
        return "an exponential schedule needs start and end above 0."
    return None
