"""The whole check of a composed request: config, output, data, starting weights."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aerun import claims, rundir
from aerun.build import (
    build_objective,
    build_tracker,
    dtype_of,
    load_data,
    sketch_objective,
    trainer_options,
)
from aerun.config.check import (
    check,
    check_compile,
    check_data,
    check_sweep,
)
from aerun.config.compose import of_sweep, plain
from aerun.config.explaining import explained
from aerun.config.leftovers import without_leftovers
from aerun.config.mistakes import BadRequest, Mistake
from aerun.config.room import check_output, check_weights, room_for
from aerun.config.stored import find_run, stored_config
from aerun.errors import AerunError, DataError, RunDirectoryError
from aerun.options import show
from aerun.resolving import resolve
from aerun.training.state import load_weights


def approve(config: DictConfig, *, output: str | None) -> dict[str, Any]:
    """Find a composed request and its data good.

    Args:
        config: As composed.
        output: The key of Hydra's that names the directory to be made; None: none is.

    Returns:
        The request, plain.

    Raises:
        BadRequest: With all mistakes; first those of the request, then of the data.
    """
    request = asked(config, say=output is None)
    approve_plain(request, config, output=output)
    return request


def approve_plain(
    request: Mapping[str, Any],
    config: DictConfig,
    *,
    output: str | None,
    tried: set[str] | None = None,
) -> None:
    """The same for a request that was made plain before.

    Args:
        request: What the run is asked for.
        config: As composed.
        output: As of ``approve``.
        tried: What was built for requests before, which is not built again; added to.
    """
    tried = set() if tried is None else tried
    directory = None if output is None else _directory(config, output)
    mistakes = check(request) + check_sweep(of_sweep(config))
    mistakes += check_compile(request)
    if output is not None and directory is not None:
        mistakes += check_output(directory, key=output)
    if mistakes:
        raise BadRequest(mistakes)
    with room_for("dataset", "ask for fewer or smaller examples."):
        data = told(request)
    mistakes = check_data(request, data.spec)
    if not mistakes:
        with room_for("model", _SMALLER):
            resolved = resolve(request, data.spec)
            # Builds each part once: a bug of a user's own shows before a directory.
            if (built := _what_is_built(resolved)) not in tried:
                objective = sketch_objective(resolved, data.spec.shape)
                if output is not None:
                    mistakes = check_weights(objective, resolved["device"])
                tried.add(built)
        trainer_options(resolved)
        build_tracker(resolved)
        if request["init_from"] is not None and not mistakes:
            mistakes = _check_start(resolved, data.spec.shape)
    if mistakes:
        raise BadRequest(mistakes)


_SMALLER = (
    "make what is large smaller, such as model.code, model.hidden or the hidden layers "
    "of a regularizer."
)


def _what_is_built(config: Mapping[str, Any]) -> str:
    """Of a resolved config, what an objective is made of."""
    parts = ("model", "dataset", "corruption", "loss", "regularizer", "device")
    used = {part: config[part] for part in parts}
    used["precision"] = config["trainer"]["precision"]
    return json.dumps(used, sort_keys=True, default=str)


def asked(config: DictConfig, *, say: bool) -> dict[str, Any]:
    """What a run is asked for, plain.

    Args:
        config: As composed.
        say: Whether to say what was left out of an experiment.

    Raises:
        BadRequest: An interpolation leads nowhere.
    """
    try:
        return plain(without_leftovers(config, config.hydra, say=say))
    except OmegaConfBaseException as error:
        raise BadRequest([explained(error)]) from None


def claim_output(config: DictConfig, output: str) -> Path:
    """Create the directory of an approved request.

    Raises:
        RunDirectoryError: It was typed and is in use.
    """
    path, exact = place_of(config, output)
    return claims.claim(path, exact=exact)


def place_of(config: DictConfig, output: str) -> tuple[Path, bool]:
    """The directory of a request; whether it was typed: then it is taken as it is."""
    # As typed: an interpolation in them is not ours to resolve.
    typed: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    exact = any(override.startswith(f"{output}=") for override in typed)
    return Path(_directory(config, output)), exact


def _directory(config: DictConfig, key: str) -> str:
    try:
        return str(OmegaConf.select(config, key))
    except OmegaConfBaseException as error:
        problem = explained(error).problem
        raise BadRequest([Mistake(typed=key, problem=problem)]) from None


def told(request: Mapping[str, Any]) -> Any:
    """The data of a request.

    Raises:
        BadRequest: The data are absent or unusable.
    """
    with telling(request):
        return load_data(request)


@contextmanager
def telling(request: Mapping[str, Any]) -> Iterator[None]:
    """Within, an error about the data of a request names the key as typed."""
    try:
        yield
    except DataError as error:
        value = request["dataset"].get(error.key.rpartition(".")[2])
        typed = error.key if value is None else f"{error.key}={show(value)}"
        raise BadRequest([Mistake(typed=typed, problem=str(error))]) from None


def _check_start(config: Mapping[str, Any], shape: tuple[int, ...]) -> list[Mistake]:
    """Whether the weights to start from exist and fit."""
    source = config["init_from"]
    try:
        directory = find_run(source)
        if "data" not in stored_config(directory):
            raise RunDirectoryError(f"{directory} stopped before it saved any weights")
        weights = rundir.RunDirectory(directory).load_weights("best")
        load_weights(build_objective(config, shape).to(dtype_of(config)), weights)
    except BadRequest as error:
        problem = error.mistakes[0].problem
    except (AerunError, ValueError) as error:
        problem = f"{error}."
    else:
        return []
    return [Mistake(typed=f"init_from={source}", problem=problem)]
