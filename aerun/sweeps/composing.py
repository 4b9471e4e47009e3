"""Composes the jobs of a sweep: the work that they share is done once."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf, open_dict

_OURS = ("hydra.sweep.dir", "hydra.sweep.subdir")
"""Keys of Hydra's own that differ from job to job."""


class SharedLoader:
    """Hydra's loader of configs; jobs that chose the same options share a composition.

    Their values are set in a copy of it, which takes a tenth of the time.
    """

    def __init__(self, loader: Any) -> None:
        """Wrap Hydra's."""
        self._loader = loader
        self._parser = OverridesParser.create(config_loader=loader)
        self._composed: dict[tuple[int, tuple[str, ...]], DictConfig] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __reduce__(self) -> tuple[Any, ...]:  # to processes of a launcher
        return SharedLoader, (self._loader,)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> DictConfig:
        """What Hydra's own gives for one job, ``.hydra`` included."""
        parsed = self._parser.parse_overrides(list(sweep_overrides))
        values = [override for override in parsed if self._is_value(override)]
        rest = [override for override in parsed if not self._is_value(override)]
        if not all(self._is_choice(override) for override in rest):
            values, rest = [], parsed  # the order in which they are typed may matter
        lines = tuple(_line(override) for override in rest)
        key = (id(master_config), lines)
        if key not in self._composed:
            composed = self._loader.load_sweep_config(master_config, list(lines))
            self._composed[key] = composed
        config = deepcopy(self._composed[key])
        if values:
            self._set(config, values, parsed)
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config

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
