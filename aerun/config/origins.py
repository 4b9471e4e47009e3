"""Where each choice and each value of a request came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.types import RunMode
from omegaconf import OmegaConf

from aerun.config.compose import CONFIG_NAME, Composer

TYPED = "command line"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origins:
    """Who chose what: "command line", "default", or the file that says so."""

    choices: dict[str, tuple[str, str]]
    """By group: what was chosen, and by whom."""
    values: dict[str, str]
    """By dotted key: by whom it was set last."""


def origins(composer: Composer, overrides: Sequence[str]) -> Origins:
    """Ask Hydra which file each part of a request comes from.

    Args:
        composer: That composed it.
        overrides: As typed, known to be good.
    """
    meant = composer.as_groups(overrides)
    parsed = composer.parser.parse_overrides(meant)
    typed = {o.key_or_group: o for o in parsed}
    found = composer.loader.compute_defaults_list(CONFIG_NAME, meant, RunMode.RUN)
    choices: dict[str, tuple[str, str]] = {}
    values: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    for default in found.defaults:
        path, group = default.config_path, default.override_key
        if path is None or path.startswith("hydra/"):
            continue
        name = _name_of(path, default.parent)
        node = composer.loader.repository.load_config(path).config
        for key in _leaves(node, _package(default.package)):
            values[key] = name
        if group in found.overrides.known_choices and group is not None:
            chosen = str(found.overrides.known_choices[group])
            choices[group] = (chosen, _chooser(group, found.overrides, default.parent))
        elif "/" in path and (kind := path.rpartition("/")[0]) not in choices:
            several.setdefault(kind, []).append(path.rpartition("/")[2])
    for group, chosen in found.overrides.known_choices.items():
        if not group.startswith("hydra/") and group not in choices and chosen:
            by = _chooser(group, found.overrides, CONFIG_NAME)
            choices[group] = (str(chosen), by)
    for group, names in several.items():  # of which a list was chosen
        if group not in choices and not group.startswith("experiment"):
            by = _chooser(group, found.overrides, CONFIG_NAME)
            added = any(o.is_add() and o.key_or_group == group for o in parsed)
            more = f" and {TYPED}" if added and by != TYPED else ""
            choices[group] = (", ".join(names), f"{by}{more}")
    for key, override in typed.items():
        value = override.value()
        if not composer.loader.repository.group_exists(key):
            values = {k: v for k, v in values.items() if not k.startswith(f"{key}.")}
            values[key] = TYPED
        elif isinstance(value, Mapping):  # trainer={epochs: 3} chooses nothing
            values |= dict.fromkeys(_walk(value, f"{key.replace('/', '.')}."), TYPED)
    return Origins(choices=choices, values=values)


def _chooser(group: str, overrides: Any, parent: str | None) -> str:
    """Who chose the option of a group."""
    told = overrides.override_metadata.get(group)
    if told is None:
        return "default" if parent in (None, CONFIG_NAME) else str(parent)
    return TYPED if told.external_override else str(told.containing_config_path)


def _name_of(path: str, parent: str | None) -> str:
    return "default" if path == CONFIG_NAME else path


def _package(package: str | None) -> str:
    return "" if package in (None, "", "_global_") else f"{package}."


def _leaves(node: Any, prefix: str) -> Iterator[str]:
    plain = OmegaConf.to_container(node, resolve=False)
    assert isinstance(plain, Mapping)
    yield from _walk(plain, prefix)


def _walk(node: Mapping[Any, Any], prefix: str) -> Iterator[str]:
    for key, value in node.items():
        if str(key) in ("defaults", "hydra", "_target_"):
            continue
        if isinstance(value, Mapping) and value:
            yield from _walk(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
