"""What an experiment sets of choices that the command line has replaced."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from aerun.config.compose import CONFIG_NAME, dotted_keys

log = logging.getLogger("aerun")


def without_leftovers(config: DictConfig, hydra: Any, *, say: bool) -> DictConfig:
    """A composed config without what was meant for replaced choices.

    ``experiment=lecture/contractive regularizer=none`` would keep the weight of a
    regularizer that is not there any more. A key goes when an experiment set it, nobody
    typed it, and the same choices without the experiment's values do not have it.

    Args:
        config: As composed; not changed.
        hydra: Hydra's own node.
        say: Whether to say what was left out.
    """
    leftovers = list(_leftovers(hydra))
    if not leftovers:
        return config
    kept = config.copy()
    for key in leftovers:
        parent, _, name = key.rpartition(".")
        node = OmegaConf.select(kept, parent) if parent else kept
        with open_dict(node):
            del node[name]
    name = hydra.runtime.choices.experiment
    if say:
        keys = ", ".join(leftovers)
        log.info("Left out of %s, for other choices: %s.", name, keys)
    return kept


def _leftovers(hydra: Any) -> Iterator[str]:
    name = hydra.runtime.choices.get("experiment")
    loader: Any = GlobalHydra.instance().config_loader()
    found = loader.repository.load_config(f"experiment/{name}") if name else None
    if found is None:
        return
    is_group = loader.repository.group_exists
    typed: list[str] = list(hydra.overrides.task)
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(typed)
    chosen = {
        o.key_or_group: str(o.input_line)
        for o in parsed
        if is_group(o.key_or_group) and not isinstance(o.value(), Mapping)
    }
    chosen.pop("experiment", None)
    if not chosen:
        return
    groups = {key.lstrip("+") for key in chosen}
    theirs = [f"{g}={o}" for g, o in _choices(found.defaults_list) if g not in groups]
    plain: DictConfig = loader.load_configuration(
        CONFIG_NAME, [*theirs, *chosen.values()], RunMode.RUN
    )
    known = set(dotted_keys(plain))
    keys = {o.key_or_group for o in parsed}
    gone: list[str] = []
    for key in dotted_keys(found.config):
        below_gone = any(key.startswith(f"{other}.") for other in gone)
        inside = any(f"{key}.".startswith(f"{other}.") for other in keys - groups)
        holds = any(other.startswith(f"{key}.") for other in keys)
        if key in known or below_gone or inside or holds:
            continue
        if _within_a_number(key, plain):
            continue
        gone.append(key)
        yield key


def _choices(defaults: Any) -> Iterator[tuple[str, str]]:
    """What the defaults list of an experiment overrides: groups and options."""
    for default in defaults or []:
        group = getattr(default, "group", None)
        value = getattr(default, "value", None)
        if group is None or value is None:
            continue
        text = f"[{','.join(value)}]" if not isinstance(value, str) else value
        yield group.lstrip("/").partition("@")[0], text


def _within_a_number(key: str, plain: DictConfig) -> bool:
    """Whether a key is part of a schedule that stands for a plain number."""
    parent = key.rpartition(".")[0]
    value = OmegaConf.select(plain, parent, throw_on_missing=False) if parent else None
    return value is not None and not isinstance(value, DictConfig)
