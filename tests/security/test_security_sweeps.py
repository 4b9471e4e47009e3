"""Sweeps of somebody else: what a manifest asks for and could run code is not run."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile import was_run, write_manifest
from omegaconf import OmegaConf

from aerun.asked import may_run_code
from aerun.cli import main
from aerun.config.records import write_record
from aerun.errors import RunDirectoryError
from aerun.sweeps.job import carry_out
from aerun.sweeps.launching import SerialLauncher
from aerun.sweeps.manifest import Manifest

pytest_plugins = ["hostile"]

DOUBTFUL = [
    "model._target_=canary.sing", "+x={_target_: canary.sing}",
    "model._target_=a.B,canary.sing", "+x='${oc.create:{a: 1}}'",
    "+x='${oc.decode:{a: 1}}'", "+x=${oc.env:HOME}", "+x=${ hydra:a }",
    "model=../../evil", "regularizer=[kl,../evil]", "+experiment=../evil",
    "model/encoder=../x", "hydra.searchpath=[file:///evil]", "hydra/callbacks=evil",
    "+hydra.callbacks.x._target_=canary.sing", "hydra.callbacks={x: 1}",
    "hydra.job.env_set.PATH=/evil", "+hydra.job.env_set={PATH: /evil}",
    "hydra.launcher._target_=canary.sing", "hydra.launcher.commands=[evil]",
    "hydra.launcher.address=evil:6379", "hydra.launcher.submitit_folder=/evil",
    "hydra.launcher.init={runtime_env: 1}", "hydra.launcher={commands: [evil]}",
    "hydra.launcher.partition='a\nevil'", "hydra.launcher.partition='a b'",
    "hydra.sweeper._target_=canary.sing", "hydra.sweeper.params={model: ../x}",
    "hydra.sweeper={params: {a: 1}}", "hydra.output_subdir=/evil", "hydra={a: 1}",
    "hydra.sweep={dir: /evil}", "dataset@hydra.callbacks.x=mnist", "hydra/env=evil",
]  # fmt: skip

HARMLESS = [
    "model=vae,conv", "trainer.lr=0.1,0.01", "'trainer.lr=interval(1e-4,1e-1)'",
    "+sweep=seeds", "experiment=lecture/vae", "dataset.path=../photos", "seed=1",
    "init_from=../run", "+regularizer=[l1]", "hydra/launcher=joblib",
    "hydra.launcher.n_jobs=-1", "hydra.launcher.partition=gpu", "hydra/sweeper=optuna",
    "hydra.sweeper.trials=40", "hydra/sweeper/sampler=grid", "model.code=${model.k}",
    "hydra.sweep.subdir='${seed}_${hydra:job.num} of it'", "sweep.metric=val/loss",
    "hydra.sweep.subdir=${now:%H-%M}", "model/encoder=conv", "~regularizer.kl",
]  # fmt: skip


@pytest.mark.parametrize("override", DOUBTFUL)
def test_what_could_run_code_is_known(override: str) -> None:
    """By its text, before Hydra reads it."""
    assert may_run_code(override)


@pytest.mark.parametrize("override", HARMLESS)
def test_what_only_chooses_goes_on(override: str) -> None:
    """A sweep is continued without typing it all again."""
    assert not may_run_code(override)


@pytest.mark.parametrize(
    "where", ["overrides", "jobs"], ids=["of the sweep", "of a job"]
)
def test_a_manifest_brings_no_code(place: Path, capsys: Any, where: str) -> None:
    """It is named, and taken where it is typed again."""
    asked = ["model=linear", "loss._target_=canary.bernoulli"]
    content: dict[str, Any] = {"overrides": asked, "job": {"overrides": asked}}
    if where == "jobs":
        content["overrides"] = ["model=linear"]
    write_manifest(place / "s", **content)
    commands = [["task=resume", "run=s"]]
    commands += [["-m", "hydra.sweep.dir=s", "model=linear"]] * (where == "jobs")
    for command in commands:
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "loss._target_=canary.bernoulli: stands in" in said
        assert "type it again" in said
        assert not was_run(place)


def test_own_options_of_a_sweep_are_named_again(place: Path, capsys: Any) -> None:
    """Their files could name anything; the message says what to type."""
    conf = place / "conf/model"
    conf.mkdir(parents=True)
    (conf / "theirs.yaml").write_text("_target_: canary.sing\n")
    asked = ["model=theirs"]
    where = str(place / "conf")
    folder = write_manifest(place / "s", overrides=asked, config_dir=where)
    assert main(["task=resume", "run=s"]) == 2
    said = capsys.readouterr().err
    assert f"aerun task=resume run={folder} --config-dir {where}" in said
    assert not was_run(place)


@pytest.mark.parametrize("directory", ["../out", "/tmp/out", "a/../../out", "", "."])
def test_a_job_lies_inside_its_sweep(place: Path, capsys: Any, directory: str) -> None:
    """Else nothing is done."""
    write_manifest(place / "s", job={"directory": directory})
    assert main(["task=resume", "run=s"]) == 2
    assert "manifest.json is damaged (job 0: its directory" in capsys.readouterr().err
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    "job", [{"number": 1}, {"overrides": [1]}, {"figures": 3}, {"more": 1}], ids=str
)
def test_a_job_that_is_none_is_named(tmp_path: Path, job: dict[str, Any]) -> None:
    """Whatever is wrong with it."""
    folder = write_manifest(tmp_path / "s", job=job)
    with pytest.raises(RunDirectoryError, match=r"manifest\.json is damaged \(job 0"):
        Manifest(folder).jobs()


def test_a_job_is_not_written_through_a_link(tmp_path: Path) -> None:
    """Its directory may not lead elsewhere, nor a folder above it in the sweep."""
    (tmp_path / "theirs").mkdir()
    folder = write_manifest(tmp_path / "s", job={"directory": "a/0"})
    (folder / "a").symlink_to(tmp_path / "theirs")
    options = {"fail_fast": False, "metric": "val/mse"}
    with pytest.raises(RunDirectoryError, match="leads out of the sweep"):
        carry_out(folder, folder / "a/0", lambda: {}, options)
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_sweep_is_not_written_through_a_link(place: Path, capsys: Any) -> None:
    """Its own files neither."""
    folder = write_manifest(place / "s")
    (place / "precious").write_text("mine")
    (folder / "search.db").symlink_to(place / "precious")
    assert main(["task=resume", "run=s"]) == 2
    assert "search.db is a link to another place" in capsys.readouterr().err
    assert (place / "precious").read_text() == "mine"


@pytest.mark.parametrize("link", ["0", "0/.hydra", "0/checkpoints"])
def test_no_launcher_writes_through_a_link(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, link: str
) -> None:
    """It is found before a process of any launcher meets it; Hydra records first."""
    pytest.importorskip("joblib")

    def stopped(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    asked = ["model=linear", "dataset.limit=60", "trainer.threads=1"]
    with monkeypatch.context() as patch:
        patch.setattr(SerialLauncher, "launch", stopped)
        assert main(["-m", "hydra.sweep.dir=s", "seed=0", *asked]) == 130
    (place / "theirs").mkdir()
    (place / "s" / link).parent.mkdir(exist_ok=True)
    (place / "s" / link).symlink_to(place / "theirs")
    assert main(["task=resume", "run=s", "hydra/launcher=joblib"]) == 2
    assert "link" in capsys.readouterr().err
    assert list((place / "theirs").iterdir()) == []


def test_no_record_is_written_through_a_link(tmp_path: Path) -> None:
    """Whoever asks for it."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / ".hydra").symlink_to(tmp_path / "theirs")
    with pytest.raises(RunDirectoryError, match="is a link to another place"):
        write_record(OmegaConf.create({"a": 1}), "config.yaml", tmp_path / ".hydra")
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_point_outside_its_space_is_none() -> None:
    """What a record of trials holds is compared with what is searched."""
    pytest.importorskip("optuna")
    from aerun.config.grammar import parse
    from aerun.sweeps.space import space_of

    axes = space_of(parse(["model=vae,conv", "trainer.lr=interval(0.1,0.2)"])).axes
    assert axes["model"].holds("vae")
    assert not axes["model"].holds("../../evil")
    assert axes["trainer.lr"].holds(0.15)
    assert not axes["trainer.lr"].holds(0.3)
    assert not axes["trainer.lr"].holds("../evil")


def test_what_comes_back_from_workers_is_written_by_them(tmp_path: Path) -> None:
    """Answers are pickled, so their folder is new and nobody else's."""
    pytest.importorskip("submitit")
    from aerun.sweeps.on_submitit import _fresh

    one, other = (Path(_fresh(str(tmp_path / "x"))) for _ in range(2))
    assert one != other
    assert one.parent == tmp_path / "x"
    assert one.stat().st_mode & 0o077 == 0


def test_a_manifest_is_plain(place: Path, capsys: Any) -> None:
    """One nested without end is damaged, and said to be."""
    (place / "s").mkdir()
    text = json.dumps({"format": 1, "overrides": [], "jobs": []})
    deep = '{"x": ' + "[" * 100_000 + text
    (place / "s/manifest.json").write_text(deep)
    assert main(["task=resume", "run=s"]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_the_command_that_is_printed_goes_on(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a sweep that takes a part by its path: with all that has to be typed again."""
    mine = "import aerun.losses\n\ndef loss(out, model):\n    raise ValueError('no')\n"
    (alone / "odd.py").write_text(mine)
    asked = ["loss._target_=odd.loss", "trainer.max_steps=1", "seed=0,1"]
    assert main(["-m", *asked, "hydra.sweep.dir=s"]) == 1
    (line,) = [
        line
        for line in capsys.readouterr().err.splitlines()
        if "aerun task=resume run=" in line
    ]
    (alone / "odd.py").write_text("from aerun.losses import mse as loss\n")
    monkeypatch.delitem(sys.modules, "odd")
    command = shlex.split(line.partition("aerun task=resume")[2])
    assert main(["task=resume", *command]) == 0
