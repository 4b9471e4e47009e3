"""Composes a request with Hydra, and finds all mistakes where that fails."""

import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra.core.default_element import GroupDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aerun.config.explaining import as_typed, explained, unreadable
from aerun.config.loader import SharingLoader
from aerun.config.mistakes import BadRequest, Mistake, did_you_mean, listed
from aerun.config.places import (
    conf_dir,
    own_folders,
    prefer_own_launchers,
    search_path,
)

CONFIG_NAME = "config"

# Hydra's words for a group that nothing chosen so far has a place for.
_NO_PLACE = re.compile(r"Could not override '([\w/]+)'\. No match")


NO_NEW_RUN = ("run", "part", "runs", "nothing")
"""Where tasks work that make no run of their own (``schemas.TaskOptions.works_in``)."""


class Composer:
    """Composes configs from the built-in options and the user's own."""

    def __init__(self, extra_dir: str | None = None) -> None:
        """Set up Hydra.

        Args:
            extra_dir: A folder of the user's own options, which win over built-in ones.

        Raises:
            BadRequest: The folder does not exist.
        """
        own = own_folders(extra_dir)
        self.own_folders = [folder for _, folder in own]
        GlobalHydra.instance().clear()
        self.loader: Any = SharingLoader(search_path(own))
        self.hydra = Hydra("aerun", self.loader)
        GlobalHydra.instance().initialize(self.hydra)
        prefer_own_launchers()
        self.parser = OverridesParser.create(config_loader=self.loader)

    def compose(
        self, overrides: Sequence[str], *, multirun: bool = False
    ) -> DictConfig:
        """The config of a request, Hydra's own node included.

        Raises:
            BadRequest: With every mistake that shows in the composition.
        """
        meant = self.as_groups(overrides)
        mode = RunMode.MULTIRUN if multirun else RunMode.RUN
        try:
            config = self._compose(meant, mode)
        except Exception as error:  # whatever Hydra or YAML raise on a bad request
            mistakes = list(self._diagnose(meant, multirun)) or [explained(error)]
            raise BadRequest(as_typed(mistakes, overrides)) from error
        if multirun and self.swept_problems(meant):
            mistakes = list(self._diagnose(meant, multirun))
            raise BadRequest(as_typed(mistakes, overrides))
        return config

    def as_groups(self, overrides: Sequence[str]) -> list[str]:
        """``trainer.optimizer=sgd`` as ``trainer/optimizer=sgd``, which it means.

        And ``+sweep=seeds`` as ``sweep=seeds``: Hydra adds nothing to a group of which
        none is chosen.
        """
        rewritten = []
        for override in overrides:
            key, equals, value = override.partition("=")
            group = key.lstrip("+").replace(".", "/")
            choice = equals and "." in key and value.isidentifier() and "@" not in key
            if choice and self.loader.repository.group_exists(group):
                override = f"{group}={value}"
            elif key.startswith("+") and key[1:] in self._open_groups:
                override = override[1:]
            rewritten.append(override)
        return rewritten

    @functools.cached_property
    def _open_groups(self) -> set[str]:
        """Groups of which nothing is chosen unless it is typed."""
        defaults = self.loader.repository.load_config(CONFIG_NAME).defaults_list
        groups = (each for each in defaults if isinstance(each, GroupDefault))
        return {str(each.group) for each in groups if each.value is None}

    def _compose(self, overrides: Sequence[str], mode: RunMode) -> DictConfig:
        return self.hydra.compose_config(
            config_name=CONFIG_NAME,
            overrides=list(overrides),
            run_mode=mode,
            with_log_configuration=False,
        )

    # -- what is wrong -----------------------------------------------------------------

    def _diagnose(self, overrides: Sequence[str], multirun: bool) -> Iterator[Mistake]:
        """All mistakes: grammar, then options, then keys against what remains."""
        choices: list[Override] = []
        values: list[Override] = []
        for text in overrides:
            try:
                override = self.parser.parse_override(text)
            except HydraException as error:
                yield unreadable(text, error)
                continue
            group = self.loader.repository.group_exists(override.key_or_group)
            if not override.key_or_group:
                yield unreadable(text, ValueError("there is no key"))
            elif group and override.is_delete():
                kept = "a group cannot be taken away; choose none, where it has it."
                yield Mistake(typed=text, problem=kept)
            elif override.is_sweep_override() and not multirun:
                several = "several values are a sweep; add -m, or write a list [...]."
                yield Mistake(typed=text, problem=several)
            elif not group:
                values.append(override)
            elif problem := self._choice_problem(override):
                yield Mistake(typed=text, problem=problem)
            else:
                choices.append(override)
        while True:
            try:
                config = self._compose([_line(o) for o in choices], RunMode.MULTIRUN)
                break
            except Exception as error:
                lost = _without_place(choices, error)
                if not lost:  # a broken file among the chosen ones
                    yield explained(error)
                    return
            for override in lost:
                above, _, part = override.key_or_group.rpartition("/")
                problem = f"the chosen {above} has no {part} to choose."
                yield Mistake(typed=_line(override), problem=problem)
            choices = [choice for choice in choices if choice not in lost]
        known = list(dotted_keys(config)) + self._groups()
        good: list[Override] = []
        for override in values:
            if problem := self._key_problem(override, known):
                yield Mistake(typed=_line(override), problem=problem)
            else:
                good.append(override)
        if not good:
            return
        # What is well spelt is also checked for its values; that imports PyTorch.
        from aerun.config.check import check, check_sweep

        lines = [_line(o) for o in (*choices, *good)]
        try:
            rest = self._compose(lines, RunMode.MULTIRUN)
        except Exception as error:
            yield explained(error)
            return
        yield from check(plain(rest))
        yield from check_sweep(of_sweep(rest))

    def _choice_problem(self, override: Override) -> str | None:
        """Why the chosen option of a group does not exist."""
        group = override.key_or_group
        if override.is_delete():
            return None
        if override.is_sweep_override():
            if not override.is_discrete_sweep():
                return None
            key = override.get_key_element()
            each = [f"{key}={value}" for value in override.sweep_string_iterator()]
            found = (self._choice_problem(self.parser.parse_override(e)) for e in each)
            return next((problem for problem in found if problem), None)
        value = override.value()
        options = self.options(group)
        if value is None:
            none = "none" if "none" in options else "another option"
            return f"choose {none}; the options are {listed(options)}."
        for name in value if isinstance(value, list) else [value]:
            exists = self.loader.repository.config_exists(f"{group}/{name}")
            if not exists:
                near = did_you_mean(str(name), options)
                return f"there is no {group} '{name}'.{near} Choose {listed(options)}."
        return None

    def shadowed(self, config: DictConfig) -> list[str]:
        """Chosen options of the user's own that stand in for built-in ones."""
        built_in = Path(conf_dir())
        said = []
        for group, name in config.hydra.runtime.choices.items():
            file = f"{group}/{name}.yaml"
            own = [folder for folder in self.own_folders if (folder / file).is_file()]
            if own and (built_in / file).is_file():
                said.append(f"{group}={name} is your own, {own[0] / file}.")
        return said

    def swept_problems(self, overrides: Sequence[str]) -> bool:
        """Whether a swept option does not exist; composition alone cannot see it."""
        parsed = self.parser.parse_overrides(list(overrides))
        exists = self.loader.repository.group_exists
        groups = [o for o in parsed if exists(o.key_or_group)]
        return any(self._choice_problem(o) for o in groups)

    def options(self, group: str) -> list[str]:
        """The options of a group; those of experiments with their folders."""
        kind = ObjectType.CONFIG
        options = self.loader.get_group_options(group, kind)
        if group == "experiment":
            for folder in self.loader.get_group_options(group, ObjectType.GROUP):
                inner = self.loader.get_group_options(f"{group}/{folder}", kind)
                options += [f"{folder}/{name}" for name in inner]
        return options

    def _key_problem(self, override: Override, known: list[str]) -> str | None:
        """Why a key cannot be set: nothing chosen has it, or it is a choice."""
        key = override.key_or_group
        if override.is_add() or override.is_force_add() or key.startswith("hydra."):
            return None
        if key in known:
            choice = key.replace(".", "/")
            grouped = self.loader.repository.group_exists(choice)
            if grouped and not isinstance(override.value(), dict):
                return f"is a choice; choose {listed(self.options(choice))}."
            return None
        group, _, rest = key.partition(".")
        name = rest.partition(".")[0]
        if name in self.options(group) and f"{group}.{name}" not in known:
            return f"{name} is not chosen; add +{group}=[{name}]."
        return f"no such key.{did_you_mean(key, known)}"

    def works_in(self, task: str) -> str | None:
        """Where a task works; None where there is none or its file does not say."""
        found = self.loader.repository.load_config(f"task/{task}")
        config = None if found is None else found.config
        if config is not None and found.header.get("package") == "_global_":
            config = config.get("task")  # of a file that sets more than the task
        return None if config is None else config.get("works_in")

    def _groups(self) -> list[str]:
        groups = self.loader.get_group_options("", ObjectType.GROUP)
        return [group for group in groups if group != "hydra"]


def _without_place(choices: Sequence[Override], error: Exception) -> list[Override]:
    """Choices of parts that what was chosen above them does not have."""
    found = _NO_PLACE.search(str(error))
    if found is None or "/" not in found[1]:
        return []
    return [choice for choice in choices if choice.key_or_group == found[1]]


def plain(config: DictConfig) -> dict[str, Any]:
    """What a run gets of a composed config, as plain dicts; missing values as ???."""
    return contained(config, resolve=True)


def contained(config: DictConfig, *, resolve: bool) -> dict[str, Any]:
    """What a run gets of a composed config, with or without interpolations resolved."""
    found = {}
    for key in map(str, config):
        if key in ("hydra", "sweep") or (resolve and key == "trust"):
            continue
        node: Any = config._get_node(key)
        if resolve and node._is_interpolation():
            node = node._dereference_node()
        found[key] = (
            OmegaConf.to_container(node, resolve=resolve, throw_on_missing=False)
            if OmegaConf.is_config(node)
            else node._value()
        )
    return found


def of_sweep(config: DictConfig) -> dict[str, Any]:
    """What a composed config says of its sweep."""
    container = OmegaConf.to_container(config.sweep, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def dotted_keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every dotted key of a composed config but Hydra's."""
    for key in map(str, config):
        if not prefix and key == "hydra":
            continue
        name = f"{prefix}{key}"
        yield name
        node = None if OmegaConf.is_missing(config, key) else config._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none():
            yield from dotted_keys(node, f"{name}.")


def _line(override: Override) -> str:
    """An override as it was written."""
    return str(override.input_line)
