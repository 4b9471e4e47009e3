"""Whose code a run that exists may name: aerun's options, and what a user trusts.

A run's directory may come from anybody, and each ``_target_`` of its config is code
that is imported and called. So these are compared, as texts and before anything is
imported, with those that files of options name, and with the modules that the user
names.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aerun.config.mistakes import BadRequest, Mistake
from aerun.config.places import conf_dir, own_folders, plug_in_folders
from aerun.wiring import targets

_TARGET = re.compile(r"""_target_['"]?\s*:\s*['"]?([A-Za-z_][\w.]*)""")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """What is trusted beside the options of aerun, of plug-ins and of the user."""

    modules: Sequence[str] = ()
    """By name; what lies below one is too."""
    config_dir: str | None = None
    """A folder of the user's own options, where one was given."""
    also: Callable[[], Iterable[str]] = tuple
    """Gives targets that were asked for now; called when nothing else covers one."""

    def beyond(self, asked: Iterable[str]) -> set[str]:
        """Those targets that nobody trusts."""
        rest = set(asked) - _of_aerun()
        rest -= {t for t in rest if any(_lies_in(t, name) for name in self.modules)}
        for find in (self._of_others, self.also):
            if rest:
                rest -= set(find())
        return rest

    def _of_others(self) -> Iterable[str]:
        for _, folder in (*own_folders(self.config_dir), *plug_in_folders()):
            yield from _named_in(folder)

    def with_typed(self, typed: dict[str, Any]) -> "Trust":
        """The same and what ``trust=`` says, which is taken out of what was typed.

        Raises:
            BadRequest: It names no modules.
        """
        return self.with_names(typed.pop("trust", None))

    def with_names(self, given: Any) -> "Trust":
        """The same and some modules: one, a list of them, or None.

        Raises:
            BadRequest: These are no names of modules.
        """
        names = [] if given is None else given
        names = [names] if isinstance(names, str) else names
        names = [getattr(name, "text", name) for name in names]
        for name in names:
            if not (isinstance(name, str) and _MODULE.fullmatch(name)):
                problem = "must be names of modules, as in trust=[my_parts]."
                raise BadRequest([Mistake(typed=f"trust={name}", problem=problem)])
        return replace(self, modules=(*self.modules, *names))


NOTHING_ELSE = Trust()


def check_trusted(config: Mapping[str, Any], directory: Path, trust: Trust) -> None:
    """Find all code that a stored config names trusted; nothing is imported for that.

    Args:
        config: As far as it will be used.
        directory: The run's.
        trust: By whom.

    Raises:
        BadRequest: Some is not.
    """
    found = list(targets(config))
    beyond = trust.beyond(target for _, target in found if isinstance(target, str))
    mistakes = [
        Mistake(
            typed=f"{directory / 'config.yaml'}: {key}={target}",
            problem=_advice(str(target)),
        )
        for key, target in found
        if not isinstance(target, str) or target in beyond
    ]
    if mistakes:
        raise BadRequest(mistakes)


def _advice(target: str) -> str:
    module, _, name = target.rpartition(".")
    if not module or not _MODULE.fullmatch(target):
        return "is no dotted path, module.Name; the file is damaged."
    if module.partition(".")[0] == "aerun":
        return (
            f"is no option of this version of aerun ('{name}' in {module}). Was it "
            f"written by another version? If you trust it, add trust=[{module}]."
        )
    return (
        "is not part of aerun, and a run may come from anybody: this code is not run. "
        f"If you trust the module '{module}' that is here, add trust=[{module}]; what "
        "your own files of options name ($AERUN_CONFIG_PATH, --config-dir) is trusted."
    )


def _lies_in(target: str, module: str) -> bool:
    return f"{target}.".startswith(f"{module}.")


@functools.lru_cache(maxsize=1)
def _groups() -> tuple[str, ...]:
    """The groups of options that a run is made of; those of sweeps are of no run."""
    places = (path for path in Path(conf_dir()).iterdir() if path.is_dir())
    return tuple(sorted(path.name for path in places if path.name != "hydra"))


@functools.lru_cache(maxsize=1)
def _of_aerun() -> frozenset[str]:
    return frozenset(_named_in(Path(conf_dir())))


def _named_in(folder: Path) -> Iterator[str]:
    """Every target that options in a folder name.

    Only files of groups are options: the folder may be one that holds runs too.
    """
    for group in _groups():
        for path in (folder / group).rglob("*.yaml"):
            if path.is_file():
                now = path.stat()
                yield from _named_by(path, now.st_size, now.st_mtime_ns)


@functools.lru_cache(maxsize=4096)  # asked for of every run, of whole folders of them
def _named_by(path: Path, size: int, changed: int) -> frozenset[str]:
    """Every target that a file names, as it is at a time [ns]."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return frozenset(_TARGET.findall(text))
