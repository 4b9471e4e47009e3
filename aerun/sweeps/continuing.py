"""A sweep that is continued: what was typed for it before, and now."""

import os
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from aerun.config.explaining import unreadable
from aerun.config.grammar import quoted
from aerun.config.mistakes import BadRequest
from aerun.sweeps.manifest import Manifest


def sweep_of(run: str | None) -> Path | None:
    """The directory of a sweep, where ``run=`` names one."""
    if not run:
        return None
    folder = Path(os.path.expanduser(run.strip("'\""))).absolute()
    return folder if Manifest(folder).exists else None


def continued(folder: Path, overrides: Sequence[str]) -> tuple[list[str], str | None]:
    """The overrides of a sweep with what is typed now, and its own options' folder.

    Args:
        folder: The sweep's.
        overrides: ``task=resume run=DIR`` and further values; those of a key replace
            what was typed for it before.

    Raises:
        BadRequest: An override breaks Hydra's grammar.
        RunDirectoryError: The manifest is damaged.
    """
    manifest = Manifest(folder)
    now = [text for text in overrides if not text.startswith(("task=", "run="))]
    by_key: dict[str, list[str]] = {}
    for text in now:
        by_key.setdefault(_key(text), []).append(text)
    merged: list[str] = []
    replaced: set[str] = set()
    for text in manifest.overrides:
        key = _key(text)
        if key not in by_key:
            merged.append(text)
        elif key not in replaced:  # in the place of the first
            merged += by_key[key]
            replaced.add(key)
    merged += [text for text in now if _key(text) not in replaced]
    return [*merged, f"hydra.sweep.dir={quoted(str(folder))}"], manifest.config_dir


def _key(text: str) -> str:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise BadRequest([unreadable(text, error)]) from None
    at = f"@{override.package}" if override.package else ""
    added = "+" if override.is_add() else ""  # beside what was chosen
    return f"{added}{override.key_or_group.replace('/', '.')}{at}"
