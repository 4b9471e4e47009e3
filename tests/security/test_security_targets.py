"""Code that the config of a run names: run where trusted, else not even imported."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile import OWN, change, was_run
from owning import options

import aerun
from aerun.again import named, resume_command
from aerun.cli import main
from aerun.config.mistakes import BadRequest
from aerun.tasks.first_steps import FIRST_STEPS

pytest_plugins = ["hostile"]

NODES = [
    ("model",), ("model", "encoder"), ("model", "prior"), ("dataset",), ("loss",),
    ("corruption",), ("regularizer", "kl"), ("trainer",), ("trainer", "optimizer"),
    ("trainer", "scheduler"), ("task",), ("x", "y"),
]  # fmt: skip

TARGETS = [
    "canary.bernoulli", "canary", "os.system", "builtins.eval", "subprocess.Popen",
    "importlib.import_module", "hydra.utils.instantiate", "torch.load", "pickle.loads",
    "aerun.cli.console", "aerun.api.run", "aerun.config.loader.pickle.loads",
    "aerun.rundir.save_file", "aerun.sweeps.on_submitit.SlurmLauncher",
    "aerun.losses.mse; import canary", "aerun..losses", "../canary.x", "", 3,
    ["canary.bernoulli"], {"_target_": "canary.bernoulli"},
]  # fmt: skip

COMMANDS = [
    ["task=resume", "run=run"],
    ["task=evaluate", "run=run"],
    ["task=encode", "run=run", "dataset=digits"],
    ["task=reconstruct", "run=run"],
    ["task=sample", "run=run"],
    ["task=classify", "run=run"],
    ["task=export", "run=run"],
    ["task=report", "run=run"],
    ["task=verify", "run=run"],
    ["task=compare", "runs=[run]"],
    ["task=compare", "run", "runs=['*']"],
]


def refused(place: Path, capsys: Any, *arguments: str) -> str:
    """The one message about a command that did nothing at all."""
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert main(list(arguments)) == 2
    printed = capsys.readouterr()
    after = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert after == before
    assert "Traceback" not in printed.err
    assert not was_run(place)
    return str(printed.err)


@pytest.mark.parametrize("node", NODES, ids=".".join)
def test_no_node_of_a_config_brings_code(place: Path, capsys: Any, node: Any) -> None:
    """Wherever it stands, it is named, with what to type by who trusts it."""
    change(place / "run", *node, "_target_", to="canary.bernoulli")
    said = refused(place, capsys, "task=resume", "run=run")
    assert f"config.yaml: {'.'.join(node)}._target_=canary.bernoulli" in said
    assert "add trust=[canary]" in said


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_no_name_is_a_way_around(place: Path, capsys: Any, target: Any) -> None:
    """Nor are functions of aerun itself that are no option."""
    change(place / "run", "loss", "_target_", to=target)
    assert "loss._target_" in refused(place, capsys, "task=resume", "run=run")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_runs_code_of_a_run(
    place: Path, capsys: Any, command: list[str]
) -> None:
    """Whatever reads a run; the message is the same."""
    change(place / "run", "model", "hidden", to=[{"_target_": "canary.bernoulli"}])
    said = refused(place, capsys, *command)
    assert "model.hidden.0._target_=canary.bernoulli" in said


def test_a_run_that_died_early_brings_no_code(place: Path, capsys: Any) -> None:
    """Its config is as Hydra composed it, with references that lead anywhere."""
    config = yaml.safe_load((place / "run/config.yaml").read_text())
    config["loss"] = "${oc.create:'{_target_: canary.bernoulli, reduction: sum}'}"
    (place / "run/.hydra").mkdir(exist_ok=True)
    (place / "run/.hydra/config.yaml").write_text(yaml.safe_dump(config))
    (place / "run/config.yaml").unlink()
    said = refused(place, capsys, "task=resume", "run=run")
    assert "loss._target_=canary.bernoulli" in said


NO_END = [
    ("epochs", {"_target_": "canary.bernoulli"}), ("epochs", None), ("epochs", True),
    ("max_steps", {"_target_": "canary.bernoulli"}), ("max_steps", ["canary"]),
    ("max_steps", "2"), ("max_steps", 2.5), ("max_steps", -1),
]  # fmt: skip


@pytest.mark.parametrize(("option", "value"), NO_END)
@pytest.mark.parametrize("file", [FIRST_STEPS, ".hydra/config.yaml"])
def test_what_was_planned_brings_no_code(
    place: Path, capsys: Any, file: str, option: str, value: Any
) -> None:
    """How long a run was to be, when it began, is said in numbers."""
    _plan(place / "run" / file, {option: value})
    said = refused(place, capsys, "task=verify", "run=run")
    assert f"{file} is damaged (trainer.{option} cannot be {value!r})" in said


@pytest.mark.parametrize("file", [FIRST_STEPS, ".hydra/config.yaml"])
def test_nothing_but_an_end_was_planned(place: Path, capsys: Any, file: str) -> None:
    """Other options of the trainer are those of config.yaml, which were looked at."""
    hostile = {"_target_": "canary.bernoulli"}
    _plan(place / "run" / file, {"optimizer": hostile, "epochs": 2, "max_steps": None})
    assert main(["task=verify", "run=run"]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
    assert (place / "run/verify/verification.json").is_file()
    assert not was_run(place)


def _plan(file: Path, trainer: dict[str, Any]) -> None:
    """Lay a record of how a run began."""
    if file.name == "config.yaml":
        content: Any = {"trainer": trainer}
    else:
        content = {"columns": ["loss"], "steps": [[1.0]], "weights": "", "made": {}}
        content["planned"] = trainer
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))


def test_weights_to_start_from_bring_no_code(place: Path, capsys: Any) -> None:
    """``init_from`` takes numbers, whatever else that run says."""
    change(place / "run", "loss", "_target_", to="canary.bernoulli")
    model = ["model=vae", "model.code=2", "model.hidden=[8]"]
    main(["task=inspect", "init_from=run", *model, "dataset.limit=60"])
    assert "bottleneck" in capsys.readouterr().out
    assert not was_run(place)


def test_a_tracker_of_theirs_is_not_asked(place: Path) -> None:
    """A run is loaded without whoever was told of it."""
    change(place / "run", "tracker", "_target_", to="canary.sing")
    assert aerun.load("run").encode([[[0.0] * 8] * 8]).shape == (1, 2)
    assert not was_run(place)


@pytest.mark.usefixtures("unpictured")
def test_a_run_goes_on_without_a_tracker_of_theirs(place: Path, capsys: Any) -> None:
    """As without one that is gone; how to trust it is said."""
    change(place / "run", "tracker", "_target_", to="canary.sing")
    change(place / "run", "trainer", "preview_every", to=0)
    assert main(["task=resume", "run=run"]) == 0
    said = capsys.readouterr().err
    assert "The run goes on without its tracker: " in said
    assert "tracker._target_=canary.sing: is not part of aerun" in said
    assert not was_run(place)


def test_the_working_folder_of_a_run_has_no_modules(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Its files may come from anybody, also those that some package would import."""
    (place / "run/.hydra").mkdir(exist_ok=True)
    monkeypatch.chdir(place / "run")
    main(["task=inspect", "dataset.limit=60"])
    assert str(place / "run") not in sys.path
    monkeypatch.chdir(place)
    sys.path.remove(str(place))
    main(["task=inspect", "dataset.limit=60"])
    assert str(place) in sys.path


@pytest.mark.parametrize("of_run", [False, True])
def test_a_folder_with_a_config_of_others_is_no_run(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, of_run: bool
) -> None:
    """Its modules are found; those of a run are not, and a message says why."""
    monkeypatch.setattr("sys.path", [p for p in sys.path if p not in ("", str(alone))])
    (alone / "checkpoints").mkdir()
    text = "format: 1\n" if of_run else "lr: 0.1\nlogging: {format: text}\n"
    (alone / "config.yaml").write_text(text)
    (alone / "here.py").write_text(OWN)
    monkeypatch.delitem(sys.modules, "here", raising=False)
    main(["task=inspect", "loss._target_=here.loss", "dataset.limit=60"])
    assert (str(alone) in sys.path) is not of_run
    said = capsys.readouterr().err
    assert ("there is no module 'here'" in said) is of_run
    assert ("Modules of this folder are left out" in said) is of_run


# -- what is trusted -------------------------------------------------------------------


@pytest.fixture
def own(place: Path) -> Path:
    """The run has a loss from mine.py."""
    change(place / "run", "loss", "_target_", to="mine.loss")
    return place


def test_what_is_trusted_by_name_is_run(own: Path, capsys: Any) -> None:
    """Exactly that module: no other that begins alike, no part of another."""
    x = [[[0.0] * 8] * 8]
    for names in ([], ["min"], ["mine.other"], ["mine.los"], ["yours"]):
        with pytest.raises(BadRequest, match=r"trust=\[mine\]"):
            aerun.load("run", trust=names)
    for names in (["mine"], ["other", "mine.loss"]):
        assert aerun.load("run", trust=names).encode(x).shape == (1, 2)
    assert aerun.Run(own / "run").load(trust=["mine"]).encode(x).shape == (1, 2)
    for typed in ("trust=mine", "trust=[mine]", "trust=['mine',other]"):
        assert main(["task=encode", "run=run", typed]) == 0
    assert main(["task=compare", "runs=[run]", "trust=[mine]"]) == 0
    assert "trust=[mine]" in (capsys.readouterr().out + _pages(own))


def _pages(folder: Path) -> str:
    return "".join(p.read_text() for p in folder.glob("outputs/**/report.html"))


def test_a_run_with_nothing_to_verify_says_how_to_go_on(own: Path, capsys: Any) -> None:
    """With the module that the command has to trust."""
    for name in ("metrics.csv", "summary.json"):
        (own / "run" / name).unlink()
    said = refused(own, capsys, "task=verify", "run=run", "trust=[mine]")
    assert f"{resume_command(own / 'run')} 'trust=[mine]'" in said


@pytest.mark.parametrize("how", ["folder", "variable", "plug-in"])
def test_own_options_are_trusted(
    own: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What their files name, and nothing beside it in the same module."""
    options(own / "conf", {"loss/mine": "{_target_: mine.loss}\n"})
    command = ["task=encode", "run=run"]
    if how == "folder":
        command = ["--config-dir", "conf", *command]
    elif how == "variable":
        monkeypatch.setenv("AERUN_CONFIG_PATH", "conf")
        assert aerun.load("run").encode([[[0.0] * 8] * 8]).shape == (1, 2)
    else:
        (own / "package").mkdir()
        shutil.move(own / "conf", own / "package/conf")
        about = own / "package-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Name: package\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[aerun.conf]\nx = package.conf\n")
    assert main(command) == 0
    change(own / "run", "loss", "_target_", to="mine.bernoulli")
    assert main(command) == 2


def test_a_run_below_a_folder_of_options_is_none_of_them(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The working folder may be that folder; what is no group is not read."""
    change(place / "run", "loss", "_target_", to="canary.bernoulli")
    for folder in ("outputs/evil", "hydra/launcher"):
        (place / folder).mkdir(parents=True)
        shutil.copy(place / "run/config.yaml", place / folder)
    command = ["task=encode", "run=run"]
    for typed in (["--config-dir", ".", *command], command):
        assert "add trust=[canary]" in refused(place, capsys, *typed)
        monkeypatch.setenv("AERUN_CONFIG_PATH", ".")
    change(place / "run", "loss", "_target_", to="mine.loss")
    options(place, {"model/encoder/mine": "_target_: mine.loss\n"})
    assert main(command) == 0


@pytest.mark.usefixtures("own")
def test_trust_is_for_runs_that_exist(own: Path, capsys: Any) -> None:
    """And its values are names of modules."""
    for arguments, said in (
        (["trust=[mine]"], "trust=[mine]: is for runs that exist"),
        (["-m", "seed=0,1", "trust=[mine]"], "trust=[mine]: is for runs that exist"),
        (["task=encode", "run=run", "trust=[3]"], "trust=3: must be names of modules"),
        (["task=encode", "run=run", "trust='a b'"], "must be names of modules"),
    ):
        assert said in refused(own, capsys, *arguments)
    change(own / "run", "trust", to=["mine"])
    assert "trust=[mine]" in refused(own, capsys, "task=encode", "run=run")


def test_printed_commands_say_whom_to_trust() -> None:
    """As they have to be typed, in any shell."""
    config = {"loss": {"_target_": "a.b.c"}, "model": [{"_target_": "aerun.x.y"}]}
    again = "aerun task=resume run='a b' 'trust=[a.b]'"
    assert resume_command(Path("a b"), config=config) == again
    assert named(Path("c")) == "run=c"
    again = "aerun task=resume run=s --config-dir 'my conf'"
    assert resume_command(Path("s"), config_dir="my conf") == again


def test_what_ran_here_just_now_need_not_be_trusted_again(own: Path) -> None:
    """A run that this process was asked for loads with the user's own part."""
    asked = ["loss._target_=mine.loss", "trainer.max_steps=1", "trainer.threads=1"]
    made = aerun.run([*asked, "hydra.run.dir=made"])
    assert made.load().encode([[[0.0] * 8] * 8]).shape[0] == 1
    with pytest.raises(BadRequest, match=r"trust=\[mine\]"):
        aerun.load("made")
