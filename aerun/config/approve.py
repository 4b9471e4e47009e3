"""The whole check of a composed request: config, output, data, starting weights."""

from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aerun.build import build_objective, dtype_of, load_data, resolve
from aerun.config.check import check, check_data, show
from aerun.config.compose import explained, plain
from aerun.config.mistakes import BadRequest, Mistake
from aerun.config.stored import find_run
from aerun.errors import AerunError, DataError
from aerun.rundir import RunDirectory
from aerun.training.state import load_weights


def approve(config: DictConfig, *, also: Callable[[], list[Mistake]]) -> dict[str, Any]:
    """The plain config of a composed one, once request and data are found good.

    Args:
        config: As composed.
        also: Finds further mistakes, told together with those of the config.

    Raises:
        BadRequest: With all mistakes; first those of the request, then of the data.
    """
    try:
        request = plain(config)
    except OmegaConfBaseException as error:
        raise BadRequest([explained(error)]) from None
    if mistakes := [*check(request), *also()]:
        raise BadRequest(mistakes)
    data = told(request)
    mistakes = check_data(request, data.spec)
    if not mistakes:
        # Builds the model once: a bug in a user's own class shows before a directory.
        resolved = resolve(request, data.spec)
        if request["init_from"] is not None:
            mistakes = _check_start(resolved, data.spec.shape)
    if mistakes:
        raise BadRequest(mistakes)
    return request


def output_dir(config: DictConfig, key: str) -> str:
    """The directory that a key of Hydra's asks for.

    Raises:
        BadRequest: It refers to something that is not there.
    """
    try:
        return str(OmegaConf.select(config, key))
    except OmegaConfBaseException as error:
        problem = explained(error).problem
        raise BadRequest([Mistake(typed=key, problem=problem)]) from None


def told(request: Mapping[str, Any]) -> Any:
    """The data of a request; an error about them told with the key as typed.

    Raises:
        BadRequest: The data are absent or unusable.
    """
    try:
        return load_data(request)
    except DataError as error:
        value = request["dataset"].get(error.key.rpartition(".")[2])
        typed = error.key if value is None else f"{error.key}={show(value)}"
        raise BadRequest([Mistake(typed=typed, problem=str(error))]) from None


def _check_start(config: Mapping[str, Any], shape: tuple[int, ...]) -> list[Mistake]:
    """Whether the weights to start from exist and fit."""
    source = config["init_from"]
    try:
        weights = RunDirectory(find_run(source)).load_weights("best")
        load_weights(build_objective(config, shape).to(dtype_of(config)), weights)
    except BadRequest as error:
        problem = error.mistakes[0].problem
    except (AerunError, ValueError) as error:
        problem = f"{error}."
    else:
        return []
    return [Mistake(typed=f"init_from={source}", problem=problem)]
