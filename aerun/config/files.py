"""Reads the files of options, each once for as long as it stays the same."""

import os
import pickle
from collections.abc import Hashable

from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult

_read: dict[str, tuple[Hashable, bytes]] = {}
"""By its path: when it was changed, and what Hydra made of it, pickled."""


class Repository(ConfigRepository):
    """Hydra's own, which would parse every file again for each composition."""

    def load_config(self, config_path: str) -> ConfigResult | None:
        """What a file of options holds; None where there is none."""
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None or source.scheme() != "file":
            return super().load_config(config_path)
        path = os.path.join(source.path, source._normalize_file_name(config_path))
        status = os.stat(path)
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        kept = _read.get(path)
        if kept is None or kept[0] != stamp:
            found = super().load_config(config_path)
            _read[path] = kept = stamp, pickle.dumps(found)
        copy: ConfigResult = pickle.loads(kept[1])
        return copy
