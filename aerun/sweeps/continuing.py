"""A sweep that is continued: what was typed for it before, and now."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from aerun.config.explaining import unreadable
from aerun.config.mistakes import BadRequest
from aerun.sweeps.manifest import Manifest
from aerun.sweeps.planning import quoted


def sweep_of(run: str | None) -> Path | None:
    """The directory of a sweep, where ``run=`` names one."""
    if not run:
        return None
    folder = Path(run.strip("'\"")).expanduser().absolute()
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
    by_key = {_key(text): text for text in manifest.overrides}
    by_key |= {_key(text): text for text in now}
    place = f"hydra.sweep.dir={quoted(str(folder))}"
    return [*by_key.values(), place], manifest.config_dir


def _key(text: str) -> str:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise BadRequest([unreadable(text, error)]) from None
    at = f"@{override.package}" if override.package else ""
    return f"{override.key_or_group.replace('/', '.')}{at}"
