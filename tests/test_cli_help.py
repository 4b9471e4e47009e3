"""What the command answers without a run: help, completion, the config."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from making import options

from aerun.argv import PLAIN_FLAGS, VALUE_FLAGS
from aerun.cli import main
from aerun.config.completion import candidates
from aerun.config.compose import Composer
from aerun.config.help import overview
from aerun.config.places import conf_dir


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, without the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AERUN_CONFIG_PATH", raising=False)


def option(folder: Path, name: str, text: str = "_target_: mine.Part\n") -> str:
    """Write an option of the user's own; its folder of options."""
    file = folder / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(folder)


# -- help ----------------------------------------------------------------------------


def groups_in(text: str) -> dict[str, list[str]]:
    """The groups of the overview, in order, each with its options."""
    part = text.partition("describes them):\n")[2].partition("\n\n")[0]
    blocks = re.findall(r"^  (\S+) +(.*(?:\n {4,}.*)*)", part, flags=re.MULTILINE)
    return {name: options.split() for name, options in blocks}


def test_help_lists_every_group_with_every_option(capsys) -> None:
    """Models first, nested groups behind their parent, single parts left out."""
    assert main(["--help"]) == 0
    found = groups_in(capsys.readouterr().out)
    order = ["model", "model/bottleneck", "dataset", "corruption", "loss",
             "regularizer", "trainer", "trainer/optimizer", "trainer/scheduler",
             "tracker", "task", "experiment"]  # fmt: skip
    assert [group for group in found if group in order] == order
    assert "model/encoder" not in found or len(found["model/encoder"]) > 1
    assert not any(group.startswith("hydra") for group in found)
    for group, shown in found.items():
        folder = Path(conf_dir()) / group
        files = folder.glob("**/*.yaml" if group == "experiment" else "*.yaml")
        names = [str(file.relative_to(folder).with_suffix("")) for file in files]
        if "..." in shown:  # too many for the screen; it says where they all are
            assert shown[-4:] == ["more:", "aerun", "--help", group]
            shown = shown[: shown.index("...")]
            assert set(shown) < set(names)
            assert main(["--help", group]) == 0
            shown = re.findall(r"^  (\S+)  ", capsys.readouterr().out, re.MULTILINE)
        assert sorted(shown) == sorted(names), group


def test_help_fits_a_screen_whatever_the_user_adds(tmp_path: Path) -> None:
    """At most 40 lines of 80 columns; a cut list says where the rest is."""
    assert_fits(overview(Composer()))
    for number in range(200):
        folder = option(tmp_path / "own", f"model/model_number_{number}")
    text = overview(Composer(folder))
    assert_fits(text)
    assert "... more: aerun --help model\n" in text
    assert text.count("trainer/optimizer") == 1


def assert_fits(text: str) -> None:
    """At most 40 lines, each of at most 80 characters."""
    assert len(text.splitlines()) <= 40
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_help_shows_options_of_the_users_own(tmp_path, monkeypatch, capsys) -> None:
    """From --config-dir and $AERUN_CONFIG_PATH; groups nobody knows come last."""
    given = option(tmp_path / "a", "model/shallow", "# Not deep.\n_target_: x.Y\n")
    option(tmp_path / "a", "place/printed")
    monkeypatch.setenv("AERUN_CONFIG_PATH", option(tmp_path / "b", "loss/odd"))
    assert main(["--config-dir", given, "--help"]) == 0
    found = groups_in(capsys.readouterr().out)
    assert "shallow" in found["model"]
    assert "odd" in found["loss"]
    assert list(found)[-1] == "place"
    assert main(["--help", "model", "--config-dir", given]) == 0
    assert re.search(r"shallow +Not deep\.\n", capsys.readouterr().out)


def test_help_mentions_every_flag(capsys) -> None:
    """The long and the short form of each flag that is accepted."""
    main(["-h"])
    words = re.split(r"[\s,;/]+", capsys.readouterr().out)
    assert [f for f in (*PLAIN_FLAGS, *VALUE_FLAGS) if f not in words] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help", "loss"], "  bernoulli  "),
        (["--help=loss"], "  mse        (default) "),
        (["-h", "trainer/optimizer"], "  adam  (default) Adam; with"),
        (["--help", "trainer.optimizer"], "  sgd   Stochastic gradient descent"),
        (["--help", "regularizer"], "  none               (default) Nothing is"),
        (["--help", "experiment"], "A linear autoencoder"),
        (["--help", "model"], "Groups within: model/bottleneck"),
        (["model=vae", "--help", "loss"], "  bernoulli  (default) "),
    ],
    ids=" ".join,
)
def test_help_describes_the_options_of_a_group(capsys, arguments, said) -> None:
    """The first comment line of each file, and which the request would take."""
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert said in text
    assert "@package" not in text
    assert_fits(text) if "experiment" not in arguments else None


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("modle", "there is no group 'modle'. Did you mean 'model'? Choose model, "),
        ("vae", "there is no group 'vae'. 'vae' is an option of model; ask for that."),
        ("hydra/launcher", "there is no group 'hydra/launcher'."),
    ],
)
def test_help_about_an_unknown_group_is_a_bad_request(capsys, group, said) -> None:
    """One message with what was meant, exit code 2."""
    assert main(["--help", group]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"aerun: --help {group}: {said}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cfg", "jab"], "aerun: --cfg jab: must be job, hydra or all.\n"),
        (["--cfg", "job", "-p", "no"], "aerun: --package no: there is no such key;"),
        (["--quite"], "aerun: --quite: no such flag. Did you mean '--quiet'?\n"),
        (["--verbos"], "aerun: --verbos: no such flag. Did you mean '--verbose'?\n"),
        (["-q", "-v"], "aerun: --quiet: cannot be combined with --verbose;"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_flag_is_a_bad_request(capsys, arguments, said) -> None:
    """One message, exit code 2."""
    assert main(arguments) == 2
    *above, last = capsys.readouterr().err.splitlines(keepends=True)
    assert last.startswith(said)
    assert above == [] or "-v" in arguments


def test_the_config_shown_is_the_one_of_the_users_own_folder(tmp_path, capsys) -> None:
    """``--cfg job`` takes the same option as a run would."""
    folder = option(tmp_path / "own", "loss/mse", "_target_: mine.loss\n")
    assert main(["--config-dir", folder, "--cfg", "job", "-p", "loss"]) == 0
    assert "_target_: mine.loss" in capsys.readouterr().out


# -- completion ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("aerun model=v", ["model=vae"]),
        ("aerun task=res", ["task=resume"]),
        ("aerun experiment=lecture/t", ["experiment=lecture/tied"]),
        ("aerun regularizer=[weight_decay,l", ["regularizer=[weight_decay,l1"]),
        ("aerun 'regularizer=[l", ["regularizer=[l1"]),
        ("aerun -m model=linear,v", ["model=linear,vae"]),
        ("aerun trainer.optimizer=s", ["trainer.optimizer=sgd"]),
        ("aerun trai", ["trainer.", "trainer/", "trainer="]),
        ("aerun trainer/o", ["trainer/optimizer="]),
        ("aerun +regul", ["+regularizer="]),
        ("aerun ~trainer.lr", ["~trainer.lr"]),
        ("aerun trainer.epo", ["trainer.epochs="]),
        ("aerun model=vae regularizer.kl.w", ["regularizer.kl.weight="]),
        ("aerun model=nonsense loss=be", ["loss=bernoulli"]),
        ("aerun model=tied model.tied=", ["model.tied=false", "model.tied=true"]),
        ("aerun hydra.run.dir=", []),
        ("aerun device=", ["device=auto"]),
        ("aerun -q --verb", ["--verbose"]),
        ("aerun --help trainer/o", ["trainer/optimizer"]),
        ("aerun --cfg ", ["all", "hydra", "job"]),
        ("aerun --config-dir own model=sha", ["model=shallow"]),
        ("aerun dataset.path=./own/m", ["dataset.path=./own/model/"]),
    ],
)
def test_tab_completes(tmp_path: Path, line: str, found: list[str]) -> None:
    """Groups, options (also in folders, lists and sweeps), keys, values and flags."""
    option(tmp_path / "own", "model/shallow")
    assert candidates(line) == found


@pytest.mark.parametrize("line", ["aerun --config-dir no model=", "aerun --odd mo", ""])
def test_completion_never_talks_into_the_line(monkeypatch, capsys, line: str) -> None:
    """Whatever was typed, no message and no traceback."""
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert all(
        re.fullmatch(r"[\w/.=-]+", word) for word in printed.out.split("\n")[:-1]
    )


ASK = {
    "bash": """eval "$(aerun -sc install=bash)"
        COMP_LINE=$1; COMP_POINT=${#1}; _aerun aerun
        printf '%s\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() { : }
        eval "$(aerun -sc install=zsh)"
        compadd() { print -l -- $found }
        words=(${=1}); CURRENT=$#words; PREFIX=$words[-1]; _aerun""",
    "fish": "aerun -sc install=fish | source; complete -C $argv[1]",
}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("aerun model=v", ["model=vae"]),
        ("aerun task=", [f"task={name}" for name in options("task")]),
        ("aerun -q experiment=lecture/t", ["experiment=lecture/tied"]),
    ],
)
@pytest.mark.parametrize("shell", ASK)
def test_a_shell_completes(tmp_path, shell: str, line: str, found: list[str]) -> None:
    """What ``-sc install`` prints works there, with the command as installed."""
    scripts = Path(sys.executable).parent
    if not shutil.which(shell) or not (scripts / "aerun").is_file():
        pytest.skip(f"{shell} or the installed command is absent")
    bare = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    name = [] if shell == "fish" else [shell]
    done = subprocess.run(
        [shell, *bare, "-c", ASK[shell], *name, line],
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}",
             "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    # Readline itself keeps what stands before the equals sign.
    wanted = [each.partition("=")[2] for each in found] if shell == "bash" else found
    assert done.stdout.split() == wanted


@pytest.mark.parametrize("shell", ASK)
def test_completion_is_explained_for_the_own_shell_first(
    monkeypatch, capsys, shell: str
) -> None:
    """Each of the three has its command, that of $SHELL stands on top."""
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert main(["--completion"]) == 0
    text = capsys.readouterr().out
    named = re.findall(r"^(\w+): .*aerun -sc install=(\w+)", text, flags=re.MULTILINE)
    assert sorted(named) == [(s, s) for s in ("bash", "fish", "zsh")]
    assert named[0] == (shell, shell)


def test_completion_of_an_unknown_shell_is_a_bad_request(capsys) -> None:
    """The shells are named, exit code 2."""
    assert main(["-sc", "install=tcsh"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("aerun: -sc install=tcsh: must be install=SHELL")
    assert "bash, zsh or fish" in said
