"""Requests that act on several runs: which they are, and what is asked of them."""

import glob
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from aerun.config.check import check
from aerun.config.compose import Composer, plain
from aerun.config.explaining import as_typed
from aerun.config.mistakes import BadRequest, Mistake
from aerun.config.stored import check_stored, parsed, trusted_config
from aerun.config.trust import NOTHING_ELSE, Trust
from aerun.data.sources import some
from aerun.errors import RunDirectoryError
from aerun.evaluation.recorded import RecordedRun
from aerun.rundir import RunDirectory

log = logging.getLogger("aerun")

_CHOSEN = ("task", "device")
_PLACE = "hydra.run.dir"


def runs_request(
    composer: Composer, overrides: Sequence[str], trust: Trust = NOTHING_ELSE
) -> tuple[dict[str, Any], DictConfig]:
    """The runs that a task works on, and what was typed of the task.

    Args:
        composer: Knows the options.
        overrides: ``task=NAME runs=[GLOB,...]``, options of the task, a device and a
            directory, ``trust=``. Words without a key are paths, as a shell leaves its
            globs.
        trust: Whose code the runs may name.

    Returns:
        ``task``, ``device`` and ``runs`` (each a ``RecordedRun``), checked; and the
        config as composed, which says where to write.

    Raises:
        BadRequest: Nothing matches, no run is completed, a key that the runs settled.
        RunDirectoryError: A run's config is damaged, or of an unknown format.
    """
    patterns, rest = _taken_apart(overrides)
    typed = parsed(rest)
    if typed.get("run") is not None:
        problem = "is for tasks on one run; this one takes runs=[DIR,...]."
        raise BadRequest([Mistake(typed=f"run={typed['run']}", problem=problem)])
    trust = trust.with_typed(typed)
    settled = {
        key: value
        for key, value in typed.items()
        if key.partition(".")[0] not in _CHOSEN and key != _PLACE
    }
    if settled:
        problem = (
            f"is settled by the runs; only task, device and {_PLACE} can be chosen "
            "here."
        )
        raise BadRequest(
            [Mistake(typed=f"{k}={v}", problem=problem) for k, v in settled.items()]
        )
    composed = composer.compose(rest)
    request = plain(composed)
    if mistakes := check(request):
        raise BadRequest(as_typed(mistakes, rest))
    runs = [recorded_run(path, trust) for path in find_runs(patterns)]
    if not any(run.completed for run in runs):
        states = ", ".join(f"{run.directory} ({run.status})" for run in runs[:6])
        problem = f"none of {len(runs)} runs is completed: {states}."
        raise BadRequest([Mistake(typed=_as_list(patterns), problem=problem)])
    return {
        "task": request["task"],
        "device": request["device"],
        "runs": runs,
    }, composed


def recorded_run(directory: Path, trust: Trust = NOTHING_ELSE) -> RecordedRun:
    """Read what a run's directory tells.

    Args:
        directory: The run's.
        trust: Whose code it may name.

    Returns:
        The run; "unreadable", without any figures, where those are damaged, and that
        is said.

    Raises:
        BadRequest: Its config has what this version of aerun does not know, or names
            code that nobody trusts.
        RunDirectoryError: Its config is damaged, or of a format that is not known.
    """
    run = RunDirectory(directory)
    config = trusted_config(directory, trust)
    check_stored({**config, "device": "cpu"}, directory)  # its own need not be here
    rows: list[dict[str, Any]] = []
    try:
        summary = run.read_summary()
        with suppress(FileNotFoundError):  # nothing was trained
            rows = run.read_table("metrics.csv")
    except RunDirectoryError as error:
        log.warning("Left out: %s.", error)
        summary = {"status": "unreadable", "reason": str(error)}
    return RecordedRun(
        directory=directory,
        config=config,
        choices=dict(_choices(run)),
        typed=tuple(_typed(run)),
        summary=summary,
        rows=tuple(rows),
    )


def _choices(run: RunDirectory) -> Iterator[tuple[str, str]]:
    """What was chosen of each group, as Hydra recorded it."""
    try:
        chosen = run.read_record("hydra.yaml")["hydra"]["runtime"]["choices"].items()
    except (KeyError, TypeError, AttributeError):
        return
    for group, name in ((str(group), name) for group, name in chosen):
        if name is not None and not group.startswith("hydra/") and group != "task":
            yield group.partition("@")[0].replace("/", "."), str(name)


def _typed(run: RunDirectory) -> Iterator[str]:
    typed = run.read_record("overrides.yaml")
    for override in typed if isinstance(typed, list) else ():
        yield str(override).lstrip("+~").partition("=")[0].replace("/", ".")


# -- which runs ------------------------------------------------------------------------


def find_runs(patterns: Sequence[str]) -> list[Path]:
    """The runs that patterns name, each once; says what was left out.

    Args:
        patterns: Run directories, folders of runs (such as a sweep's), or globs of
            either; "last" is the newest under ``outputs``.

    Raises:
        BadRequest: One matches nothing, or no run.
    """
    if not patterns:
        problem = "is missing; write runs=[DIR,...], globs such as outputs/*/* too."
        raise BadRequest([Mistake(typed="runs", problem=problem)])
    found: dict[Path, None] = {}
    others: dict[Path, None] = {}
    mistakes = []
    for pattern in patterns:
        matches = _matches(pattern)
        runs = {match: list(_runs_of(match)) for match in matches}
        if not any(runs.values()):
            problem = _why_none(pattern, matches)
            mistakes.append(Mistake(typed=f"runs={pattern}", problem=problem))
        for match, own in runs.items():
            found |= dict.fromkeys(path.resolve() for path in own)
            if not own:
                others[match.resolve()] = None
    if mistakes:
        raise BadRequest(mistakes)
    _say_left_out(found, others)
    return list(found)


def _matches(pattern: str) -> list[Path]:
    """Folders that a pattern names, in natural order."""
    path = Path("outputs/latest" if pattern == "last" else os.path.expanduser(pattern))
    if path.is_dir():  # as it is, whatever its name holds
        return [path]
    found = map(Path, glob.iglob(str(path), recursive=True))
    return sorted((match for match in found if match.is_dir()), key=_natural)


def _runs_of(folder: Path) -> Iterator[Path]:
    """A run itself, the runs in a folder, or all jobs of a sweep."""
    if _is_run(folder):
        yield folder
        return
    depth = (
        "**/config.yaml" if (folder / "multirun.yaml").is_file() else "*/config.yaml"
    )
    within = (path.parent for path in folder.glob(depth))
    yield from sorted((path for path in within if _is_run(path)), key=_natural)


def _is_run(folder: Path) -> bool:
    return all((folder / n).is_file() for n in ("config.yaml", "summary.json"))


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    """Sorts job 10 behind job 9."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(i % 2 == 1, int(p) if i % 2 else 0, p) for i, p in enumerate(parts)]


def _why_none(pattern: str, matches: Sequence[Path]) -> str:
    if not matches:
        hint = " Several are a list: runs=[A,B]." if "," in pattern else ""
        return f"matches no folder.{hint}"
    if any((match / "config.yaml").is_file() for match in matches):
        return (
            "holds no finished run (no summary.json): it is still running or was "
            "killed; aerun task=resume run=DIR continues it."
        )
    return "holds no run (no config.yaml with summary.json)."


def _say_left_out(found: Iterable[Path], others: Iterable[Path]) -> None:
    """Name the matches that are no runs; not what lies around or inside one."""
    found = set(found)
    around = {parent for path in found for parent in path.parents}
    outside = [p for p in others if p not in around and found.isdisjoint(p.parents)]
    broken = [path for path in outside if (path / "config.yaml").is_file()]
    if broken:
        names = some([str(path) for path in broken])
        log.warning("Left out, without summary.json, running or killed: %s.", names)
    if rest := [str(path) for path in outside if path not in broken]:
        log.info("Left out, no runs: %s.", some(rest))


# -- the command line ------------------------------------------------------------------


def _taken_apart(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """The patterns of ``runs=`` and of words that are paths; all other overrides."""
    patterns: list[str] = []
    rest = []
    inside = False  # of a list whose globs a shell has expanded
    for text in overrides:
        if text.startswith("runs="):
            value = text.removeprefix("runs=")
            inside = value.startswith("[") and value.count("[") > value.count("]")
            patterns += _listed(value)
        elif inside or Path(text).is_dir() or re.fullmatch(r"[^=~+][^=]*", text):
            inside = inside and text.count("[") >= text.count("]")
            patterns += [text] if Path(text).is_dir() else _listed(text)
        else:
            rest.append(text)
    return [pattern for pattern in patterns if pattern], rest


def _listed(value: str) -> list[str]:
    """The entries of Hydra's list syntax, quotes apart; a plain value is one.

    Unlike in Hydra, any path may stand there, with brackets of a glob in it.
    """
    value = value.strip()
    if quoted := re.fullmatch(r"""(['"])([^'"]*)\1""", value):
        value = quoted[2]
    if value == "null":
        return []
    opened, closed = value.startswith("["), value.endswith("]")
    piece = opened != closed and value.count("[") != value.count("]")
    if not ((opened and closed) or piece):
        return [value]
    inner = value[opened : len(value) - closed]
    entries = re.findall(r"""'[^']*'|"[^"]*"|(?:\[[^\]]*\]|[^,'"])+""", inner)
    return [entry.strip().strip("'\"") for entry in entries]


def _as_list(patterns: Sequence[str]) -> str:
    return f"runs=[{','.join(patterns)}]"
