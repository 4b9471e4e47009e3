"""Hydra's config loader, which reads the files of the same options only once."""

import os
import pickle
from collections.abc import Hashable, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.types import Override, OverrideType
from hydra.types import RunMode
from omegaconf import DictConfig

from aerun.config.files import Repository
from aerun.config.grammar import parse
from aerun.config.places import conf_dir

_OF_HYDRA = frozenset({"hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"})
"""Values in Hydra's own node from which its loader derives nothing else."""

_MOST = 100
"""So many compositions are kept, each some 30 kB."""

Kept = dict[Hashable, bytes]
"""Compositions of choices, pickled, which copies them ten times faster."""

_of_built_in: Kept = {}
"""What all loaders share that know the built-in options alone."""


class SharingLoader(ConfigLoaderImpl):
    """Composes what options a request chooses once; others only set their values.

    Reading and merging some thirty files takes most of the time of a composition, and
    the jobs of a sweep, or the runs of a notebook, seldom differ in more than values.
    What is kept of the built-in options lasts as long as the process and until one of
    their files changes; with folders of others, as long as this loader.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        self.config_search_path = config_search_path
        self.repository = Repository(config_search_path)
        self._groups: dict[str, bool] = {}
        files = [s.path for s in self.get_sources() if s.scheme() == "file"]
        self._kept = _of_built_in if files == [conf_dir()] else {}

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """The config of a request, just as Hydra composes it."""

        def compose(some: Sequence[str]) -> DictConfig:
            return super(SharingLoader, self).load_configuration(
                config_name, list(some), run_mode, from_shell, validate_sweep_overrides
            )

        parsed = parse(overrides, self)
        if not all(self._may_share(override) for override in parsed):
            return compose(overrides)
        values = [override for override in parsed if self._is_value(override)]
        choices = [_line(o) for o in parsed if not self._is_value(o)]
        key = (config_name, run_mode, *choices, *_stamps(conf_dir()))
        if key not in self._kept:
            while len(self._kept) >= _MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = pickle.dumps(compose(choices))
        config: DictConfig = pickle.loads(self._kept[key])
        self._apply_overrides_to_config(values, config)
        _note(parsed, config)
        return config

    def _may_share(self, override: Override) -> bool:
        """Whether an override means the same when it comes after all choices."""
        if override.is_sweep_override():
            return False
        if override.key_or_group.startswith("hydra."):
            return override.key_or_group in _OF_HYDRA and self._is_value(override)
        return self._is_value(override) or self._is_choice(override)

    def _is_choice(self, override: Override) -> bool:
        key = override.key_or_group
        if key not in self._groups:
            self._groups[key] = bool(self.repository.group_exists(key))
        return self._groups[key] and not isinstance(override.value(), dict)

    def _is_value(self, override: Override) -> bool:
        """Whether an override only replaces a value."""
        plain = override.type == OverrideType.CHANGE and override.package is None
        return plain and not self._is_choice(override)


def _line(override: Override) -> str:
    return str(override.input_line)


def _stamps(folder: str) -> list[tuple[str, int, int]]:
    """Path, time of the last change [ns] and size of all that is below a folder."""
    stamps, folders = [], [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                status = entry.stat()
                stamps.append((entry.path, status.st_mtime_ns, status.st_size))
                if entry.is_dir():
                    folders.append(entry.path)
    return stamps


def _note(overrides: Sequence[Override], config: DictConfig) -> None:
    """Write down the whole request where Hydra does, and from where it was made."""
    hydra: Any = config.hydra
    own = [override for override in overrides if not override.is_hydra_override()]
    hydra.overrides.task = [_line(override) for override in own]
    hydra.overrides.hydra = [_line(o) for o in overrides if o.is_hydra_override()]
    style = hydra.job.config.override_dirname
    hydra.job.override_dirname = get_overrides_dirname(
        overrides=own,
        kv_sep=style.kv_sep,
        item_sep=style.item_sep,
        exclude_keys=style.exclude_keys,
    )
    hydra.runtime.cwd = os.getcwd()
