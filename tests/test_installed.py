"""What people install: the wheel and the sdist, away from the source."""

import os
import shutil
import site
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from making import CONF
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.shared]

ROOT = CONF.parent
SMOKE = ("experiment=smoke", "trainer.threads=1")

# Rights count for root too once it has given up CAP_DAC_OVERRIDE.
POWERLESS = """
import ctypes, os, sys
if os.geteuid() == 0:
    assert ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""

Done = subprocess.CompletedProcess[str]


def call(folder: Path, *command: str | Path, **more: str) -> Done:
    """Run a command in a folder, without the settings of whoever runs the tests."""
    mine = {k: v for k, v in os.environ.items()
            if not k.startswith(("AERUN_", "PYTHON", "MPL", "XDG"))}  # fmt: skip
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**mine, "OMP_NUM_THREADS": "1", **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Wheel, sdist, and the wheel made from the sdist, of a copy of the source."""
    folder = tmp_path_factory.mktemp("build")
    left_out = (".git", ".venv*", "outputs", "dist", ".*_cache", "__pycache__")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*left_out))
    (source / "outputs/latest").mkdir(parents=True)
    (source / "outputs/latest/config.yaml").write_text("a: run\n")
    build(source, "-t", "sdist", "-t", "wheel")
    (sdist,), (wheel,) = source.glob("dist/*.tar.gz"), source.glob("dist/*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    build(unpacked, "-t", "wheel")
    (second,) = unpacked.glob("dist/*.whl")
    kept = [shutil.copy(path, folder / f"{i}-kept") for i, path in
            enumerate((wheel, sdist, second))]  # fmt: skip
    named = shutil.copy(wheel, folder / wheel.name)
    shutil.rmtree(source)
    return Path(named), Path(kept[1]), Path(kept[2])


def build(source: Path, *arguments: str) -> None:
    """Build without a network."""
    done = call(source, sys.executable, "-m", "hatchling", "build", *arguments)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def command(
    built: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The installed command, in an environment that sees only the dependencies."""
    folder = Path(tmp_path_factory.mktemp("installed"))
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Those of a folder named here are seen, but not the editable install in it: a .pth
    # file counts only in a folder of Python's own.
    paths = [path for path in site.getsitepackages() if os.path.isdir(path)]
    (packages / "dependencies.pth").write_text("\n".join(paths) + "\n")
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python"]
    asked = ["install", "--quiet", "--no-deps", "--no-index", built[0]]
    done = call(folder, *pip, *asked)
    assert done.returncode == 0, done.stderr
    return folder / "bin/aerun"


# -- what they hold --------------------------------------------------------------------


def names_in(wheel: Path) -> dict[str, bytes]:
    """Files of a wheel with their content."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sources(folder: str, suffix: str) -> set[str]:
    """Relative paths of the source files in a folder."""
    return {str(p.relative_to(ROOT)) for p in (ROOT / folder).rglob(f"*{suffix}")}


def test_the_wheel_holds_the_package_and_its_options(
    built: tuple[Path, Path, Path],
) -> None:
    """Every module, the parts of pages, every option, and else only the metadata."""
    names = {n for n in names_in(built[0]) if ".dist-info/" not in n}
    options = {f"aerun/{name}" for name in sources("conf", ".yaml")}
    pages = sources("aerun", ".css") | sources("aerun", ".js")
    assert pages
    assert names == sources("aerun", ".py") | pages | options


def test_the_sdist_holds_what_is_needed(built: tuple[Path, Path, Path]) -> None:
    """Package, options, tests and documents; no run."""
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = sources("aerun", ".py") | sources("conf", ".yaml")
    wanted |= sources("aerun", ".css") | sources("aerun", ".js")
    assert wanted | {"README.md", "LICENSE", "pyproject.toml"} <= names
    assert not {name for name in names if name.startswith(("outputs", "dist"))}


def test_the_sdist_makes_the_same_wheel(built: tuple[Path, Path, Path]) -> None:
    """File by file, whoever builds it."""
    assert names_in(built[0]) == names_in(built[2])


# -- what they do ----------------------------------------------------------------------


def test_the_installed_command_answers(command: Path, tmp_path: Path) -> None:
    """Help, version and completion come from the installed options."""
    where = call(tmp_path, command.with_name("python"), "-c",
                 "import aerun; print(aerun.__file__)")  # fmt: skip
    assert where.stdout.startswith(str(command.parents[1])), where
    done = call(tmp_path, command, "--version")
    assert done.stdout.startswith("aerun ")
    done = call(tmp_path, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Groups and their options" in done.stdout
    done = call(tmp_path, command, "-sc", "query=bash", COMP_LINE="aerun model=sta")
    assert done.stdout == "model=stacked\n"
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_trains(command: Path, tmp_path: Path) -> None:
    """One run, a sweep, and a user's own model, from another folder."""
    (tmp_path / "mine.py").write_text(
        "from aerun.models import Autoencoder\n\nclass Mine(Autoencoder):\n    pass\n"
    )
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/own.yaml").write_text(
        "defaults: [simple, _self_]\n_target_: mine.Mine\n"
    )
    asked = ["--config-dir", "conf", "-m", "model=own,linear", *SMOKE]
    done = call(tmp_path, command, *asked)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("outputs/sweeps/*/*/*/summary.json"))) == 2
    done = call(tmp_path, command, *SMOKE)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("outputs/*/*_simple_digits/summary.json"))) == 1
    assert len(list(tmp_path.glob("outputs/*/*_simple_digits/report.html"))) == 1


def test_an_installed_plug_in_trains(command: Path, tmp_path: Path) -> None:
    """A package beside ours brings a model, under the name that it says."""
    (packages,) = command.parents[1].glob("lib/python*/site-packages")
    about, conf = packages / "aerun_extra-1.dist-info", packages / "aerun_extra/conf"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[aerun.conf]\nextra = aerun_extra.conf\n")
    (conf / "model").mkdir(parents=True)
    (conf.parent / "__init__.py").write_text("from aerun.models import Autoencoder\n")
    (conf / "model/extra.yaml").write_text(
        "defaults: [simple, _self_]\n_target_: aerun_extra.Autoencoder\n"
    )
    try:
        done = call(tmp_path, command, "model=extra", "hydra.run.dir=run", *SMOKE)
    finally:
        shutil.rmtree(about)
        shutil.rmtree(conf.parent)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/summary.json").is_file()


# -- where next to nothing can be written ----------------------------------------------


@pytest.fixture
def powerless(command: Path, tmp_path: Path) -> Iterator[Callable[..., Done]]:
    """Ask from a folder, and with a home, that cannot be written."""
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir(mode=0o555)

    def ask(*arguments: str, **more: str) -> Done:
        start = (sys.executable, "-c", POWERLESS, command, *arguments)
        return call(here, *start, HOME=str(home), **more)

    yield ask
    assert [*home.iterdir(), *here.iterdir()] == []


def test_help_writes_nothing(powerless: Callable[..., Done]) -> None:
    """What is only printed needs no folder and warns of nothing."""
    done = powerless("--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_elsewhere_needs_no_home(
    powerless: Callable[..., Done], tmp_path: Path
) -> None:
    """Where a folder for the run is named, nothing warns of other ones."""
    done = powerless(f"hydra.run.dir={tmp_path / 'run'}", *SMOKE)
    assert done.returncode == 0, done.stderr
    assert [n for n in done.stderr.splitlines() if not n.startswith("Health")] == []
    assert (tmp_path / "run/reconstructions.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["here is not writable", "hydra.run.dir=DIR"]),
        (["-m", "seed=0,1"], ["here is not writable", "hydra.sweep.dir=DIR"]),
    ],
    ids=["run", "sweep"],
)
def test_a_run_that_can_be_nowhere_says_what_it_needs(
    powerless: Callable[..., Done], arguments: list[str], said: list[str]
) -> None:
    """One message that names the option, exit code 2."""
    done = powerless(*arguments, *SMOKE)
    assert done.returncode == 2, done.stderr
    assert [part for part in said if part not in done.stderr] == [], done.stderr
    assert done.stderr.count("\n") == 1


def test_images_need_a_cache_that_can_be_named(
    powerless: Callable[..., Done], tmp_path: Path
) -> None:
    """The message says how; then it works."""
    (tmp_path / "images").mkdir()
    for i in range(9):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{i}.png")
    asked = ["dataset=image_folder", f"dataset.path={tmp_path / 'images'}",
             f"hydra.run.dir={tmp_path / 'run'}", *SMOKE]  # fmt: skip
    done = powerless(*asked)
    assert done.returncode == 2
    assert "set $AERUN_CACHE to a folder that can" in done.stderr
    assert done.stderr.count("\n") == 1
    done = powerless(*asked, AERUN_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
