"""The one rule that wires parts together.

A part receives, by name, each keyword-only parameter that it asks for: from its own
node of the config, from the node around it, and from the parts built before it.
``_target_`` is the only selector.
"""

import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from aerun.options import is_knob, option_types


class UnknownTarget(ValueError):
    """A ``_target_`` that cannot be imported."""


class NoModule(UnknownTarget):
    """One whose module is not there."""


def locate(target: str) -> Any:
    """The function or class of a dotted path.

    Raises:
        UnknownTarget: There is no such class or function; a mistake inside the module
            itself passes through, with its own traceback.
    """
    words = target.split(".")
    if len(words) < 2 or not all(map(str.isidentifier, words)):
        raise UnknownTarget(f"'{target}' is no dotted path; write module.Name")
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise NoModule(
                f"there is no module '{error.name}' here or installed"
            ) from None
        raise
    if not hasattr(module, name):
        raise UnknownTarget(f"module '{module_name}' has no '{name}'")
    found = getattr(module, name)
    if not callable(found):
        kind = type(found).__name__
        raise UnknownTarget(f"'{target}' is a {kind}, no class or function")
    return found


def is_part(value: Any) -> bool:
    """Whether a value of the config is a node that names a target."""
    return isinstance(value, Mapping) and "_target_" in value


def targets(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every ``_target_`` below a value, wherever it stands, by its dotted key.

    Those that are null, and build nothing, are left out.
    """
    below: Any = ()
    if isinstance(value, Mapping):
        below = value.items()
    elif isinstance(value, list | tuple):
        below = enumerate(value)
    for name, item in below:
        place = f"{key}.{name}" if key else str(name)
        if name == "_target_" and item is not None:
            yield place, item
        yield from targets(item, place)


def modules_beside(config: Any) -> list[str]:
    """The modules of others that a config takes parts from, each once."""
    named = (str(target).rpartition(".")[0] for _, target in targets(config))
    return list(dict.fromkeys(m for m in named if m.partition(".")[0] != "aerun"))


def make(node: Mapping[str, Any], around: Mapping[str, Any] | None = None) -> Any:
    """Build the part of a node, its children first.

    Args:
        node: With ``_target_``.
        around: What the node may ask for beside its own options.

    Returns:
        What the target returns. A function whose open parameters are knobs (a loss, a
        regularizer, a corruption) is itself the part.
    """
    target = locate(node["_target_"])
    wanted = option_types(target)
    given = {**(around or {}), **{k: v for k, v in node.items() if not is_part(v)}}
    for name in wanted:
        if is_part(node.get(name)):
            given[name] = make(node[name], given)
    is_module = inspect.isclass(target) and issubclass(target, nn.Module)
    own = option_types(target.__init__) if is_module else wanted
    arguments = {
        name: given[name]
        for name in own
        if name in given and not (not inspect.isclass(target) and is_knob(own[name]))
    }
    if not inspect.isclass(target) and _is_formula(target):
        if not arguments:
            return target
        # The wrapper tells what the function would: its annotations, its unit.
        return functools.update_wrapper(functools.partial(target, **arguments), target)
    return target(**arguments)


def _is_formula(target: Any) -> bool:
    """Whether a function waits for tensors: it has positional parameters."""
    parameters = inspect.signature(target).parameters.values()
    return any(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
