"""Commands that repeat a run and go on from it, as its record tells them."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aerun.again import named, resume_command
from aerun.asked import may_run_code
from aerun.resolving import CONTINUABLE
from aerun.rundir import RunDirectory


def repeating(run: RunDirectory, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """What was typed, and where; None where the run has no such record.

    The record may come from anybody: what could run code, or names options that lie in
    the run itself, is no command to show.

    Args:
        run: With Hydra's record in ``.hydra``.
        config: The run's, as it ended: what was changed when it was continued is
            typed at once.
    """
    try:
        return _repeating(run, config)
    except (KeyError, TypeError, AttributeError):
        return None
    except (ValueError, OSError, RuntimeError):  # of a path that is none, or a loop
        return None


def _repeating(run: RunDirectory, config: Mapping[str, Any]) -> tuple[str, str] | None:
    trainer = run.read_record("config.yaml")["trainer"]
    record = run.read_record("hydra.yaml")["hydra"]
    overrides = [str(text) for text in record["overrides"]["task"]]
    words = ["aerun"]
    for source in record.get("runtime", {}).get("config_sources", []):
        if source.get("provider") == "--config-dir":
            folder = Path(source["path"])
            if not folder.is_absolute() or _lies_in(folder, run.path):
                return None
            words += ["--config-dir", str(folder)]
    for name in CONTINUABLE:
        key = name.removeprefix("trainer.")
        before, now = trainer.get(key), config["trainer"].get(key)
        if before != now and isinstance(before, int | str | None):
            overrides = [o for o in overrides if o.partition("=")[0] != name]
            overrides.append(f"{name}={'null' if now is None else now}")
    if any(map(_does_more, overrides)):
        return None
    where = str(record.get("runtime", {}).get("cwd", ""))
    return shlex.join([*words, *overrides]), where


def _lies_in(folder: Path, run: Path) -> bool:
    return folder.resolve().is_relative_to(run.resolve())


def _does_more(text: str) -> bool:
    """Whether a text is a flag, or an override that could run code or trust some."""
    key = text.partition("=")[0].strip("+~ ")
    return text.startswith("-") or key == "trust" or may_run_code(text)


def choices(run: RunDirectory) -> dict[str, str]:
    """What was chosen in each group, by its name; empty without a record."""
    try:
        chosen = run.read_record("hydra.yaml")["hydra"]["runtime"]["choices"]
        return {key: str(value) for key, value in chosen.items() if value is not None}
    except (KeyError, TypeError, AttributeError):
        return {}


def further(
    path: Path, config: Mapping[str, Any], *, status: str, weights: bool, decodes: bool
) -> Iterator[tuple[str, str]]:
    """What to try next with a run: what it does, and the command.

    Args:
        path: The run's directory.
        config: The run's.
        status: As in ``summary.json``; empty where the run wrote none.
        weights: Whether it saved any.
        decodes: Whether codes can be decoded.
    """
    path = path.absolute()
    resume, epochs = resume_command(path, config=config), config["trainer"]["epochs"]
    if status == "failed":
        yield "Again from its last state", resume
    elif status != "completed":
        yield "Continue it", resume
    elif epochs > 0 and config["trainer"]["max_steps"] is None:
        more = f"{resume} trainer.epochs={2 * epochs}"
        yield "Train on, for twice as many epochs", more
    run = named(path, config=config)
    if weights:
        yield "Evaluate it further", f"aerun task=evaluate {run}"
        yield "Its codes as arrays", f"aerun task=encode {run}"
    if weights and decodes:
        yield "Samples, and walks through the codes", f"aerun task=sample {run}"
    yield "This page anew", f"aerun task=report {run}"
