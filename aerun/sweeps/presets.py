"""Presets, ``+sweep=NAME``: what they sweep joins what was typed, and is checked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from aerun.config.compose import Composer, as_typed
from aerun.config.leftovers import choices_of, options_of
from aerun.config.mistakes import BadRequest, Mistake
from aerun.sweeps.params import merged


def with_presets(
    composer: Composer, config: DictConfig, typed: Sequence[str], *, multirun: bool
) -> list[str]:
    """The overrides of a request, those of its presets included.

    Args:
        composer: That composed it.
        config: As composed of what was typed.
        typed: Overrides of the command line.
        multirun: Whether it is a sweep.

    Raises:
        BadRequest: A preset without ``-m``; several, but no list of them; a preset has
            a key that nothing chosen has, or a value that cannot be.
    """
    _one_choice(composer, typed)
    node = config.hydra.sweeper.get("params")
    if not node:
        return list(typed)
    presets = options_of("sweep", config.hydra)
    if not multirun:
        name = f"sweep={','.join(presets)}" if presets else "hydra.sweeper.params"
        problem = "makes several runs; add -m."
        raise BadRequest(as_typed([Mistake(typed=name, problem=problem)], typed))
    if not isinstance(node, DictConfig):
        problem = "must hold keys with their values, model.code: 2,4,8 for example."
        raise BadRequest([Mistake(typed="hydra.sweeper.params", problem=problem)])
    params: Any = OmegaConf.to_container(node, resolve=False)  # each job's to resolve
    overrides = merged(params, composer.as_groups(typed))
    try:
        _compose_first(composer, overrides)
    except BadRequest as error:
        origins = dict(_origins(composer, presets))
        mistakes = as_typed(error.mistakes, [*overrides, *typed])
        raise BadRequest(_placed(m, origins) for m in mistakes) from None
    return overrides


def _one_choice(composer: Composer, typed: Sequence[str]) -> None:
    """Refuse what would sweep over presets, or take the last of them only."""
    parsed = composer.parser.parse_overrides(composer.as_groups(typed))
    chosen = [override for override in parsed if override.key_or_group == "sweep"]
    several = [str(o.input_line).partition("=")[2] for o in chosen]
    if len(chosen) > 1 or any(override.is_sweep_override() for override in chosen):
        problem = f"write several presets as a list: '+sweep=[{','.join(several)}]'."
        raise BadRequest([Mistake(typed=f"sweep={several[0]}", problem=problem)])


def _compose_first(composer: Composer, overrides: Sequence[str]) -> None:
    """Compose the job of all first values; of a search's intervals it has none."""
    try:
        parsed = composer.parser.parse_overrides(list(overrides))
        misspelt = composer.swept_problems(overrides)
    except HydraException:
        misspelt = True
    if misspelt:
        composer.compose(overrides, multirun=True)  # which tells of all of them
    composer.compose(
        [
            f"{override.get_key_element()}={next(override.sweep_string_iterator())}"
            if override.is_discrete_sweep()
            else str(override.input_line)
            for override in parsed
            if override.is_discrete_sweep() or not override.is_sweep_override()
        ]
    )


def _origins(composer: Composer, presets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """By key which preset sweeps it, and what that preset is made for."""
    loader: Any = composer.loader
    for name in presets:
        found = loader.repository.load_config(f"sweep/{name}")
        choices = [f"{g}={o}" for g, o in choices_of(found.defaults_list)]
        meant = f" (made for {' '.join(choices)})" if choices else ""
        params = OmegaConf.select(found.config, "hydra.sweeper.params") or {}
        yield from ((str(key), f"in the preset {name}{meant}: ") for key in params)


def _placed(mistake: Mistake, origins: Mapping[str, str]) -> Mistake:
    """A mistake of a preset says of which."""
    place = origins.get(mistake.typed.partition("=")[0])
    if place is None:
        return mistake
    return replace(mistake, problem=f"{place}{mistake.problem}")
