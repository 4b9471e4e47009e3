"""A sweep that is continued: what was typed for it before, and now."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from aerun.again import resume_command
from aerun.config.explaining import unreadable
from aerun.config.grammar import quoted
from aerun.config.mistakes import BadRequest, Mistake
from aerun.config.places import own_folders
from aerun.sweeps.doubts import in_doubt
from aerun.sweeps.manifest import MANIFEST, Manifest


def sweep_of(run: str | None) -> Path | None:
    """The directory of a sweep, where ``run=`` names one."""
    if not run:
        return None
    folder = Path(os.path.expanduser(run.strip("'\""))).absolute()
    return folder if Manifest(folder).exists else None


def continued(
    folder: Path, overrides: Sequence[str], config_dir: str | None
) -> list[str]:
    """The overrides of a sweep with what is typed now.

    A sweep's directory may come from anybody: of what its manifest says, that which
    could run code is taken only where it is typed again.

    Args:
        folder: The sweep's.
        overrides: ``task=resume run=DIR`` and further values; those of a key replace
            what was typed for it before.
        config_dir: The folder of the user's own options, where one is given now.

    Raises:
        BadRequest: An override breaks Hydra's grammar, or has to be typed again.
        RunDirectoryError: The manifest is damaged.
    """
    manifest = Manifest(folder)
    now = [
        text for text in overrides if not text.startswith(("task=", "run=", "trust="))
    ]
    by_key: dict[str, list[str]] = {}
    for text in now:
        by_key.setdefault(_key(text), []).append(text)
    merged: list[str] = []
    replaced: set[str] = set()
    kept: list[str] = []
    for text in manifest.overrides:
        key = _key(text)
        if key not in by_key:
            merged.append(text)
            kept.append(text)
        elif key not in replaced:  # in the place of the first
            merged += by_key[key]
            replaced.add(key)
    merged += [text for text in now if _key(text) not in replaced]
    before = manifest.config_dir if config_dir is None else None
    if mistakes := [*_own_options(folder, before), *in_doubt(kept, folder)]:
        raise BadRequest(mistakes)
    return [*merged, f"hydra.sweep.dir={quoted(str(folder))}"]


def _own_options(folder: Path, before: str | None) -> Iterator[Mistake]:
    """Files of options name code; who trusts those of a sweep names their folder."""
    if before is None or Path(before) in [place for _, place in own_folders(None)]:
        return
    again = resume_command(folder, config_dir=before)
    problem = (
        f"its {MANIFEST} asks for the options in {before}, which may name any code; if "
        f"you trust them, type: {again}"
    )
    yield Mistake(typed=f"run={folder}", problem=problem)


def _key(text: str) -> str:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise BadRequest([unreadable(text, error)]) from None
    at = f"@{override.package}" if override.package else ""
    added = "+" if override.is_add() else ""  # beside what was chosen
    return f"{added}{override.key_or_group.replace('/', '.')}{at}"
