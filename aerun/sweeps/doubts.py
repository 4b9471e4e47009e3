"""What a sweep's directory asks for: it may come from anybody, and Hydra runs a lot.

Overrides that only choose among options and set values are taken from a manifest as
they are. What could do more, name code or a file by its path or change what Hydra
itself does, is taken only where the user types it.
"""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aerun.again import resume_command
from aerun.asked import may_run_code
from aerun.config.grammar import parse
from aerun.config.mistakes import BadRequest, Mistake
from aerun.sweeps.manifest import MANIFEST, Manifest


def again(folder: Path, config_dir: str | None, overrides: Iterable[str]) -> str:
    """What to type to go on with a sweep.

    Args:
        folder: Of the sweep.
        config_dir: The folder of the user's own options, if there is one.
        overrides: Of the sweep; those that have to be typed again are in the command.
    """
    typed = [shlex.quote(text) for text in overrides if may_run_code(text)]
    return " ".join([resume_command(folder, config_dir=config_dir), *typed])


def in_doubt(texts: Iterable[str], folder: Path) -> Iterator[Mistake]:
    """A mistake for each override of a manifest that has to be typed again."""
    for text in texts:
        if may_run_code(text):
            problem = (
                f"stands in {folder / MANIFEST}, and could run any code; if you trust "
                "it, type it again behind the command."
            )
            yield Mistake(typed=text, problem=problem)


def check_jobs(manifest: Manifest, typed: Sequence[str], loader: Any) -> None:
    """Find nothing in the jobs of a manifest that could run code and was not typed.

    Args:
        manifest: Of the sweep.
        typed: The overrides of the command, with comma lists.
        loader: Hydra's.

    Raises:
        BadRequest: There is.
    """
    found = {text for job in manifest.jobs() for text in job.overrides}
    texts = {text for text in found if may_run_code(text)}
    if not texts:
        return
    for override in parse(typed, loader):
        texts.discard(str(override.input_line))
        if override.is_sweep_override() and override.is_discrete_sweep():
            key = override.get_key_element()
            values = override.sweep_string_iterator()
            texts.difference_update(f"{key}={value}" for value in values)
    if texts:
        raise BadRequest(in_doubt(sorted(texts), manifest.folder))
