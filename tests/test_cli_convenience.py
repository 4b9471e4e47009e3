"""How much the command says, and in which colours."""

import io
import logging
import shutil
import sys
from pathlib import Path

import pytest
from test_cli import SMOKE, aerun, python

from aerun import logs
from aerun.argv import console_level, given, split_flags
from aerun.cli import main
from aerun.tasks import train


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, without the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("AERUN_CONFIG_PATH", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture(autouse=True)
def _level() -> None:
    """Leave the console as verbose as it was."""
    yield
    logs.set_up_console(logging.INFO)


# -- quiet and verbose ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.shared
def test_quiet_prints_only_the_directory(tmp_path: Path) -> None:
    """Of a run, of one continued, and of a sweep; warnings go elsewhere."""
    done = aerun(tmp_path, "-q", "model=vae", *SMOKE)
    (run,) = tmp_path.glob("outputs/*/*_vae_digits")
    assert (done.returncode, done.stdout) == (0, f"{run}\n")
    again = aerun(tmp_path, "task=resume", "run=last", "--quiet")
    assert (again.returncode, again.stdout) == (0, f"{run}\n")
    swept = aerun(tmp_path, "seed=0,1", *SMOKE, "-m", "-q")
    (sweep,) = tmp_path.glob("outputs/sweeps/*/*")
    assert (swept.returncode, swept.stdout) == (0, f"{sweep}\n")
    for each in (done, again, swept):
        assert all(line.startswith("Health: ") for line in each.stderr.splitlines())
    assert "Look at" in (run / "aerun.log").read_text()


def test_quiet_keeps_what_own_parts_print_off_stdout(monkeypatch, capsys) -> None:
    """A print in a user's class is not taken for the directory."""

    def talk(config: object, directory: Path) -> dict[str, dict[str, float]]:
        sys.stdout.write("chatter\n")
        return {"metrics": {}}

    monkeypatch.setattr(train, "train", talk)
    assert main(["-q", "hydra.run.dir=here"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{Path('here').absolute()}\n"
    assert printed.err == "chatter\n"


def test_quiet_says_what_went_wrong(capsys) -> None:
    """The message of an error stays, and no directory is printed."""
    assert main(["trainer.epoch=3", "-q"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("aerun: trainer.epoch=3: ")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("flag", "watched"), [("-q", False), ("-v", True)])
def test_quiet_silences_bars_too(monkeypatch, flag: str, watched: bool) -> None:
    """A progress bar is drawn on a terminal, but for -q."""
    from aerun.progress import progress_bar

    monkeypatch.setattr(sys, "stderr", Terminal())
    logs.set_up_console(console_level([flag]))
    with progress_bar(3, unit="step") as bar:
        bar.update()
        assert bar.disable is not watched
    assert ("step" in sys.stderr.getvalue()) == watched


@pytest.mark.parametrize("swept", [False, True])
def test_verbose_shows_the_traceback_once(monkeypatch, capsys, swept: bool) -> None:
    """Of a failure that otherwise is one line, also of a job of a sweep."""
    from aerun.errors import RunFailed

    def fail(config: object, directory: Path) -> None:
        raise RunFailed("the loss became NaN")

    monkeypatch.setattr(train, "train", fail)
    sweep = ["-m", "seed=0"] if swept else []
    assert main(["hydra.run.dir=a", "hydra.sweep.dir=b", *sweep]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert main(["hydra.run.dir=c", "hydra.sweep.dir=d", *sweep, "-v"]) == 1
    said = capsys.readouterr().err
    assert said.count("errors.RunFailed: the loss became NaN") == 1
    assert said.rindex("aerun: ") > said.rindex("Traceback")


def test_verbose_shows_the_traceback_of_a_bad_request(capsys) -> None:
    """Above the message, which stays the last line."""
    assert main(["trainer.epoch=3", "--verbose"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("aerun: trainer.epoch=3: ")


@pytest.mark.parametrize(
    ("flags", "level"),
    [([], logging.INFO), (["-m"], logging.INFO), (["--quiet"], logging.WARNING),
     (["-q"], logging.WARNING), (["-v"], logging.DEBUG),
     (["--verbose"], logging.DEBUG)],
)  # fmt: skip
def test_a_flag_sets_what_is_printed(flags: list[str], level: int) -> None:
    """Quiet from warnings on, verbose everything, wherever the flag stands."""
    assert console_level(split_flags(["seed=1", *flags])[0]) == level
    assert console_level(split_flags([*flags, "seed=1"])[0]) == level


def test_the_last_of_a_repeated_flag_counts() -> None:
    """With a value behind it or after an equals sign."""
    assert given(["--config-dir", "a", "-m", "-cd=b"], "--config-dir", "-cd") == "b"
    assert given(["-m"], "-q") is None


# -- colours -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "coloured"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False),
     ({"TERM": "dumb"}, False)],
)  # fmt: skip
def test_colours_are_for_terminals_that_want_them(
    tmp_path, monkeypatch, settings: dict[str, str], coloured: bool
) -> None:
    """Warnings yellow, errors red, other lines and the log file never coloured."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    logs.set_up_console(logging.INFO)
    with logs.log_file(tmp_path / "aerun.log"):
        logging.getLogger("aerun").warning("careful")
    logs.print_error("broken")
    yellow, red, end = ("\033[33m", "\033[31m", "\033[0m") if coloured else [""] * 3
    said = terminal.getvalue()
    assert said == f"{yellow}careful{end}\n{red}aerun: broken{end}\n"
    assert "\033" not in (tmp_path / "aerun.log").read_text()


@pytest.mark.skipif(not shutil.which("script"), reason="needs the command script")
def test_an_error_is_red_on_a_real_terminal(tmp_path: Path) -> None:
    """And plain where the output is piped."""
    typed = ["script", "-qec", f"{sys.executable} -m aerun seeed=1", "/dev/null"]
    talk = f"import subprocess; subprocess.run({typed})"
    assert "\033[31maerun: seeed=1: " in python(tmp_path, "-c", talk).stdout
    assert aerun(tmp_path, "seeed=1").stderr.startswith("aerun: seeed=1: ")
