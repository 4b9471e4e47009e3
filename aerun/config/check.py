"""Checks a composed config against the signatures that it will call."""

from collections.abc import Iterator, Mapping
from typing import Any

from aerun.build import HOSTS
from aerun.config.mistakes import Mistake, did_you_mean
from aerun.config.own_modules import left_out
from aerun.config.schemas import (
    LossOptions,
    RegularizerOptions,
    RootOptions,
    SweepOptions,
    TaskOptions,
)
from aerun.config.types import problem_with
from aerun.data import Spec
from aerun.features import Feature, features
from aerun.options import option_types, show
from aerun.wiring import NoModule, UnknownTarget, is_part, locate

_INJECTED = {"shape", "feature_names"}
"""Parameters that no config gives: what the data know."""

_OF_MODEL = frozenset({"code_size"})
"""The same of regularizers: what the model knows."""

_MAY_BE_NONE = frozenset({"corruption", "tracker"})
"""Groups whose option none builds nothing."""

_TAKEN_BY = {"run": "a run that exists, such as task=resume",
             "runs": "several runs, such as task=compare"}  # fmt: skip
"""Tasks that take what a training does not."""

_ABSENT = object()
"""Of no type that an option may have."""


def check(config: Mapping[str, Any]) -> list[Mistake]:
    """All that can be found wrong without looking at the data.

    Args:
        config: Composed, as plain dicts; interpolations resolved.

    Returns:
        Mistakes, in the order of the config; empty when it can be built.
    """
    groups = (
        "model",
        "dataset",
        "corruption",
        "loss",
        "regularizer",
        "trainer",
        "tracker",
        "task",
    )
    absent = [group for group in groups if not isinstance(config.get(group), Mapping)]
    if absent:
        problem = "is missing; every run needs one, and none is an option of some."
        return [Mistake(typed=group, problem=problem) for group in absent]
    root = {key: value for key, value in config.items() if key not in groups}
    everywhere = list(all_keys(config))
    mistakes = list(_check_options(root, option_types(RootOptions), "", everywhere))
    hosts = {**HOSTS, "loss": LossOptions, "task": TaskOptions}
    for group in groups:
        if group == "regularizer":
            for name, node in config[group].items():
                key = f"{group}.{name}"
                mistakes += _check_node(
                    node, key, everywhere, RegularizerOptions, known=_OF_MODEL
                )
        elif group not in _MAY_BE_NONE or config[group].get("_target_") is not None:
            mistakes += _check_node(config[group], group, everywhere, hosts.get(group))
    mistakes += _check_device(config.get("device"), config["trainer"].get("precision"))
    for key, tasks in _TAKEN_BY.items():
        if config.get(key) is not None:
            problem = f"only tasks on {tasks}, take it."
            mistakes.append(
                Mistake(typed=f"{key}={show(config[key])}", problem=problem)
            )
    if not mistakes:
        mistakes += _check_features(config)
    return mistakes


def check_sweep(options: Mapping[str, Any]) -> list[Mistake]:
    """All that is wrong with what a request says of its sweep."""
    known = [f"sweep.{key}" for key in options]
    return list(_check_options(options, option_types(SweepOptions), "sweep.", known))


def check_data(config: Mapping[str, Any], spec: Spec) -> list[Mistake]:
    """What parts need of the data and do not get.

    Args:
        config: Checked, as typed.
        spec: What the loaded data know.
    """
    return [
        Mistake(
            typed=key,
            problem=f"needs {feature.what}; the data lie in "
            f"[{spec.low:.4g}, {spec.high:.4g}], an example has "
            f"{'x'.join(map(str, spec.shape))} values: {feature.remedy}.",
        )
        for key, feature in needed(config)
        if feature.of_data and feature not in spec.provides
    ]


def check_part(
    node: Any, key: str, known: frozenset[str] = frozenset()
) -> list[Mistake]:
    """All mistakes in a node of no group, whose caller gives it what is known."""
    return list(_check_node(node, key, list(all_keys({key: node})), known=known))


def all_keys(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every dotted key of a config that a user may set."""
    for key, value in config.items():
        name = f"{prefix}{key}"
        if key == "_target_":
            continue
        yield name
        if isinstance(value, Mapping):
            yield from all_keys(value, f"{name}.")


def _check_node(
    node: Mapping[str, Any],
    key: str,
    everywhere: list[str],
    host: type | None = None,
    around: frozenset[str] = frozenset(),
    known: frozenset[str] = frozenset(),
) -> Iterator[Mistake]:
    """Check a node and its children against what their targets accept."""
    if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
        problem = "needs a _target_ in its YAML file, a dotted path: module.Name."
        yield Mistake(typed=key, problem=problem)
        return
    try:
        accepted = _accepted(node["_target_"])
    except UnknownTarget as error:
        why = left_out() if isinstance(error, NoModule) else ""
        problem = f"{error}.{why}"
        yield Mistake(typed=f"{key}._target_={node['_target_']}", problem=problem)
        return
    accepted |= {} if host is None else option_types(host)
    children = {name: value for name, value in node.items() if is_part(value)}
    here = frozenset(node)
    for name, child in children.items():
        yield from _check_node(child, f"{key}.{name}", everywhere, around=here)
        # A child may ask the node around it for what its own node does not give.
        asked = _options_of(child)
        accepted |= {k: asked[k] for k in asked if k not in child}
    closed = _INJECTED | known | around | frozenset(children)
    own = {k: v for k, v in accepted.items() if k not in closed}
    options = {k: v for k, v in node.items() if k not in children and k != "_target_"}
    required = not around
    yield from _check_options(options, own, f"{key}.", everywhere, required)


def _options_of(node: Mapping[str, Any]) -> dict[str, Any]:
    target = node["_target_"]
    try:
        return _accepted(target) if isinstance(target, str) else {}
    except UnknownTarget:  # see _check_node
        return {}


def _accepted(target: str) -> dict[str, Any]:
    """What a target accepts; any error of the import of its module passes through.

    Raises:
        UnknownTarget: There is none, or it has no signature.
    """
    found = locate(target)
    try:
        return option_types(found)
    except ValueError as error:
        raise UnknownTarget(str(error)) from None


def _check_options(
    options: Mapping[str, Any],
    accepted: Mapping[str, Any],
    prefix: str,
    everywhere: list[str],
    required: bool = True,
) -> Iterator[Mistake]:
    for name, value in options.items():
        key = f"{prefix}{name}"
        if name not in accepted:
            known = [f"{prefix}{k}" for k in accepted] + everywhere
            near = did_you_mean(key, [k for k in known if k != key])
            yield Mistake(typed=f"{key}={show(value)}", problem=f"no such key.{near}")
        elif value == "???":
            yield Mistake(typed=key, problem=f"is missing; write {key}=VALUE.")
        elif problem := problem_with(value, accepted[name]):
            yield Mistake(typed=f"{key}={show(value)}", problem=problem)
    for name in accepted:
        if required and name not in options:
            wanted = problem_with(_ABSENT, accepted[name])
            problem = f"is missing from the config; it {wanted or 'may be anything.'}"
            yield Mistake(typed=f"{prefix}{name}", problem=problem)


def _check_device(device: Any, precision: Any) -> Iterator[Mistake]:
    """A device that is asked for by name must be there; nothing falls back silently."""
    from aerun.resolving import why_absent

    problem = why_absent(str(device))
    if problem is None and device == "mps" and precision == "float64":
        problem = "an Apple GPU has no double precision; use device=cpu."
    if problem is not None:
        yield Mistake(typed=f"device={device}", problem=problem)


def check_compile(config: Mapping[str, Any]) -> list[Mistake]:
    """Whether a run that is to be compiled can be; one that was is not asked again."""
    from aerun.compiling import missing
    from aerun.resolving import best_device

    device = str(config["device"])
    device = best_device() if device == "auto" else device
    if config["trainer"].get("compile") is True and (what := missing(device)):
        problem = f"{what}; or use trainer.compile=auto."
        return [Mistake(typed="trainer.compile=true", problem=problem)]
    return []


def _check_features(config: Mapping[str, Any]) -> Iterator[Mistake]:
    """Compare what parts need with what parts provide; knows no names of parts."""
    provided = {
        feature
        for _, node in _parts(config)
        for feature in features(locate(node["_target_"]), "provides", node)
    }
    for key, feature in needed(config):
        if not feature.of_data and feature not in provided:
            yield Mistake(
                typed=key,
                problem=f"needs {feature.what}, which nothing chosen provides: "
                f"{feature.remedy}.",
            )
    yield from _check_link(config)
    yield from _check_batch(config)


def _check_batch(config: Mapping[str, Any]) -> Iterator[Mistake]:
    """A statistic of a batch may need a batch of some size."""
    given = config["trainer"]["batch_size"]
    for key, node in _parts(config):
        smallest = getattr(locate(node["_target_"]), "smallest_batch", None)
        least = 1 if smallest is None else smallest(node)
        if given < least:
            yield Mistake(
                typed=f"trainer.batch_size={given}",
                problem=f"is too small for {key}; it needs at least {least}.",
            )


def check_ranks(config: Mapping[str, Any]) -> list[Mistake]:
    """What several processes that share every batch cannot train."""
    problem = "counts over whole batches, which processes share; train it in one."
    return [
        Mistake(typed=key, problem=problem)
        for key, node in _parts(config)
        if getattr(locate(node["_target_"]), "whole_batches", False)
    ]


def _check_link(config: Mapping[str, Any]) -> Iterator[Mistake]:
    """A loss that reads raw outputs brings its own output activation."""
    link = getattr(locate(config["loss"]["_target_"]), "link", None)
    output = config["model"].get("output_activation")
    if link is not None and output not in (None, "none", link):
        name = config["loss"]["_target_"].rpartition(".")[2]
        yield Mistake(
            typed=f"model.output_activation={output}",
            problem=f"the loss {name} needs {link} or none.",
        )


def needed(config: Mapping[str, Any]) -> Iterator[tuple[str, Feature]]:
    """What each part of a config needs of others, with the part's key."""
    for group, host in HOSTS.items():
        for feature in features(host, "needs", config[group]):
            yield group, feature
    for key, node in _parts(config):
        for feature in features(locate(node["_target_"]), "needs", node):
            yield key, feature


def _parts(
    node: Mapping[str, Any], key: str = "", around: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, Any]]:
    """Every part of a config with its key, and its options as ``make`` gives them."""
    options: dict[str, Any] = {}
    if isinstance(node.get("_target_"), str):
        options = {**(around or {}), **node}
        yield key, options
    own = {name: value for name, value in options.items() if not is_part(value)}
    for name, value in node.items():
        if isinstance(value, Mapping):
            yield from _parts(value, f"{key}.{name}" if key else name, own)
