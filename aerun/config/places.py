"""Where options are looked for: the user's own folders, the built-in one, plug-ins."""

import logging
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore

from aerun.config.mistakes import BadRequest, Mistake

log = logging.getLogger("aerun")


def conf_dir() -> str:
    """The folder of built-in options: in a wheel inside the package, else beside it."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return str(folder)
    raise FileNotFoundError(f"no conf/config.yaml in or beside {package}")


def own_folders(extra_dir: str | None) -> list[tuple[str, Path]]:
    """Folders of the user's own options, each with who named it; the first wins.

    Raises:
        BadRequest: One does not exist.
    """
    named = os.environ.get("AERUN_CONFIG_PATH", "").split(os.pathsep)
    folders = [("$AERUN_CONFIG_PATH", folder) for folder in named if folder]
    if extra_dir is not None:
        folders.insert(0, ("--config-dir", extra_dir))
    found = []
    for provider, folder in folders:
        absolute = Path(os.path.expanduser(folder)).absolute()
        if not absolute.is_dir():
            typed = f"{provider} {folder}"
            raise BadRequest([Mistake(typed=typed, problem="there is no such folder.")])
        found.append((provider, absolute))
    return found


def plug_in_folders() -> Iterator[tuple[str, Path]]:
    """Folders of installed packages that bring options; a broken one is warned of."""
    for plug_in in _plug_ins(tuple(_changed(place) for place in sys.path)):
        name = f"plug-in {plug_in.name}"
        try:
            folder = _folder(plug_in)
        except Exception as error:  # whatever looking for a module may raise
            log.warning("The %s is left out: %s (%s).", name, error, plug_in.value)
        else:
            yield name, folder


@lru_cache(maxsize=1)
def _plug_ins(places: tuple[tuple[str, int], ...]) -> list[EntryPoint]:
    """What installed packages bring; looked for again when anything was installed."""
    return sorted(entry_points(group="aerun.conf"))


def _changed(place: str) -> tuple[str, int]:
    """A folder where packages may lie, and when something in it came or went [ns]."""
    try:
        return place, os.stat(place or ".").st_mtime_ns
    except OSError:
        return place, 0


def _folder(plug_in: EntryPoint) -> Path:
    """Where a plug-in's package lies, which is not imported: it may take long or fail.

    Raises:
        LookupError: There is no such package.
    """
    top, *below = plug_in.module.split(".")
    spec = find_spec(top)
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place, *below)
        if folder.is_dir():
            return folder.absolute()
    raise LookupError(f"there is no package '{plug_in.module}'")


def prefer_own_launchers() -> None:
    """Forget launchers of Hydra's plug-ins that have the names of ours.

    Hydra would check the options of ours against those of theirs.
    """
    stored: dict[str, Any] = ConfigStore.instance().repo
    theirs = stored.get("hydra", {}).get("launcher", {})
    for file in Path(conf_dir(), "hydra", "launcher").glob("*.yaml"):
        theirs.pop(file.name, None)


def search_path(own: list[tuple[str, Path]]) -> ConfigSearchPathImpl:
    """What Hydra searches: the user's own folders, then ours, then plug-ins."""
    path = create_automatic_config_search_path(None, None, conf_dir())
    assert isinstance(path, ConfigSearchPathImpl)
    for provider, folder in own:
        # Each goes right in front of the built-in options: the first of them wins.
        path.prepend(provider, f"file://{folder}", anchor=SearchPathQuery("main"))
    behind = SearchPathQuery("schema")  # which Hydra wants to be last
    for name, folder in plug_in_folders():
        path.prepend(name, f"file://{folder}", anchor=behind)
    return path
