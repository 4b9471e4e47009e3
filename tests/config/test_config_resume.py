"""task=resume: what is refused before a run is touched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aerun.build import load_data
from aerun.config.compose import Composer, plain
from aerun.config.stored import CONTINUABLE, resume_request
from aerun.resolving import resolve

pytest_plugins = ["asking"]

Refused = Callable[..., str]


@pytest.fixture
def run(here: Path) -> Path:
    """A run directory that holds a config and nothing else."""
    config = plain(Composer().compose(["trainer.epochs=1", "trainer.threads=1"]))
    config = resolve(config, load_data(config).spec)
    (here / "run").mkdir()
    text = yaml.safe_dump(config, sort_keys=False)
    (here / "run" / "config.yaml").write_text(text)
    return here / "run"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["run: is missing", "run=DIR", "run=last"]),
        (["run=null"], ["run: is missing"]),
        (["run=nowhere"], ["run=nowhere: ", "no folder"]),
        (["run=last"], ["run=last: ", "outputs/latest"]),
        (["run=gone"], ["run=gone: there is no folder gone"]),
        (["run=empty"], ["run=empty: ", "holds no run"]),
        (["run=."], ["run=.: ", "several runs; name one, run=./run"]),
        (["run=run/config.yaml"], ["run=run/config.yaml: "]),
        (["run=5"], ["run=5: "]),
        (["run="], ["run="]),
        (["run=run,empty"], ["run=run,empty: "]),
        (["-m", "run=run,empty"], ["-m: is not for task=resume"]),
        (["run=run", "seed=1"], ["seed=1: cannot change", "init_from="]),
        (["run=run", "model=vae"], ["model=vae: cannot change"]),
        (["run=run", "trainer.lr=0.1"], ["trainer.lr=0.1: cannot change"]),
        (["run=run", "hydra.run.dir=x"], ["hydra.run.dir=x: "]),
        (["run=run", "trainer.epoch=3"], ["trainer.epoch=3: ", "'trainer.epochs'?"]),
        (["run=run", "trainer.epochs=-1"], ["trainer.epochs=-1: ", "at least 0"]),
        (["run=run", "trainer.epochs=two"], ["trainer.epochs=two: ", "whole number"]),
        (["run=run", "trainer.epochs=1,2"], ["trainer.epochs=1,2: "]),
        (["run=run", "trainer.epochs=3=4"], ["trainer.epochs=3=4: ", "KEY=VALUE"]),
        (["run=run", "seed=1", "model=vae"], ["2 mistakes", "seed=1", "model=vae"]),
    ],
    ids=lambda value: " ".join(value) if not value or "=" in value[-1] else "",
)
@pytest.mark.usefixtures("run")
def test_a_bad_request_to_resume_is_refused(
    here: Path, refused: Refused, arguments: list[str], said: list[str]
) -> None:
    """The message names what was typed; the run is not touched."""
    (here / "empty").mkdir()
    message = refused("task=resume", *arguments)
    assert [part for part in said if part not in message] == [], message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("format: 99\n", ["format", "99"]),
        ("a: [1\n", ["config.yaml"]),
        ("", ["config.yaml"]),
        ("- 1\n", ["config.yaml"]),
        ("format: 1\n", ["config.yaml"]),
    ],
    ids=["format", "yaml", "empty", "list", "keys"],
)
def test_a_damaged_config_of_a_run_is_explained(
    here: Path, refused: Refused, content: str, said: list[str]
) -> None:
    """A run whose config cannot be used gives a message that names the file."""
    (here / "run").mkdir()
    (here / "run" / "config.yaml").write_text(content)
    message = refused("task=resume", "run=run")
    assert [part for part in said if part not in message] == [], message


@pytest.mark.parametrize("order", [1, -1])
def test_what_may_change_changes_and_the_rest_stays(run: Path, order: int) -> None:
    """Of a run that is continued only what was typed differs from what it was."""
    typed = ["task=resume", "run=run", "trainer.epochs=9", "trainer.patience=2"]
    config, directory = resume_request(typed[::order])
    before: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text())
    assert directory == run
    assert (config["trainer"]["epochs"], config["trainer"]["patience"]) == (9, 2)
    config["trainer"] |= {k: before["trainer"][k] for k in ("epochs", "patience")}
    assert config == before


@pytest.mark.usefixtures("run")
def test_every_continuable_key_is_a_key(here: Path) -> None:
    """The keys that may change when a run is continued all exist in its config."""
    config, _ = resume_request(["task=resume", "run=run"])
    for key in CONTINUABLE:
        group, name = key.split(".")
        assert name in config[group]


def test_a_newest_run_that_was_removed_is_named(here: Path, refused: Refused) -> None:
    """The link says what is no longer there."""
    (here / "outputs").mkdir()
    (here / "outputs/latest").symlink_to("2020-01-01/10-00-00_vae_digits")
    message = refused("task=resume", "run=last")
    gone = "outputs/2020-01-01/10-00-00_vae_digits"
    assert f"the newest run, {gone}, was removed; write run=DIR." in message


@pytest.mark.parametrize("task", ["task='resume'", 'task="resume"'])
def test_a_task_in_quotes_is_the_task(refused: Refused, task: str) -> None:
    """Hydra's quotes change nothing of where a task works."""
    assert "run=nowhere: there is no folder" in refused(task, "run=nowhere")


@pytest.mark.parametrize("task", ["resume", "reconstruct"])
def test_an_experiment_cannot_choose_a_task_on_a_run(
    here: Path, refused: Refused, task: str
) -> None:
    """It says what to write instead."""
    own = here / "own/experiment"
    own.mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /task: " + task + "\n"
    (own / "again.yaml").write_text(text)
    message = refused("--config-dir", "own", "experiment=again")
    assert f"task={task}: works on a run: write it on the command line" in message


def test_where_a_task_works_is_settled_by_its_file(
    here: Path, refused: Refused
) -> None:
    """It cannot be typed, and a file that lacks it is told what may stand there."""
    typed = "task.works_in=nothing"
    assert f"{typed}: is settled by the task's YAML file" in refused(typed)
    (here / "own/task").mkdir(parents=True)
    (here / "own/task/mine.yaml").write_text("_target_: aerun.tasks.train.train\n")
    message = refused("--config-dir", "own", "task=mine")
    assert "task.works_in: is missing from the config; it must be new, run" in message
