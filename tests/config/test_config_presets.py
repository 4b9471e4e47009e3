"""Presets of sweeps: each keeps what its comment promises; what is typed wins."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from making import CONF, later, options

from aerun.argv import split_flags
from aerun.cli import main
from aerun.config.approve import approve
from aerun.config.completion import candidates
from aerun.config.compose import Composer
from aerun.sweeps.params import merged
from aerun.sweeps.presets import with_presets

pytest_plugins = ["asking"]

PRESETS = options("sweep")
MODELS = options("model")
LECTURE = options("experiment/lecture")
GRID = "corruption.probability=0,0.1,0.25,0.5,0.75"
"""What the preset noise sweeps."""

Refused = Callable[..., str]
Accepted = Callable[..., list[dict[str, Any]]]


def commands(preset: str) -> list[tuple[list[str], int | None]]:
    """The commands of a preset's comment, and the number of jobs each promises."""
    found = []
    for line in (CONF / f"sweep/{preset}.yaml").read_text().splitlines():
        if line.startswith("#   aerun"):
            command, _, said = line.removeprefix("#   aerun").partition(" # ")
            flags, overrides = split_flags(shlex.split(command))
            assert flags == ["-m"]
            promise = re.match(r" *(\d+) jobs( per model)?", f" {said}")
            each = len(MODELS) if promise and promise[2] else 1
            found.append((overrides, int(promise[1]) * each if promise else None))
    return found


def planned(*overrides: str) -> list[str]:
    """What a sweep with presets takes as its overrides."""
    composer = Composer()
    config = composer.compose(overrides, multirun=True)
    return with_presets(composer, config, overrides, multirun=True)


def jobs_of(*overrides: str) -> list[list[str]]:
    """The overrides of every job of a sweep with presets."""
    parsed = Composer().parser.parse_overrides(planned(*overrides))
    (jobs,) = BasicSweeper.split_arguments(parsed, None)
    return jobs


def approved(job: list[str]) -> dict[str, Any]:
    """The request of a job that passes the whole check, on data that are at hand."""
    return approve(Composer().compose([*job, "dataset=digits"]), output=None)


# -- what is merged --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "typed", "left"),
    [
        ({"a.b": "1,2", "c": "3,4"}, ["d=5"], ["a.b=1,2", "c=3,4"]),
        ({"a.b": "1,2", "c": "3,4"}, ["a.b=7,8,9"], ["c=3,4"]),
        ({"a.b": "1,2", "a.c": "3,4"}, ["a={b: 7}"], ["a.c=3,4"]),
        ({"a.b": "1,2"}, ["a={b: {c: 7}}"], []),
        ({"model.code": "1,2"}, ["model=vae"], ["model.code=1,2"]),
        ({"model": "vae,conv"}, ["model=simple"], []),
        ({"a/b": "x,y"}, ["a.b=z"], []),
        ({"+a.b": "x,y"}, ["++a.b=z"], []),
        ({"a": True, "b": None, "c": [1, 2], "d": 3}, [],
         ["a=true", "b=null", "c=[1, 2]", "d=3"]),
        ({"a": "range(0,3)", "b": "${c}"}, [], ["a=range(0,3)", "b=${c}"]),
        (None, ["a=1"], []),
    ],
)  # fmt: skip
def test_what_is_typed_replaces_what_a_preset_sweeps(params, typed, left) -> None:
    """Key by key, however it is written; the preset's come first."""
    assert merged(params, typed) == [*left, *typed]


# -- the presets there are -------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [(["seed=0,1"], ["seed was typed: +sweep=seeds gives way."]), ([], [])],
)
def test_it_is_said_that_a_preset_gives_way(
    accepted: Accepted,
    capsys: pytest.CaptureFixture[str],
    typed: list[str],
    said: list[str],
) -> None:
    """It adds nothing then, when a sweep is continued for example."""
    accepted("-m", "+sweep=seeds", *typed)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "gives way" in line] == said


@pytest.mark.parametrize(
    "preset", [p if p in ("code", "noise") else later(p) for p in PRESETS]
)
def test_a_preset_keeps_its_promise(preset: str) -> None:
    """Its first command makes as many jobs as it says; one of them is good."""
    overrides, promised = commands(preset)[0]
    jobs = jobs_of(*overrides)
    assert overrides[0] == f"+sweep={preset}"
    assert len({*map(tuple, jobs)}) == len(jobs) == promised
    approved(jobs[0])


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("preset", PRESETS)
def test_every_job_of_a_preset_is_good(preset: str) -> None:
    """Of every command of its comment; no two jobs of it are the same run."""
    for overrides, promised in commands(preset):
        jobs = jobs_of(*overrides)
        assert promised in (None, len(jobs))
        requests = [approved(job) for job in jobs]
        assert all(requests.count(request) == 1 for request in requests)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("model", MODELS)
def test_code_and_optimizer_are_for_any_model(model: str) -> None:
    """Each of their jobs is good with every model that there is."""
    few = ["model.bottleneck.k=1"] if model == "k_sparse" else []
    for preset, number in (("code", 6), ("optimizer", 15)):
        jobs = jobs_of(f"+sweep={preset}", f"model={model}", *few)
        assert len([approved(job) for job in jobs]) == number


def test_lecture_lists_every_taught_experiment() -> None:
    """One job each, none forgotten."""
    preset = yaml.safe_load((CONF / "sweep/lecture.yaml").read_text())
    listed = preset["hydra"]["sweeper"]["params"]["experiment"].split(",")
    assert sorted(listed) == [f"lecture/{name}" for name in LECTURE]


@pytest.mark.slow
@pytest.mark.shared
def test_models_takes_the_users_own_too(here: Path, monkeypatch) -> None:
    """Whatever ``model=`` may be."""
    (here / "own/model").mkdir(parents=True)
    (here / "own/model/mine.yaml").write_text("defaults: [simple, _self_]\ncode: 2\n")
    monkeypatch.setenv("AERUN_CONFIG_PATH", str(here / "own"))
    names = {job[0] for job in jobs_of("+sweep=models")}
    assert names == {f"model={name}" for name in [*MODELS, "mine"]}


# -- what is typed wins ----------------------------------------------------------------


def test_typed_values_and_choices_win(accepted: Accepted) -> None:
    """The model and the values of the command line, the rest of the preset."""
    asked = accepted("-m", "+sweep=noise", "model=conv", "corruption.probability=0.1,0")
    assert [c["model"]["hidden"] for c in asked] == [[16, 32]] * 2
    assert [c["corruption"]["probability"] for c in asked] == [0.1, 0]


@pytest.mark.slow
@pytest.mark.shared
def test_an_experiment_wins_over_a_preset() -> None:
    """Its model stays, and so do its values; the preset's grid is laid over it."""
    jobs = jobs_of("+sweep=noise", "experiment=lecture/conv")
    assert len(jobs) == 5
    request = approved(jobs[1])
    assert request["model"]["hidden"] == [16, 32]
    assert request["trainer"]["epochs"] == 5
    assert request["corruption"]["probability"] == 0.1


def test_two_presets_are_swept_together() -> None:
    """Given as a list; what is typed beside them varies fastest."""
    typed = ["model.code=2,3", "trainer.lr=0.1,1"]
    assert planned("+sweep=[code,seeds]", *typed) == ["seed=0,1,2,3,4", *typed]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        (["+sweep=noise", "model=vae"], ["corruption=masking", GRID, "model=vae"]),
        later(["+sweep=noise"], ["model=denoising", "corruption=masking", GRID]),
        later(["sweep=noise", "corruption=salt_pepper", "model=vae"],
              [GRID, "corruption=salt_pepper", "model=vae"]),
        later(["+sweep=noise", "experiment=lecture/conv", "seed=0,1"],
              ["corruption=masking", GRID, "experiment=lecture/conv", "seed=0,1"]),
    ],
)  # fmt: skip
def test_a_preset_is_written_out(typed: list[str], written: list[str]) -> None:
    """Its choices too, so that another one may extend the sweep."""
    assert planned(*typed) == written


def test_ones_own_preset_works(here: Path, monkeypatch) -> None:
    """From a folder of the user's own options; a fixed value is no sweep."""
    (here / "own/sweep").mkdir(parents=True)
    (here / "own/sweep/mine.yaml").write_text(
        "# @package _global_\n"
        "defaults: [override /regularizer: [l1, weight_decay]]\n"
        "hydra: {sweeper: {params: {model.hidden: '[8],[8,4]', trainer.epochs: 3}}}\n"
    )
    monkeypatch.setenv("AERUN_CONFIG_PATH", str(here / "own"))
    mine = ["regularizer=[l1, weight_decay]", "model.hidden=[8],[8,4]"]
    assert planned("sweep=mine") == [*mine, "trainer.epochs=3"]


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["+sweep=code"], ["+sweep=code: makes several runs; add -m."]),
        later(["+sweep=[code,seeds]"], ["makes several runs; add -m."]),
        (["-m", "+sweep=cod"], ["+sweep=cod: ", "Did you mean 'code'?", "seeds"]),
        later(["-m", "+sweep=[code,seed]"], ["no sweep 'seed'.", "mean 'seeds'?"]),
        (["-m", "+sweep=code,seeds"], ["as a list: '+sweep=[code,seeds]'"]),
        (["-m", "+sweep=code", "+sweep=seeds"], ["as a list: '+sweep=[code,seeds]'"]),
        (["-m", "+sweep=k", "model=vae"],
         ["model.bottleneck.k=5,10,25,50,100: ", "in the preset k (made for "
          "model=k_sparse): no such key"]),
        later(["-m", "+sweep=k", "model.code=50"],
              ["model.bottleneck.k=100", "50 units"]),
        later(["-m", "+sweep=seeds", "trainer.lrr=1,2"], ["trainer.lrr=1,2: no such"]),
        later(["-m", "+sweep=seeds", "seed=0,-1"], ["seed=-1", "at least 0"]),
        (["sweep.metrc=val/loss"], ["sweep.metrc=val/loss: ", "'sweep.metric'?"]),
        (["sweep.maximize=1", "sweep.fail_fast=2", "sweep.metric=3"],
         ["sweep.maximize=1: must be true or false", "sweep.fail_fast=2: ",
          "sweep.metric=3: must be a text"]),
    ],
    ids=lambda value: " ".join(value) if "=" in value[0] else "",
)  # fmt: skip
def test_a_mistake_with_presets_is_one_message(
    refused: Refused, arguments: list[str], said: list[str]
) -> None:
    """Before anything starts, with what to do."""
    message = refused(*arguments)
    assert [part for part in said if part not in message] == [], message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("params: {model.cod: '1,2'}", ["cod=1,2: in the preset mine: no such key"]),
        later("params: {model.code: '1,,2'}", ["in the preset mine: cannot be read"]),
        later("params: {model.code: '0,1'}", ["in the job model.code=0", "at least 1"]),
        ("max_batch_size: 2", ["preset mine: write it below hydra.sweeper.params"]),
        ("params: {model.code: ", ["sweep/mine.yaml", "is no valid YAML"]),
        later("params: {model: 'simple,vea'}", ["preset mine: ", "mean 'vae'?"]),
        later("params: [model.code]", ["params: must hold keys with their values"]),
        later("params: {}", ["params: must hold keys with their values"]),
    ],
)
def test_a_mistake_inside_a_preset_names_it(
    here: Path, refused: Refused, monkeypatch, body: str, said: list[str]
) -> None:
    """An own preset with an unknown key, a bad value or broken YAML."""
    (here / "own/sweep").mkdir(parents=True)
    text = f"# @package _global_\nhydra: {{sweeper: {{{body}}}}}\n"
    (here / "own/sweep/mine.yaml").write_text(text)
    monkeypatch.setenv("AERUN_CONFIG_PATH", str(here / "own"))
    message = refused("-m", "+sweep=mine")
    assert [part for part in said if part not in message] == [], message


# -- where presets are shown -----------------------------------------------------------


def test_the_group_and_the_node_of_that_name_live_together() -> None:
    """``sweep.metric`` is a value, whatever it is, beside a choice of ``sweep``."""
    asked = ["+sweep=code", "sweep.metric=code", "sweep.maximize=true"]
    assert Composer().as_groups(asked) == ["sweep=code", *asked[1:]]
    config = Composer().compose(asked, multirun=True)
    assert config.sweep == {"metric": "code", "maximize": True, "fail_fast": False}
    assert config.hydra.runtime.choices.sweep == "code"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("aerun -m +sweep=s", ["+sweep=seeds", "+sweep=sparsity"]),
        later("aerun -m sweep=la", []),
        ("aerun -m +sweep=[code,se", ["+sweep=[code,seeds"]),
        later("aerun -m +swe", ["+sweep.", "+sweep="]),
        later("aerun -m sweep.m", ["sweep.maximize=", "sweep.metric="]),
    ],
)
def test_tab_completes_presets(line: str, found: list[str]) -> None:
    """Like the options of any group, after a plus too."""
    assert candidates(line) == found


def test_help_describes_presets(capsys) -> None:
    """Each with the question that it answers."""
    assert main(["--help", "sweep"]) == 0
    printed = capsys.readouterr().out
    for preset in PRESETS:
        assert re.search(rf"^  {preset} +\w", printed, flags=re.MULTILINE), preset
