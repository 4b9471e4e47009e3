"""Requests that act on a run that exists: its config, and only what was typed."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aerun.claims import holds_run
from aerun.compiling import missing
from aerun.config.compose import Composer, plain
from aerun.config.explaining import unreadable
from aerun.config.mistakes import BadRequest, Mistake, did_you_mean, listed
from aerun.config.trust import NOTHING_ELSE, Trust, check_trusted
from aerun.data import DatasetOptions
from aerun.data.recorded import problem_with_record
from aerun.errors import RunDirectoryError
from aerun.resolving import CONTINUABLE, FORMAT
from aerun.rundir import RunDirectory
from aerun.wiring import locate

log = logging.getLogger("aerun")

NO_TRACKER = {"_target_": None}
"""The node of a config whose run tells nobody."""


def resume_request(
    overrides: Sequence[str], trust: Trust = NOTHING_ELSE
) -> tuple[dict[str, Any], Path]:
    """The config and directory of a run to continue.

    Args:
        overrides: ``task=resume run=DIR`` and changes, perhaps ``trust=``.
        trust: Whose code the run may name.

    Returns:
        The run's config with the changes, checked, and its directory.

    Raises:
        BadRequest: A key that cannot change, a bad value, no run there, code that
            nobody trusts.
    """
    typed = parsed(overrides)
    _one_run(typed)
    trust = trust.with_typed(typed)
    directory = find_run(typed.pop("run", None))
    typed.pop("task")
    mistakes = [
        Mistake(typed=f"{key}={value}", problem=_refusal(key, directory))
        for key, value in typed.items()
        if key not in CONTINUABLE
    ]
    if mistakes:
        raise BadRequest(mistakes)
    config = stored_config(directory)
    compiled = config["trainer"].get("compile") is True
    if compiled and (what := missing(str(config.get("device")))):
        log.warning("The run goes on without its compiler: %s.", what)
        config["trainer"]["compile"] = False
    for key, value in typed.items():
        group, name = key.split(".")
        config[group][name] = value
    _let_go_of_tracker(config, directory, typed, trust)
    return config, directory


def _let_go_of_tracker(
    config: dict[str, Any], directory: Path, typed: Iterable[str], trust: Trust
) -> None:
    """Check a config; a run goes on without a tracker that is gone, or not trusted.

    Raises:
        BadRequest: With all other mistakes.
    """
    from aerun.build import build_tracker
    from aerun.errors import BadUse

    try:
        check_trusted(config, directory, trust)
        check_stored(config, directory, typed)
        build_tracker(config)
    except (BadRequest, BadUse) as error:
        untold = {**config, "tracker": NO_TRACKER}
        check_trusted(untold, directory, trust)
        check_stored(untold, directory, typed)
        log.warning("The run goes on without its tracker: %s", error)
        config["tracker"] = dict(NO_TRACKER)


def check_stored(
    config: Mapping[str, Any], directory: Path, typed: Iterable[str] = ()
) -> None:
    """Check a stored config, or one in which something was changed.

    Args:
        config: All of it.
        directory: The run's, whose file is named beside what is wrong in it.
        typed: Keys of what was changed.

    Raises:
        BadRequest: With all mistakes.
    """
    from aerun.config.check import check

    own = {key: value for key, value in config.items() if key not in ("format", "data")}
    changed = {"task", "device", *typed}
    mistakes = []
    for mistake in check({**own, "run": None, "runs": None}):
        words = mistake.typed.partition("=")[0].split(".")
        if not changed & {".".join(words[: i + 1]) for i in range(len(words))}:
            where = f"{directory / 'config.yaml'}: {mistake.typed}"
            problem = f"{mistake.problem} Was it written by another version of aerun?"
            mistake = Mistake(typed=where, problem=problem)
        mistakes.append(mistake)
    if mistakes:
        raise BadRequest(mistakes)


def find_run(name: Any) -> Path:
    """The directory of a run: a path, or "last" for the newest under ``outputs``.

    Raises:
        BadRequest: None was given, or there is no run.
    """
    if name is None:
        problem = "is missing; write run=DIR, or run=last for the newest."
        raise BadRequest([Mistake(typed="run", problem=problem)])
    name = str(name)
    path = Path("outputs/latest" if name == "last" else os.path.expanduser(name))
    if not name.strip() or not path.is_dir():
        problem = f"there is no folder {path}."
        if name == "last" and path.is_symlink():
            newest = path.parent / path.readlink()
            problem = f"the newest run, {newest}, was removed; write run=DIR."
        raise BadRequest([Mistake(typed=f"run={name}", problem=problem)])
    path = path.resolve()
    if not holds_run(path):
        problem = f"{path} holds no run (no config.yaml)."
        if runs := sorted(sub for sub in path.iterdir() if holds_run(sub)):
            problem = f"{path} holds several runs; name one, run={name}/{runs[0].name}."
        raise BadRequest([Mistake(typed=f"run={name}", problem=problem)])
    return path


def stored_config(directory: Path) -> dict[str, Any]:
    """A run's config; as composed, where it died before it was resolved.

    Raises:
        RunDirectoryError: It is of a format that this version does not know.
    """
    resolved = (directory / "config.yaml").is_file()
    name = "config.yaml" if resolved else ".hydra/config.yaml"
    try:
        config: Any = RunDirectory(directory).read_yaml(name)
        if not resolved and isinstance(config, dict):
            config = OmegaConf.to_container(OmegaConf.create(config), resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunDirectoryError(f"{directory / name} is damaged ({reason})") from None
    groups = {"model", "dataset", "loss", "trainer"}
    if not isinstance(config, dict):
        raise RunDirectoryError(f"{directory / name} is damaged: it holds no config")
    # Of runs from before there were trackers.
    config.setdefault("tracker", dict(NO_TRACKER))
    for of_no_run in ("sweep", "trust"):
        config.pop(of_no_run, None)
    if not resolved:
        return config
    if config.get("format") != FORMAT:
        raise RunDirectoryError(
            f"{directory}/config.yaml has format: {config.get('format')}; this version "
            f"of aerun knows format {FORMAT}"
        )
    whole = {key for key, value in config.items() if isinstance(value, dict)}
    if missing := sorted((groups | {"data"}) - whole):
        raise RunDirectoryError(
            f"{directory / name} is damaged: it lacks {', '.join(missing)}"
        )
    if problem := problem_with_record(config["data"]):
        raise RunDirectoryError(f"{directory / name} is damaged: {problem}")
    return config


def _one_run(typed: dict[str, Any]) -> None:
    """Refuse ``runs=`` of a task that takes ``run=``.

    Raises:
        BadRequest: It was typed.
    """
    if (several := typed.pop("runs", None)) is not None:
        problem = "is for tasks on several runs; this one takes run=DIR."
        raise BadRequest([Mistake(typed=f"runs={several}", problem=problem)])


def parsed(overrides: Sequence[str]) -> dict[str, Any]:
    """Overrides by their keys; ``run`` and ``runs`` as they are.

    Raises:
        BadRequest: One breaks Hydra's grammar, or is a sweep.
    """
    parser = OverridesParser.create()
    typed: dict[str, Any] = {}
    mistakes = []
    for text in overrides:
        if text.startswith(("run=", "runs=")):
            # A path as it is, whatever Hydra's grammar says.
            key, _, path = text.partition("=")
            path = path.strip("'\"")
            typed[key] = None if path == "null" else path
            continue
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            mistakes.append(unreadable(text, error))
            continue
        if override.is_sweep_override():
            problem = "takes one value here."
            mistakes.append(Mistake(typed=text, problem=problem))
        value = override.value()
        typed[override.key_or_group] = getattr(value, "text", value)
    if mistakes:
        raise BadRequest(mistakes)
    return typed


def _refusal(key: str, directory: Path) -> str:
    near = did_you_mean(key, CONTINUABLE)
    return (
        f"cannot change in a run that is continued; {listed(CONTINUABLE)} can.{near} "
        f"To change more, start a new run with init_from={directory}"
    )


def trusted_config(directory: Path, trust: Trust) -> dict[str, Any]:
    """A run's config for all but to train on: it tells no tracker.

    Raises:
        BadRequest: It names code that nobody trusts.
        RunDirectoryError: As of ``stored_config``.
    """
    config = {**stored_config(directory), "tracker": dict(NO_TRACKER)}
    check_trusted(config, directory, trust)
    return config


def task_request(
    composer: Composer, overrides: Sequence[str], trust: Trust = NOTHING_ELSE
) -> tuple[dict[str, Any], Path]:
    """The config and directory of a run that a task reads.

    Args:
        composer: Knows the options.
        overrides: ``task=NAME run=DIR``, other data and a device, perhaps ``trust=``.
        trust: Whose code the run may name.

    Returns:
        The run's config with what was typed, checked, and its directory.

    Raises:
        BadRequest: A key of something that the run has settled, a bad value, no run,
            code that nobody trusts.
        RunDirectoryError: The run saved no weights.
    """
    typed = parsed(overrides)
    _one_run(typed)
    trust = trust.with_typed(typed)
    directory = find_run(typed.pop("run", None))
    config = trusted_config(directory, trust)
    if "data" not in config:
        raise RunDirectoryError(f"{directory} stopped before it saved any weights")
    settled = {f"dataset.{field.name}" for field in fields(DatasetOptions)}
    _refuse(
        {
            key: value
            for key, value in typed.items()
            if key in settled
            or key.partition(".")[0] not in ("task", "dataset", "device")
        }
    )
    chosen = "dataset" in typed
    about_data = () if chosen else ("dataset.",)
    rest = [text for text in overrides if not text.startswith(("run=", *about_data))]
    composed = plain(composer.compose(rest))
    config["task"] = composed["task"]
    config["device"] = composed["device"]
    if chosen:  # other examples, scaled as the run's
        kept = {f.name: config["dataset"][f.name] for f in fields(DatasetOptions)}
        # Which examples took part in the training says nothing of other data.
        kept |= {"exclude_classes": [], "limit": None}
        config["dataset"] = composed["dataset"] | kept
    else:
        for key, value in typed.items():
            if key.startswith("dataset."):
                config["dataset"][key.removeprefix("dataset.")] = value
    check_stored(config, directory, typed)
    # Options instead of which a data set takes what the run knows.
    target = locate(config["dataset"]["_target_"])
    settled = {f"dataset.{name}" for name in getattr(target, "settled", ())}
    _refuse({key: value for key, value in typed.items() if key in settled})
    return config, directory


def _refuse(settled: Mapping[str, Any]) -> None:
    """Refuse keys that the run has settled, where any were typed.

    Raises:
        BadRequest: Some were.
    """
    problem = "is settled by the run; only dataset, device and task can be chosen here."
    if settled:
        raise BadRequest(
            [Mistake(typed=f"{k}={v}", problem=problem) for k, v in settled.items()]
        )
