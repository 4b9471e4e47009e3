"""Overrides read with Hydra's grammar, each text once; and texts written in it."""

import functools
import re
from collections.abc import Iterable
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override


def parse(texts: Iterable[str], loader: Any = None) -> list[Override]:
    """Overrides as Hydra reads them; they are shared, so never change one.

    Args:
        texts: As typed.
        loader: Hydra's, which knows what ``glob(*)`` stands for.

    Raises:
        HydraException: One breaks the grammar.
    """
    return [_parsed(text, loader) for text in texts]


def quoted(text: str) -> str:
    """A text as a value that is taken as it is, whatever signs are in it."""
    # Backslashes mean something in front of these alone, the closing quote included.
    escaped = re.sub(
        r"(\\*)(\$\{|'|\Z)", lambda m: 2 * m[1] + ("\\" + m[2] if m[2] else ""), text
    )
    return f"'{escaped}'"


@functools.lru_cache(maxsize=4096)  # the jobs of a sweep share most of theirs
def _parsed(text: str, loader: Any) -> Override:
    (parsed,) = _parser(loader).parse_overrides([text])
    return parsed


@functools.lru_cache(maxsize=8)
def _parser(loader: Any) -> OverridesParser:
    return OverridesParser.create(config_loader=loader)
