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
        with open_dict(own.hydra):
            node: Any = OmegaConf.to_container(own.hydra, resolve=False)
            own.hydra.merge_with(self.recorded(node, sweep_overrides))
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
        own = [_line(override) for override in parsed if not _is_of_hydra(override)]
        config.hydra.overrides.task = own
        keys = dict.fromkeys(override.key_or_group for override in values)
        before = {key: _content(config, key) for key in keys}
        try:
            self._loader._apply_overrides_to_config(values, config)
            yield config
        finally:
            for changed, (there, content) in before.items():
                if there:
                    OmegaConf.update(config, changed, content, merge=False)

    def recorded(
        self, node: dict[str, Any], sweep_overrides: Sequence[str]
    ) -> dict[str, Any]:
        """What Hydra says of a job's overrides, beside those of the task.

        Args:
            node: Hydra's own, plain, without that.
            sweep_overrides: Of the job.
        """
        parsed = parse(sweep_overrides, self._loader)
        named = node["job"]["config"]["override_dirname"]
        name = get_overrides_dirname(
            overrides=[override for override in parsed if not _is_of_hydra(override)],
            kv_sep=named["kv_sep"],
            item_sep=named["item_sep"],
            exclude_keys=named["exclude_keys"],
        )
        lines = [_line(override) for override in parsed if _is_of_hydra(override)]
        known = node["overrides"]["hydra"]
        more = [line for line in lines if line not in known]
        return {
            "job": node["job"] | {"override_dirname": name},
            "overrides": node["overrides"] | {"hydra": [*known, *more]},
        }

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


def _is_of_hydra(override: Override) -> bool:
    return bool(override.is_hydra_override())


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
