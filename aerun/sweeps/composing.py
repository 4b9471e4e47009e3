"""Composes the jobs of a sweep: the work that they share is done once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf, open_dict

from aerun.config.grammar import parse

_OURS = ("hydra.sweep.dir", "hydra.sweep.subdir")
"""Keys of Hydra's own that differ from job to job."""


class SharedLoader:
    """Hydra's loader of configs; jobs that chose the same options share a composition.

    Only their values are set for each, which takes a small part of the time.
    """

    def __init__(self, loader: Any) -> None:
        """Wrap Hydra's."""
        self._loader = loader
        self._composed: dict[tuple[int, tuple[str, ...]], DictConfig] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __reduce__(self) -> tuple[Any, ...]:  # to processes of a launcher
        return SharedLoader, (self._loader,)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> DictConfig:
        """What Hydra's own gives for one job, ``.hydra`` included."""
        with self.lent(master_config, sweep_overrides) as config:
            own = deepcopy(config)
        OmegaConf.copy_cache(from_config=master_config, to_config=own)
        return own

    @contextmanager
    def lent(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> Iterator[DictConfig]:
        """The same, to be read within only: it is that of other jobs too."""
        parsed = parse(sweep_overrides, self._loader)
        values = [override for override in parsed if self._is_value(override)]
        rest = [override for override in parsed if not self._is_value(override)]
        if not all(self._is_choice(override) for override in rest):
            values, rest = [], parsed  # the order in which they are typed may matter
        lines = tuple(_line(override) for override in rest)
        key = (id(master_config), lines)
        if key not in self._composed:
            composed = self._loader.load_sweep_config(master_config, list(lines))
            self._composed[key] = composed
        config = self._composed[key]
        if not values:
            yield config
            return
        keys = [override.key_or_group for override in values]
        keys += ["hydra.overrides.task", "hydra.overrides.hydra"]
        keys += ["hydra.job.override_dirname"]
        before = {key: _content(config, key) for key in dict.fromkeys(keys)}
        try:
            self._set(config, values, parsed)
            yield config
        finally:
            for changed, (there, content) in before.items():
                if there:
                    OmegaConf.update(config, changed, content, merge=False)

    def _set(
        self, config: DictConfig, values: list[Override], parsed: list[Override]
    ) -> None:
        self._loader._apply_overrides_to_config(values, config)
        own = [override for override in parsed if not override.is_hydra_override()]
        hydra = config.hydra
        with open_dict(hydra):
            hydra.overrides.task = [_line(override) for override in own]
            hydra.overrides.hydra += [
                _line(override) for override in values if override.is_hydra_override()
            ]
            named = hydra.job.config.override_dirname
            hydra.job.override_dirname = get_overrides_dirname(
                overrides=own,
                kv_sep=named.kv_sep,
                item_sep=named.item_sep,
                exclude_keys=named.exclude_keys,
            )

    def _is_value(self, override: Override) -> bool:
        key = override.key_or_group
        return (
            override.type == OverrideType.CHANGE
            and override.package is None
            and (not override.is_hydra_override() or key in _OURS)
            and not self._loader.repository.group_exists(key)
        )

    def _is_choice(self, override: Override) -> bool:
        group = self._loader.repository.group_exists(override.key_or_group)
        return group and not isinstance(override.value(), dict)


def _line(override: Override) -> str:
    return str(override.input_line)


def _content(config: DictConfig, key: str) -> tuple[bool, Any]:
    """Whether there is such a key, and what it holds, as it is written."""
    parent, _, name = key.rpartition(".")
    try:
        node = OmegaConf.select(config, parent) if parent else config
    except Exception:  # setting the value will tell
        return False, None
    if not isinstance(node, DictConfig) or node._is_none() or name not in list(node):
        return False, None
    below: Any = node._get_node(name)
    if OmegaConf.is_config(below) and not below._is_none():
        return True, OmegaConf.to_container(below, resolve=False)
    return True, below._value()
