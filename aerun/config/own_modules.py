"""Modules of the user's own, in the working folder."""

import sys
from pathlib import Path

from aerun.errors import RunDirectoryError


def find_own_modules() -> None:
    """Look for modules in the working folder too, which a console script does not.

    Not in that of a run, where files of anybody may lie.
    """
    here = Path.cwd()
    if str(here) not in sys.path and not _is_of_run(here):
        sys.path.append(str(here))


def left_out() -> str:
    """Why modules of the working folder are not found, as a sentence; else nothing."""
    here = Path.cwd()
    if str(here) in sys.path or "" in sys.path or not _is_of_run(here):
        return ""
    return (
        " Modules of this folder are left out: its config.yaml is that of a run, and a "
        "run may come from anybody; type the command in another folder."
    )


def _is_of_run(folder: Path) -> bool:
    """Whether a config in a folder is aerun's; others have a config.yaml too."""
    config, record = folder / "config.yaml", folder / ".hydra"
    begun = record.exists() or (folder / "checkpoints").exists()
    if not (config.is_file() and begun):
        return False
    return (record / "hydra.yaml").exists() or _has_format(config)


def _has_format(path: Path) -> bool:
    """Whether a file has the key that every config of a run has, or is damaged."""
    from aerun import reading  # brings PyTorch

    try:
        content = reading.yaml_value(path)
    except (OSError, RunDirectoryError):
        return True
    return isinstance(content, dict) and "format" in content
