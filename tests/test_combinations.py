"""Any two options of different groups: they train, or parts declare why they cannot."""

import contextlib
import functools
import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from continuing import run_in_two_parts
from making import CONF, nested_groups, options

import aerun
from aerun.build import Built, build, load_data
from aerun.config.check import check, check_data
from aerun.config.compose import Composer, plain
from aerun.config.mistakes import BadRequest, Mistake
from aerun.data import Data
from aerun.draws import DryDraws
from aerun.evaluation.splits import evaluate, knob_tensors
from aerun.features import Feature, features
from aerun.resolving import PLACES, resolve
from aerun.training.events import EpochEnded
from aerun.training.state import weights_of
from aerun.wiring import locate

pytestmark = [pytest.mark.slow, pytest.mark.shared]

Request = tuple[str, ...]

BASE = (
    "device=cpu", "trainer.threads=1", "trainer.epochs=1", "trainer.max_steps=2",
    "dataset.limit=200", "dataset.validation=50",
)  # fmt: skip
# Whole requests, what to do with them, and who is told of it.
NO_PARTS = {"experiment", "hydra", "sweep", "task", "tracker"}
SWITCHES = {"model.tied": ["false", "true"]}
LISTS = {  # groups of which several are chosen at once
    group
    for entry in yaml.safe_load((CONF / "config.yaml").read_text())["defaults"]
    if isinstance(entry, dict)
    for group, chosen in entry.items()
    if isinstance(chosen, list)
}
ADVICE = re.compile(r"[\w/.]+=[\w/.]*\w")


# -- what there is ---------------------------------------------------------------------


def _usable(group: str, option: str) -> bool:
    """Whether an option names no file or folder, of the user's or to be fetched."""
    node = yaml.safe_load((CONF / group / f"{option}.yaml").read_text())
    return not set(PLACES) & set(node)


def _groups() -> dict[str, list[str]]:
    """The options of each group where there is a choice, as they are typed."""
    folders = {path.parent.relative_to(CONF) for path in CONF.glob("*/**/*.yaml")}
    names = sorted(str(f) for f in folders if f.parts[0] not in NO_PARTS)
    found = {name: [o for o in options(name) if _usable(name, o)] for name in names}
    found |= SWITCHES
    return {
        name: [f"{name}={option}" for option in chosen]
        for name, chosen in sorted(found.items())
        if len(chosen) > 1
    }


GROUPS = _groups()
COUPLES = [
    *itertools.combinations(GROUPS, 2),
    *((group, group) for group in sorted(LISTS)),
]


def _exists(first: str, second: str) -> bool:
    """Whether an option has the nested group that another is of."""
    inside = second.partition("=")[0]
    is_nested = inside.startswith(first.partition("=")[0] + "/")
    return not is_nested or inside in nested_groups(*first.split("=", 1))


def _pairs(first: str, second: str) -> list[Request]:
    """Every option of one group with every one of another, or of the same list."""
    if first != second:
        pairs = itertools.product(GROUPS[first], GROUPS[second])
        return [pair for pair in pairs if _exists(*pair)]
    names = [option.partition("=")[2] for option in GROUPS[first]]
    return [(f"{first}=[{a},{b}]",) for a, b in itertools.combinations(names, 2)]


PAIRS = sorted(pair for couple in COUPLES for pair in _pairs(*couple))


def _sample() -> list[Request]:
    """A pair with each option and one of each list; the same ones in every process."""
    choices = [*itertools.chain(*GROUPS.values()), *(f"{group}=[" for group in LISTS)]
    chosen = {
        random.Random(choice).choice([p for p in PAIRS if _contains(p, choice)])
        for choice in choices
    }
    return sorted(chosen)


def _contains(pair: Request, choice: str) -> bool:
    """Whether a pair has an option, or makes a list."""
    return choice in pair or (choice.endswith("[") and pair[0].startswith(choice))


# -- what is said of it ----------------------------------------------------------------


@functools.cache
def _composer() -> Composer:
    return Composer()


@functools.cache
def _verdict(request: Request) -> tuple[dict[str, Any], Data, list[Mistake]]:
    """The config of a request, its data, and what is wrong with it."""
    config = plain(_composer().compose([*BASE, *request]))
    data = load_data(config)
    return config, data, check(config) or check_data(config, data.spec)


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Something that a part declares to need and that is not given."""

    typed: str
    words: tuple[str, ...]
    feature: Feature | None = None


def _parts(
    node: Mapping[str, Any], key: str = "", around: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, Any, Any]]:
    """Key, part and options, its own and those around, of nodes that name a target."""
    options: dict[str, Any] = {}
    if node.get("_target_") is not None:
        options = {**(around or {}), **node}
        yield key, locate(node["_target_"]), options
    for name, child in node.items():
        if isinstance(child, Mapping):
            yield from _parts(child, f"{key}.{name}".lstrip("."), options)


def _lacking(config: Mapping[str, Any], data: Data) -> list[Lack]:
    """What declarations alone say is wrong; of the data only if nothing else is."""
    parts = list(_parts(config))
    given = {f for _, part, node in parts for f in features(part, "provides", node)}
    needs = [
        Lack(typed=key, words=(feature.what, feature.remedy), feature=feature)
        for key, part, node in parts
        for feature in features(part, "needs", node)
        if feature not in (data.spec.provides if feature.of_data else given)
    ]
    lacks = [lack for lack in needs if lack.feature and not lack.feature.of_data]
    size, output = config["trainer"]["batch_size"], config["model"]["output_activation"]
    for key, part, node in parts:
        least = part.smallest_batch(node) if hasattr(part, "smallest_batch") else 1
        if size < least:
            typed = f"trainer.batch_size={size}"
            lacks.append(Lack(typed=typed, words=(key, f"at least {least}")))
        if output not in ("none", getattr(part, "link", output)):
            typed = f"model.output_activation={output}"
            lacks.append(Lack(typed=typed, words=(part.link, "none")))
    return lacks or needs


def _advised(request: Request, depth: int = 3) -> Request | None:
    """A request with what its messages advise, accepted; None: that changes itself."""
    _, _, mistakes = _verdict(request)
    if not mistakes:
        return request
    typed = {_key(override) for override in request}
    for advice in ADVICE.findall(" ".join(m.problem for m in mistakes)):
        new = depth > 0 and _key(advice) not in typed
        if not new:
            continue
        with contextlib.suppress(BadRequest):  # the model has no such group or key
            if found := _advised((*request, advice), depth - 1):
                return found
    return None


def _key(override: str) -> str:
    return override.partition("=")[0].replace("/", ".")


# -- whether that is so ----------------------------------------------------------------


def _trained(config: Mapping[str, Any], data: Data) -> tuple[Built, list[str]]:
    """A run after two steps of each phase, and which of its weights stayed."""
    built = build(resolve(config, data.spec), data)
    before = {name: w.clone() for name, w in weights_of(built.objective).items()}
    epochs = [event for event in built.training if isinstance(event, EpochEnded)]
    assert all(math.isfinite(v) for event in epochs for v in event.means.values())
    after = weights_of(built.objective)
    return built, [name for name in before if torch.equal(before[name], after[name])]


def _check_training(request: Request) -> None:
    """Two steps move every weight; terms are per example or batch, and evaluated."""
    config, data, _ = _verdict(request)
    built, stayed = _trained(config, data)
    assert not stayed, f"{request}: {stayed} did not move"
    values = built.training.knob_values()
    found = evaluate(built.objective, built.data.validation, values, seed=0)
    assert all(map(math.isfinite, [found.mse, *found.terms.values()])), request
    x = built.data.test.gather(slice(5))
    terms, _ = built.objective.terms(x, knob_tensors(values, x), DryDraws(x))
    shapes = {name: tuple(term.shape) for name, term in terms.items()}
    assert set(shapes.values()) <= {(), (5,)}, f"{request}: {shapes}"


def _check_refusal(request: Request) -> None:
    """Each mistake is one lack, tells its remedy, and building all the same fails."""
    config, data, mistakes = _verdict(request)
    lacks = _lacking(config, data)
    said = "\n".join(map(str, mistakes))
    assert len(mistakes) == len(lacks), f"{request}: {lacks}, but it is said:\n{said}"
    for lack in lacks:
        found = [m for m in mistakes if m.typed == lack.typed]
        (mistake,) = [m for m in found if all(w in m.problem for w in lack.words)]
        assert re.fullmatch(r"\S[^\n]+\.", mistake.problem), mistake
        assert lack.feature is None or ADVICE.search(mistake.problem), mistake
    needs = [lack.feature for lack in lacks if lack.feature]
    assert not needs or _fails(config, data, needs), f"{request} works, though:\n{said}"


def _fails(config: Mapping[str, Any], data: Data, needs: list[Feature]) -> bool:
    """Whether training raises, or meets numbers outside the ranges that are needed."""
    try:
        built, _ = _trained(config, data)
    except Exception:  # whatever a part raises that is given what it cannot take
        return True
    x = built.data.train.gather(slice(100))
    with torch.no_grad():
        code = built.objective.model.eval()(x).code
    outside = {True: bool(x.min() < 0 or x.max() > 1),
               False: bool(code.min() <= 0 or code.max() >= 1)}  # fmt: skip
    return all("0, 1" in need.what and outside[need.of_data] for need in needs)


@functools.cache
def _judged(request: Request) -> str:
    """Accepted; advised (refused, accepted with what is advised); or refused."""
    config, data, mistakes = _verdict(request)
    if not mistakes:
        assert not _lacking(config, data), f"{request} is accepted"
        _check_training(request)
        return "accepted"
    _check_refusal(request)
    better = _advised(request)
    if better is None:
        return "refused"
    _check_training(better)
    return "advised"


@pytest.mark.parametrize("pair", _sample(), ids=" ".join)
def test_a_pair_trains_or_lacks_what_a_part_declares_to_need(pair):
    """A pair of each option: accepted pairs train, refused ones say what they lack."""
    assert _judged(pair) in ("accepted", "advised", "refused")


def test_most_pairs_work():
    """Two thirds as typed; of the others most do once their advice is followed."""
    counts = Counter(_judged(pair) for pair in _sample())
    assert counts["accepted"] >= counts.total() * 2 / 3, counts
    assert counts["refused"] <= counts.total() / 10, counts


@pytest.mark.parametrize("couple", COUPLES, ids=" ".join)
def test_all_pairs_of_two_groups(couple):
    """Each trains or lacks something; every option works with one of the others."""
    judged = {pair: _judged(pair) for pair in _pairs(*couple)}
    for option in {option for pair in judged for option in pair if len(pair) > 1}:
        kinds = {kind for pair, kind in judged.items() if option in pair}
        assert kinds & {"accepted", "advised"}, f"{option} with no {couple}"
    counts = Counter(judged.values())
    assert counts["accepted"] >= counts.total() / 3, counts
    assert counts["refused"] <= counts.total() / 3, judged


VALUES = [
    *((loss, "model.output_activation=tanh") for loss in GROUPS["loss"]),
    *((kind, "trainer.batch_size=4") for kind in GROUPS["model/bottleneck"]),
]


def test_an_option_may_stand_in_the_node_around():
    """What a part declares reads its options where the part itself would get them."""
    moved = ("~model.encoder.dense_code", "+model.dense_code=true")
    _, _, mistakes = _verdict(("model=conv_wta", *moved))
    (mistake,) = mistakes
    assert (mistake.typed, "model/encoder=maps" in mistake.problem) == (
        "model.bottleneck", True)  # fmt: skip
    assert not _verdict(("model=conv", *moved))[2]


@pytest.mark.parametrize("request_", VALUES, ids=" ".join)
def test_links_and_smallest_batches_decide(request_):
    """Another output than the loss reads, or too small a batch for the bottleneck."""
    config, data, mistakes = _verdict(request_)
    assert bool(mistakes) == bool(_lacking(config, data))
    assert _judged(request_) in ("accepted", "advised", "refused")


FIVE = [
    "model=conv", "model.tied=true", "model/bottleneck=gaussian", "corruption=masking",
    "regularizer=[kl,contractive]", "loss=bernoulli", "dataset.limit=300",
    "trainer.epochs=3", "trainer.threads=1", "device=cpu",
]  # fmt: skip


def test_five_choices_on_one_line_make_a_variant_nobody_wrote(recorder, tmp_path: Path):
    """It trains, draws samples, is loaded and sampled from, and resumes bit for bit."""
    run = aerun.run([*FIVE, f"hydra.run.dir={tmp_path / 'whole'}"])
    assert run.summary["status"] == "completed"
    assert run.metrics[-1]["val/loss"] < run.metrics[0]["val/loss"]
    assert (run.directory / "samples.png").read_bytes().startswith(b"\x89PNG")
    model = aerun.load(run.directory)
    samples = model.sample(7)
    assert samples.shape == (7, 1, 8, 8)
    levels = zip(model.model.encoder.levels, model.model.decoder.levels, strict=True)
    assert all(below.weight is above.weight for below, above in levels)
    run_in_two_parts(recorder, FIVE, step=7)
    for name in ("metrics.csv", "checkpoints/last.safetensors"):
        whole = (run.directory / name).read_bytes()
        assert (tmp_path / "parts" / name).read_bytes() == whole, name
