"""Requests drawn from the options in conf/ and the types of their parts' signatures."""

import functools
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from making import options
from torch import Tensor

from aerun.build import HOSTS
from aerun.config.compose import Composer, plain
from aerun.config.grammar import quoted
from aerun.config.schemas import LossOptions, RegularizerOptions
from aerun.options import Odd, Parsed, Range, is_knob, option_types
from aerun.wiring import is_part, locate

GROUPS = {
    "model": options("model"),
    "dataset": ["digits", "plane"],  # the others want files
    "corruption": options("corruption"),
    "loss": options("loss"),
    "trainer": options("trainer"),
    "trainer/optimizer": options("trainer/optimizer"),
    "trainer/scheduler": options("trainer/scheduler"),
    "model/bottleneck": options("model/bottleneck"),
    "model/encoder": options("model/encoder"),
    "model/prior": options("model/prior"),
}
REGULARIZERS = [name for name in options("regularizer") if name != "none"]
EXPERIMENTS = [f"lecture/{name}" for name in options("experiment/lecture")]

_LEFT_ALONE = {"trainer.threads", "trainer.compile", "trainer.max_steps"}
"""Valid values of these take seconds, or more than one core."""

_HOSTS: dict[str, type] = {**HOSTS, "loss": LossOptions}

HUGE = [10**12, 2**63 - 1, 2**63, 10**30, 10**400]
"""Numbers that nothing has room for; a little smaller, and memory would be filled."""

_ENDLESS = ("model.steps",)
"""A huge number of these is carried out, for years."""

# -- what there is to choose -----------------------------------------------------------


@functools.cache
def _composed(*choices: str) -> dict[str, Any]:
    return plain(Composer().compose(list(choices)))


def _typed(node: Mapping[str, Any], key: str, host: type | None) -> dict[str, Any]:
    """The options of a node and of those in it by dotted key, with their types."""
    known = option_types(locate(node["_target_"]))
    known |= {} if host is None else option_types(host)
    found: dict[str, Any] = {}
    for name, child in node.items():
        if is_part(child):
            found |= _typed(child, f"{key}.{name}", None)
            known |= option_types(locate(child["_target_"]))
    own = [name for name in node if name in known and not is_part(node[name])]
    return found | {f"{key}.{name}": known[name] for name in own}


@functools.cache
def _keys(group: str, choice: str) -> dict[str, Any]:
    """The options of a chosen part of a group."""
    top = group.partition("/")[0]
    node = _composed(f"{group}={choice}")[top]
    if node.get("_target_") is None:
        return {}
    found = _typed(node, top, _HOSTS.get(top))
    return {key: kind for key, kind in found.items() if key not in _LEFT_ALONE}


@functools.cache
def _keys_of_regularizer(name: str) -> dict[str, Any]:
    config = _composed(f"regularizer=[{name}]")["regularizer"]
    return _typed(config[name], f"regularizer.{name}", RegularizerOptions)


# -- values ----------------------------------------------------------------------------


def written(value: Any) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value.isidentifier() else quoted(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return repr(value)


def valid(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type, small enough to be trained with."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _in_range(arguments[0], arguments[1:])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of([valid(part) for part in arguments if part is not Tensor])
    if origin is list:
        return st.lists(valid(arguments[0]), max_size=3)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(0, 9)
    if kind is float:
        return st.floats(-3, 3)
    return st.none() if kind in (None, types.NoneType) else st.just("auto")


def _in_range(base: Any, limits: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if any(isinstance(limit, Parsed) for limit in limits):
        return st.sampled_from(["1s", "0.5min", "2h"])
    if any(isinstance(limit, Odd) for limit in limits):
        return st.sampled_from([1, 3, 5, 7])
    limit = next(limit for limit in limits if isinstance(limit, Range))
    low = -3 if limit.low is None else limit.low
    high = low + 6 if limit.high is None else limit.high
    if base is int:
        return st.integers(int(low), int(min(high, low + 9)))
    numbers = st.floats(
        low, high, exclude_min=limit.open_low, exclude_max=limit.open_high, width=32
    )
    usual = st.sampled_from([0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.9])
    numbers = st.one_of(usual.filter(lambda number: number in limit), numbers)
    if not is_knob(base):
        return numbers
    shapes = st.sampled_from(["linear", "cosine"])
    schedule = {"start": numbers, "end": numbers, "shape": shapes}
    return st.one_of(numbers, st.fixed_dictionaries(schedule))


WILD = [
    "", "''", '"', "'", "[", "]", "[1,2", "{a:1", "{a: 1}", "${", "${seed}", "${nope}",
    "${oc.env:NOPE}", "${hydra:run.dir}", "???", "null", "a,b", "1,2", "range(1,3)",
    "choice(1,2)", "glob(*)", "interval(0,1)", "\\", "\n", "a\nb", "'a\nb'", "\t", "é",
    "'日本'", "'\x1b[2J'", "-", "=", "a=b", "~", "~/x", "~nobody/x", "../..", "/",
    "1e999", "-0", "0x10", "1_000", "1e-400", "5e-324", "nan", "-inf", "true", "[]",
    "{}", "[[]]", "{a: {b: [1, {c: d}]}}", "[1,[2]]", "@", "!!python/object:os.system",
    "%", "$", "{start: 0, 3: 4}", "{null: 1}", "{true: 1}", "{start: nan, end: 1}",
    "{start: 1e-400, end: 1, shape: exponential}", "[" * 200, "(" * 50, "9" * 5000,
    "a" * 4000, "'$x$'", "'<b>'", "None", "none", "[none]", "[null]", "[1,a]",
    "{_target_: os.getcwd}", "{_target_: 3}", "extend_list(1)", "str(1)", "int(a)",
    "shuffle(1,2)", "sort(2,1)", "tag(a,1)", "float('1')", "json_str({})", "'\u2028'",
]  # fmt: skip

TARGETS = [
    "aerun", "aerun.losses", "aerun.nope", "nope.Nope", "builtins.getattr", "numpy.pi",
    "..x.y", ".x.y", "a..b", ".", "''", "math.hypot", "3", "[]", "null",
    "aerun..losses", "'a b.c'", "é.x", "aerun.options.Range.low", "json.decoder",
    "a/b.c",
]  # fmt: skip

KEYS = [
    "", ".", "model..code", ".model", "model.", "hydra", "hydra.run", "hydra.run.dir",
    "hydra.job.chdir", "hydra.output_subdir", "hydra.verbose", "hydra.nope", "task",
    "task.works_in", "_target_", "model@x", "dataset@_global_", "0", "model/encoder",
    "model.encoder", "model/encoder@model.x", "regularizer.kl", "experiment", "sweep",
    "sweep.metric", "run", "runs", "init_from", "seed.x", "defaults", "hydra/launcher",
    "hydra/sweeper", "hydra.sweeper.params", "seed", "device", "dataset.path", "a b",
    "é", "a:b", "trainer.optimizer.nope", "x" * 300, "hydra.searchpath", "model.x.y.z",
    "task.nope", "sweep.nope", "tracker", "tracker.nope", "hydra/nope", "regularizer",
]  # fmt: skip

CHOICES = [
    "simple", "nope", "../config", "[vae]", "[]", "null", "none", "/x", "a/b",
    "vae,conv", "'vae '", "default", "mse", "l1", "~", "*", "{a: 1}",
]  # fmt: skip

ODD = [
    "+sweep=seeds", "+sweep=[beta,k]", "task=nope", "task=", "run=x", "task=resume",
    "task=evaluate", "task=compare", "runs=[x]", "task={works_in: new}", "task=../x",
    "hydra.run.dir='~nobody/x'", "hydra.run.dir=''", "hydra.run.dir=/",
    "init_from=last", "hydra.run.dir=null", "hydra.run.dir={a: b}",
    "init_from='~nobody/x'", "init_from=''", "hydra.run.dir=/dev/null/x",
    "hydra.run.dir=${seed}", "experiment=smoke",
]  # fmt: skip

CALLS = ["choice({})", "range({})", "[{}]", "interval({})", "glob({})", "shuffle({})",
         "{}", "sort({})"]  # fmt: skip

SWEEPS = [
    "+sweep=seeds", "+sweep=nope", "+sweep=[seeds,beta]", "sweep.metric=nope",
    "sweep.fail_fast=3", "hydra/launcher=nope", "hydra.sweep.dir=''", "model=glob(*)",
    "hydra.sweep.subdir=x", "hydra/sweeper=nope", "seed=0,0", "seed=0,1,0",
]  # fmt: skip

FLAGS = [
    ["--nope"], ["-x"], ["-m"], ["-q"],  # -v asks for tracebacks
    ["--config-dir", "nowhere"], ["--config-dir"], ["--config-dir=~nobody/x"],
    ["--cfg", "job"], ["--cfg", "nope"], ["--cfg=job", "--package", "nope"],
    ["--cfg", "all", "--resolve"], ["--help", "model"], ["--help", "nope"],
    ["--help=a/b"], ["--info", "defaults"], ["--info=nope"], ["--"], ["-"],
    ["--version"], ["--package"], ["--multirun", "--run"], ["--help=../x"],
]  # fmt: skip


# -- requests --------------------------------------------------------------------------


def _overrides(keys: dict[str, Any]) -> st.SearchStrategy[str]:
    """One key with a value of its type."""

    def one(key: str) -> st.SearchStrategy[str]:
        return valid(keys[key]).map(lambda value: f"{key}={written(value)}")

    return st.sampled_from(sorted(keys)).flatmap(one)


@st.composite
def good(draw: st.DrawFn) -> list[str]:
    """Choices, and values of the types that these ask for; they may not go together."""
    chosen = {"model": draw(st.sampled_from(GROUPS["model"]))}
    for group in draw(st.lists(st.sampled_from(sorted(GROUPS)), max_size=3)):
        chosen[group] = draw(st.sampled_from(GROUPS[group]))
    keys: dict[str, Any] = dict(_keys("trainer", "default"))
    for group, choice in chosen.items():
        if group.count("/") == 0 or group.startswith("trainer/"):
            keys |= _keys(group, choice)
    overrides = [f"{group}={choice}" for group, choice in chosen.items()]
    if draw(st.integers(0, 2)) == 0:
        each = st.sampled_from(REGULARIZERS)
        names = draw(st.lists(each, min_size=1, max_size=2, unique=True))
        overrides.append(
            f"{draw(st.sampled_from(['', '+']))}regularizer=[{','.join(names)}]"
        )
        for name in names:
            keys |= _keys_of_regularizer(name)
    return overrides + draw(st.lists(_overrides(keys), max_size=3))


def _wild() -> st.SearchStrategy[str]:
    texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    return st.one_of(st.sampled_from(WILD), texts)


def _unfit(key: str) -> st.SearchStrategy[str]:
    """Values of a key that few of them may have."""
    huge = [number for number in HUGE if key not in _ENDLESS]
    numbers = [0, -1, 1.5, float("nan"), float("inf"), -1e-300, 1e300, *huge]
    odd = st.one_of(
        st.sampled_from(numbers),
        st.lists(st.sampled_from(numbers), max_size=2),
        st.dictionaries(st.sampled_from(["start", "end", "steps", "x"]),
                        st.sampled_from(numbers), max_size=3),
    )  # fmt: skip
    return st.one_of(odd.map(written), _wild())


def _spoilt(overrides: list[str]) -> st.SearchStrategy[list[str]]:
    """A request with something wrong, or at least odd, about it."""
    typed = [text.partition("=")[0] for text in overrides]
    keys = st.sampled_from([*typed, *sorted(_keys("trainer", "default")), *KEYS])
    values = keys.flatmap(lambda key: _unfit(key).map(lambda v: f"{key}={v}"))
    prefixes = st.sampled_from(["", "+", "++", "~", "~~", "-"])
    groups = st.sampled_from(sorted(GROUPS))
    experiments = st.lists(st.sampled_from(EXPERIMENTS), min_size=1, max_size=3)
    added = st.one_of(
        values,
        st.tuples(prefixes, values).map("".join),
        keys.map(lambda key: f"~{key}"),
        keys,
        st.tuples(groups, st.sampled_from(CHOICES)).map("=".join),
        st.tuples(groups, st.sampled_from(TARGETS)).map("._target_=".join),
        experiments.map(lambda names: f"experiment=[{','.join(names)}]"),
        st.sampled_from(ODD),
        _wild(),
    )
    more = st.lists(added, min_size=1, max_size=2).map(lambda new: [*overrides, *new])
    flags = st.sampled_from(FLAGS).map(lambda flag: [*flag, *overrides])
    return st.one_of(more, more, more, flags)


def bad() -> st.SearchStrategy[list[str]]:
    """Requests of which most cannot be carried out."""
    return good().flatmap(_spoilt)


def _several() -> st.SearchStrategy[str]:
    """A sweep over a key, or what might be meant as one."""
    keys = {**_keys("trainer", "default"), **_keys("model", "simple")}

    def one(key: str) -> st.SearchStrategy[str]:
        values = st.one_of(valid(keys[key]).map(written), _unfit(key))
        listed = st.lists(values, min_size=1, max_size=3).map(",".join)
        calls = st.tuples(st.sampled_from(CALLS), listed)
        return calls.map(lambda parts: f"{key}={parts[0].format(parts[1])}")

    def over(group: str) -> st.SearchStrategy[str]:
        names = st.sampled_from([*GROUPS[group], "nope", ""])
        several = st.lists(names, min_size=1, max_size=2)
        return several.map(lambda names: f"{group}={','.join(names)}")

    groups = st.sampled_from(sorted(GROUPS)).flatmap(over)
    each = st.sampled_from(sorted(keys)).flatmap(one)
    return st.one_of(each, groups, st.sampled_from(SWEEPS))


def sweeps() -> st.SearchStrategy[list[str]]:
    """Sweeps of a few jobs, many of them with bad values."""
    return st.lists(_several(), min_size=1, max_size=2)
