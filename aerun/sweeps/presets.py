"""Presets, ``+sweep=NAME``: what they sweep joins what was typed, and is checked."""

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aerun.config.compose import CONFIG_NAME, Composer
from aerun.config.explaining import as_typed
from aerun.config.leftovers import choices_of, options_of
from aerun.config.mistakes import BadRequest, Mistake
from aerun.options import show
from aerun.sweeps.params import merged, nested, replaced


def with_presets(
    composer: Composer, config: DictConfig, typed: Sequence[str], *, multirun: bool
) -> list[str]:
    """The overrides of a request, its presets written out.

    So a sweep that is continued needs no preset, and can be extended by another.

    Args:
        composer: That composed it.
        config: As composed of what was typed.
        typed: Overrides of the command line.
        multirun: Whether it is a sweep.

    Raises:
        BadRequest: A preset without ``-m``; several, but no list of them; a preset has
            a key that nothing chosen has, or a value that cannot be.
    """
    to_tell.set(None)
    meant = composer.as_groups(typed)
    rest = _without_choice(composer, meant)
    presets = options_of("sweep", config.hydra)
    node = config.hydra.sweeper.get("params")
    if not presets and not node:
        return list(typed)
    if not multirun:
        name = f"sweep={','.join(presets)}" if presets else "hydra.sweeper.params"
        problem = "makes several runs; add -m."
        raise BadRequest(as_typed([Mistake(typed=name, problem=problem)], typed))
    if mistakes := [m for name in presets for m in _strays(composer, name)]:
        raise BadRequest(mistakes)
    if not node or not isinstance(node, DictConfig):
        problem = "must hold keys with their values, model.code: 2,4,8 for example."
        raise BadRequest([Mistake(typed="hydra.sweeper.params", problem=problem)])
    params: Any = OmegaConf.to_container(node, resolve=False)  # each job's to resolve
    overrides = [*_choices(composer, meant, presets), *merged(params, rest)]
    try:
        _compose_first(composer, overrides)
    except BadRequest as error:
        origins = dict(_origins(composer, presets))
        mistakes = as_typed(error.mistakes, [*overrides, *typed])
        raise BadRequest(_placed(m, origins) for m in mistakes) from None
    given_way = ", ".join(replaced(params, rest))
    name = f"+sweep={','.join(presets)}" if presets else "hydra.sweeper.params"
    to_tell.set(f"{given_way} was typed: {name} gives way." if given_way else None)
    return overrides


to_tell: ContextVar[str | None] = ContextVar("to_tell", default=None)
"""What is said of the presets, once every job is found to be good."""


def _without_choice(composer: Composer, meant: Sequence[str]) -> list[str]:
    """All but the choice of presets; one that would sweep over them is refused."""
    parsed = composer.parser.parse_overrides(list(meant))
    chosen = [override for override in parsed if override.key_or_group == "sweep"]
    if len(chosen) > 1 or any(override.is_sweep_override() for override in chosen):
        several = [str(o.input_line).partition("=")[2] for o in chosen]
        problem = f"write several presets as a list: '+sweep=[{','.join(several)}]'."
        raise BadRequest([Mistake(typed=f"sweep={several[0]}", problem=problem)])
    return [text for text, o in zip(meant, parsed, strict=True) if o not in chosen]


def _strays(composer: Composer, preset: str) -> Iterator[Mistake]:
    """What a preset sets elsewhere: a job would not have it."""
    loader: Any = composer.loader
    found = loader.repository.load_config(f"sweep/{preset}").config
    place = "hydra.sweeper.params"
    for key, value in nested(OmegaConf.to_container(found, resolve=False)):
        inside = f"{key}.".startswith(f"{place}.")
        if not inside and not isinstance(value, Mapping):
            where = f"in the preset {preset}: write it below {place}"
            problem = f"{where}, as {key}: {show(value)}."
            yield Mistake(typed=key, problem=problem)


def _choices(
    composer: Composer, meant: Sequence[str], presets: Sequence[str]
) -> list[str]:
    """What the presets choose, and nobody else did."""
    loader: Any = composer.loader
    found = loader.compute_defaults_list(CONFIG_NAME, list(meant), RunMode.MULTIRUN)
    by = {f"sweep/{name}" for name in presets}
    told = found.overrides.override_metadata
    groups = [g for g in told if told[g].containing_config_path in by]
    choices = found.overrides.override_choices
    return [f"{group}={show(choices[group])}" for group in groups]


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
