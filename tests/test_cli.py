"""The command itself: exit codes, messages and files, through a process of its own."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from aerun import __version__
from aerun.argv import expand_home, split_flags
from aerun.cli import main
from aerun.errors import Interrupted, RunFailed
from aerun.tasks import train

SMOKE = ("experiment=smoke", "trainer.threads=1")


def aerun(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return python(folder, "-m", "aerun", *arguments)


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, without the settings of whoever runs the tests."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("AERUN_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**mine, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# -- one run -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smoke(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A short run of a generative model, and what the command said."""
    folder = tmp_path_factory.mktemp("smoke")
    done = aerun(folder, "model=vae", *SMOKE)
    assert done.returncode == 0, done.stderr
    (run,) = folder.glob("outputs/*/*_vae_digits")
    return run, done


FILES = (
    "config.yaml",
    ".hydra/config.yaml",
    ".hydra/overrides.yaml",
    "aerun.log",
    "metrics.csv",
    "timing.csv",
    "loss_curves.png",
    "reconstructions.png",
    "latent.png",
    "filters.png",
    "samples.png",
    "checkpoints/best.safetensors",
    "checkpoints/last.safetensors",
    "checkpoints/last.state",
    "summary.json",
    "report.html",
)


@pytest.mark.parametrize("name", FILES)
def test_a_run_leaves_every_file(smoke: tuple[Path, Any], name: str) -> None:
    """A finished run holds all that the design promises, none of it empty."""
    assert (smoke[0] / name).stat().st_size > 0


def test_a_run_leaves_nothing_half_done(smoke: tuple[Path, Any]) -> None:
    """No partial file stays, and pictures of the way are in their folder."""
    run = smoke[0]
    assert list(run.rglob("*.part")) == []
    assert list((run / "reconstructions").glob("*.png"))
    assert all(p.read_bytes()[1:4] == b"PNG" for p in run.rglob("*.png"))


def test_a_run_is_the_latest(smoke: tuple[Path, Any]) -> None:
    """``outputs/latest`` leads to the run."""
    run = smoke[0]
    assert (run.parents[1] / "latest").resolve() == run.resolve()


def test_the_config_of_a_run_has_every_choice_made(smoke: tuple[Path, Any]) -> None:
    """config.yaml says its format and leaves nothing automatic."""
    config = yaml.safe_load((smoke[0] / "config.yaml").read_text())
    assert config["format"] == 1
    assert config["seed"] == 0
    made = [config["device"], *config["trainer"].values()]
    assert "auto" not in [value for value in made if isinstance(value, str)]
    assert config["data"]["shape"] == [1, 8, 8]


def test_the_table_of_a_run_adds_up(smoke: tuple[Path, Any]) -> None:
    """In every row loss = reconstruction + weight * term, to 1e-6."""
    with open(smoke[0] / "metrics.csv", newline="") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        for part in ("train", "val"):
            total = row[f"{part}/reconstruction"] + row["kl_weight"] * row[f"{part}/kl"]
            assert row[f"{part}/loss"] == pytest.approx(total, rel=1e-6)
        assert {"step", "val/mse", "lr", "grad_norm"} <= row.keys()


def test_the_summary_of_a_run_is_complete(smoke: tuple[Path, Any]) -> None:
    """summary.json has status, flat metrics, health and where it all came from."""
    summary = json.loads((smoke[0] / "summary.json").read_text())
    assert summary["status"] == "completed"
    wanted = {"test/loss", "test/reconstruction", "test/kl", "test/mse", "pca/mse"}
    assert wanted <= summary["metrics"].keys()
    assert all(isinstance(line, str) for line in summary["health"])
    assert summary["seed"] == 0
    assert summary["seconds"] > 0
    for key in ("epochs", "samples_per_second", "device", "versions", "git_commit"):
        assert key in summary
    assert len(summary["config_hash"]) == len(summary["data_hash"]) == 16


def test_every_printed_line_is_in_the_log(
    smoke: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """aerun.log holds what stood on the terminal; nothing else was printed."""
    run, done = smoke
    log = (run / "aerun.log").read_text()
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    assert lines
    assert [line for line in lines if line.strip() not in log] == []


# -- other processes -----------------------------------------------------------------


def test_a_bad_request_exits_with_2(tmp_path: Path) -> None:
    """One line on stderr, nothing on stdout, nothing made."""
    done = aerun(tmp_path, "trainer.epoch=3")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "aerun: trainer.epoch=3: no such key. Did you mean 'trainer.epochs'?\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.shared
def test_multirun_may_stand_in_the_middle(tmp_path: Path) -> None:
    """A sweep over two models makes two complete runs, wherever -m stands."""
    done = aerun(tmp_path, "model=linear,tied", "-m", *SMOKE)
    assert done.returncode == 0, done.stderr
    (sweep,) = tmp_path.glob("outputs/sweeps/*/*")
    jobs = sorted(p.name for p in sweep.iterdir() if p.is_dir())
    assert jobs == ["0", "1"]
    for job in jobs:
        summary = json.loads((sweep / job / "summary.json").read_text())
        assert summary["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "Groups and their options"),
        (["--help", "model"], 0, "(default)"),
        (["--completion"], 0, "aerun -sc install=fish"),
        (["model=nonsense"], 2, ""),
        (["--version"], 0, __version__),
        (["--cfg", "job"], 0, "trainer:"),
        (["model=vae", "--cfg", "job"], 0, "kl:"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_quick_answers_do_without_torch(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """What trains nothing does not wait for PyTorch, and makes no files."""
    script = (
        "import sys; from aerun.cli import main\n"
        f"try: code = main({arguments})\n"
        "finally:\n"
        "    slow = {'torch', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "    print('imported', sorted(slow))\n"
        "sys.exit(code)"
    )
    done = python(tmp_path, "-c", script)
    assert done.returncode == code, done.stderr
    assert said in done.stdout
    assert done.stdout.endswith("imported []\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mistake", ["model=vea", "trainer.epoch=3"])
def test_showing_a_bad_config_is_a_bad_request(tmp_path: Path, mistake: str) -> None:
    """Also ``--cfg job`` answers a mistake with one message and exit code 2."""
    done = aerun(tmp_path, "--cfg", "job", mistake)
    assert done.returncode == 2
    assert done.stderr.startswith(f"aerun: {mistake}: ")
    assert "Did you mean" in done.stderr


# -- in this process -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RunFailed("the loss became NaN"), 1, "aerun: the loss became NaN\n"),
        (Interrupted(signal.SIGINT, "saved"), 130, "aerun: saved\n"),
        (Interrupted(signal.SIGTERM, "saved"), 143, "aerun: saved\n"),
        (KeyboardInterrupt(), 130, "task=resume"),
    ],
    ids=repr,
)
def test_a_failure_has_its_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    """A failed run, Ctrl-C and SIGTERM: one line, and the traceback in the log."""

    def fail(config: dict[str, Any], directory: Path) -> None:
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(train, "train", fail)
    assert main(["hydra.run.dir=run"]) == code
    printed = capsys.readouterr().err
    assert said in printed
    assert "Traceback" not in printed
    log = (tmp_path / "run" / "aerun.log").read_text()
    assert ("Traceback" in log) == isinstance(error, RunFailed)
    assert printed.removeprefix("aerun: ").strip() in log


@pytest.mark.parametrize(
    ("arguments", "flags", "overrides"),
    [
        ([], [], []),
        (["a=1", "-m", "b=2"], ["-m"], ["a=1", "b=2"]),
        (["a=1", "--config-dir", "x"], ["--config-dir", "x"], ["a=1"]),
        (["--config-dir=x", "a=1"], ["--config-dir=x"], ["a=1"]),
        (["-cd", "x", "~a", "+b=1"], ["-cd", "x"], ["~a", "+b=1"]),
        (["a=-1"], [], ["a=-1"]),
    ],
)
def test_flags_are_found_wherever_they_stand(
    arguments: list[str], flags: list[str], overrides: list[str]
) -> None:
    """A flag's value goes with it; everything else is an override, in order."""
    assert split_flags(arguments) == (flags, overrides)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("dataset.path=~/x.npy", "dataset.path=/home/me/x.npy"),
        ("dataset.path=a~/x.npy", "dataset.path=a~/x.npy"),
        ("~trainer.lr", "~trainer.lr"),
        ("seed=0", "seed=0"),
    ],
)
def test_home_is_meant_by_a_tilde(
    monkeypatch: pytest.MonkeyPatch, typed: str, meant: str
) -> None:
    """Only at the beginning of a value; elsewhere a tilde is a tilde."""
    monkeypatch.setenv("HOME", "/home/me")
    assert expand_home(typed) == meant
