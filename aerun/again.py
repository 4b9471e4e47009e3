"""What to type to go on with a run that exists."""

import shlex
from pathlib import Path
from typing import Any

from aerun.wiring import modules_beside


def resume_command(
    path: Path, *, config: Any = None, config_dir: str | None = None
) -> str:
    """What to type to continue the run, or the sweep, in a directory.

    Args:
        path: The directory.
        config: As of ``named``.
        config_dir: The folder of the user's own options, of a sweep.
    """
    own = "" if config_dir is None else f" --config-dir {shlex.quote(config_dir)}"
    return f"aerun task=resume {named(path, config=config)}{own}"


def named(path: Path, *, config: Any = None) -> str:
    """How a command names a run.

    Args:
        path: Its directory.
        config: Of a run whose code is trusted: who types it will have to say so.
    """
    return " ".join([f"run={shlex.quote(str(path))}", *trusting(config)])


def trusting(config: Any) -> list[str]:
    """What to type where runs with this config take parts from modules of others."""
    modules = modules_beside(config)
    return [shlex.quote(f"trust=[{','.join(modules)}]")] if modules else []
