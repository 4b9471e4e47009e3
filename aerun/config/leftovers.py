"""What an experiment sets of choices that the command line has replaced."""

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hydra.core.default_element import GroupDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from aerun.config.compose import CONFIG_NAME, dotted_keys
from aerun.config.grammar import parse

log = logging.getLogger("aerun")


def without_leftovers(config: DictConfig, hydra: Any, *, say: bool) -> DictConfig:
    """A composed config without what was meant for replaced choices.

    ``experiment=lecture/contractive regularizer=none`` would keep the weight of a
    regularizer that is not there any more. A key goes when an experiment set it, nobody
    typed it, and of the experiment's own choices have it, those made now do not.

    Args:
        config: As composed; not changed.
        hydra: Hydra's own node.
        say: Whether to say what was left out.
    """
    gone = list(leftovers(hydra))
    if not gone:
        return config
    kept = config.copy()
    for key in gone:
        parent, _, name = key.rpartition(".")
        node = OmegaConf.select(kept, parent) if parent else kept
        with open_dict(node):
            del node[name]
    if say:
        names = " and ".join(_experiments(hydra, _typed(hydra)))
        keys = ", ".join(gone)
        log.info("Left out of %s, for other choices: %s.", names, keys)
    return kept


def _typed(hydra: Any) -> list[Any]:
    """The overrides of the command line, parsed."""
    # As typed: an interpolation in them is not ours to resolve.
    typed: Any = OmegaConf.to_container(hydra.overrides.task, resolve=False)
    return parse(typed, GlobalHydra.instance().config_loader())


def _experiments(hydra: Any, typed: list[Any]) -> list[str]:
    """The chosen ones, in order; of a list Hydra records no choice."""
    values = [o.value() for o in typed if o.key_or_group == "experiment"]
    if values and isinstance(values[-1], list):
        return [str(name) for name in values[-1]]
    name = hydra.runtime.choices.get("experiment")
    return [str(name)] if name else []


def leftovers(hydra: Any) -> Iterator[str]:
    """The keys of a composed config that are left out, given Hydra's own node."""
    loader: Any = GlobalHydra.instance().config_loader()
    parsed = _typed(hydra)
    experiments = _experiments(hydra, parsed)
    if not experiments:
        return
    is_group = loader.repository.group_exists
    # What is added replaces nothing, and trainer={epochs: 3} chooses nothing.
    chosen = {
        o.key_or_group: str(o.input_line)
        for o in parsed
        if is_group(o.key_or_group)
        and not o.is_add()
        and not isinstance(o.value(), Mapping)
    }
    values = {o.key_or_group for o in parsed} - set(chosen)
    chosen.pop("experiment", None)
    yield from _left(
        loader, tuple(experiments), tuple(chosen.items()), frozenset(values)
    )


@functools.lru_cache(maxsize=64)  # of a sweep, whose jobs differ in their values
def _left(
    loader: Any,
    experiments: tuple[str, ...],
    choices: tuple[tuple[str, str], ...],
    values: frozenset[str],
) -> tuple[str, ...]:
    """Leftovers of experiments.

    Args:
        loader: Hydra's.
        experiments: Their names.
        choices: Groups of which something else was chosen, with the override.
        values: Keys that were typed.
    """
    chosen = dict(choices)
    found = [loader.repository.load_config(f"experiment/{e}") for e in experiments]
    packages = {None if each is None else each.header.get("package") for each in found}
    if not chosen or packages != {"_global_"}:
        return ()

    def keys_of(choices: Iterable[str]) -> set[str]:
        composed = loader.load_configuration(CONFIG_NAME, [*choices], RunMode.RUN)
        return set(dotted_keys(composed))

    theirs = dict(c for each in found for c in _choices(each.defaults_list))
    kept = [f"{g}={o}" for g, o in theirs.items() if g not in chosen]
    now = keys_of([*kept, *chosen.values()])
    set_keys = dict.fromkeys(k for each in found for k in dotted_keys(each.config))
    candidates = [key for key in set_keys if key not in now]
    if not candidates:
        return ()
    before = keys_of(f"{g}={o}" for g, o in theirs.items())
    gone: list[str] = []
    for key in candidates:
        within = any(key.startswith(f"{other}.") for other in gone)
        set_by_hand = any(
            f"{key}.".startswith(f"{other}.") or other.startswith(f"{key}.")
            for other in values
        )
        if key in before and not within and not set_by_hand:
            gone.append(key)
    return tuple(gone)


def _choices(defaults: Any) -> Iterator[tuple[str, str]]:
    """What the defaults list of an experiment overrides: groups and options."""
    for default in defaults or []:
        if not isinstance(default, GroupDefault) or not default.override:
            continue
        group = str(default.group).lstrip("/").partition("@")[0]
        options = default.value
        several = not isinstance(options, str)
        yield group, f"[{','.join(options or [])}]" if several else str(options)
