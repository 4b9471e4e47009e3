"""What a preset sweeps, beside what was typed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from aerun.options import show


def merged(params: Mapping[str, Any] | None, typed: Sequence[str]) -> list[str]:
    """All overrides of a sweep; a key that was typed replaces that of a preset.

    Args:
        params: ``hydra.sweeper.params``: values by key, those of a sweep as one text
            with commas, as they would be typed.
        typed: Overrides of the command line.

    Returns:
        Those of the preset that are left, then those typed.

    Raises:
        HydraException: What was typed cannot be read.
    """
    taken = replaced(params or {}, typed)
    left = [
        f"{key}={value if isinstance(value, str) else show(value)}"
        for key, value in (params or {}).items()
        if key not in taken
    ]
    return [*left, *typed]


def replaced(params: Mapping[str, Any], typed: Sequence[str]) -> list[str]:
    """The keys of a preset that were typed as well; arguments as of ``merged``."""
    taken = set(_keys(OverridesParser.create().parse_overrides(list(typed))))
    return [key for key in params if _dotted(key) in taken]


def nested(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted key below a node, with its value."""
    for name, value in node.items():
        key = f"{prefix}{getattr(name, 'text', name)}"
        yield key, value
        if isinstance(value, Mapping):
            yield from nested(value, f"{key}.")


def _keys(overrides: Sequence[Override]) -> Iterator[str]:
    """Every key that is given a value, also inside of ``trainer={lr: 0.1}``."""
    for override in overrides:
        whole = {_dotted(override.key_or_group): override.value()}
        yield from (key for key, _ in nested(whole))


def _dotted(key: str) -> str:
    return str(key).lstrip("+").replace("/", ".")
