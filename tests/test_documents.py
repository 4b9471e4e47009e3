"""The commands and code that the documents show work as they are shown."""

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import aerun
from aerun.argv import split_flags
from aerun.cli import main
from aerun.config.check import check
from aerun.config.compose import Composer, plain

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ON_A_RUN = (
    "resume",
    "reconstruct",
    "encode",
    "sample",
    "evaluate",
    "classify",
    "export",
    "report",
    "verify",
    "compare",
)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def _commands() -> list[str]:
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    found = [line.partition("  #")[0].strip() for line in lines]
    return [line for line in found if line.startswith("aerun")]


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """A folder with what the README asks its reader to put there."""
    model, *_ = [block for block in _blocks("python") if "# mine.py" in block]
    option, *_ = _blocks("yaml")
    (tmp_path / "my_conf/model").mkdir(parents=True)
    (tmp_path / "my_conf/model/shallow.yaml").write_text(option)
    (tmp_path / "mine.py").write_text(model)
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "faces.npz", x=generator.random((80, 12, 10, 3)))
    rows = [
        f"{a:.3f},{b:.3f},{'u' if a > b else 'v'}" for a, b in generator.random((60, 2))
    ]
    (tmp_path / "table.csv").write_text("\n".join(["long,wide,kind", *rows]))
    for number in range(60):
        path = tmp_path / f"photos/{'uv'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("command", _commands())
def test_every_command_of_the_readme_composes(newcomer, command, capsys):
    """Each is a request without mistakes; the short ones are carried out."""
    _, *arguments = shlex.split(command)
    if arguments and arguments[0] == "--help":
        assert main(arguments) == 0
        return
    on_a_run = {f"task={name}" for name in ON_A_RUN}
    if arguments[:1] == ["--cfg"] or on_a_run & set(arguments):
        return  # shown by tests of their own
    flags, overrides = split_flags(arguments)
    own = flags[flags.index("--config-dir") + 1] if "--config-dir" in flags else None
    multirun = "-m" in flags
    config = Composer(own).compose(overrides, multirun=multirun)
    if multirun:
        return
    assert check(plain(config)) == []
    if "experiment=lecture/simple" not in overrides:
        small = ["trainer.epochs=1", "trainer.threads=1", "dataset.limit=60"]
        assert main([*arguments, *small]) == 0


@pytest.mark.slow
@pytest.mark.shared
def test_the_python_of_the_readme_runs(newcomer):
    """The example trains, loads, samples, encodes."""
    (block,) = [block for block in _blocks("python") if "import aerun" in block]
    names: dict[str, object] = {}
    exec(block, names)
    assert names["samples"].shape == (16, 1, 8, 8)
    assert names["codes"].shape == (16, 16)


def test_the_readme_lists_every_option():
    """The table of choices and conf/ name the same options."""
    table = README.partition("## What can be chosen")[2].partition("Every key")[0]
    for group in ("model", "dataset", "corruption", "loss", "regularizer", "task",
                  "tracker", "trainer", "sweep", "model/encoder", "model/bottleneck",
                  "trainer/optimizer", "trainer/scheduler"):  # fmt: skip
        (row,) = [r for r in table.splitlines() if r.startswith(f"| `{group}` |")]
        options = {p.stem for p in (ROOT / "conf" / group).glob("*.yaml")}
        assert set(re.findall(r"`([\w/]+)`", row)) - {group} == options


def test_the_readme_is_short_and_its_links_exist():
    """At most 250 lines; every picture and file that it names is there."""
    assert len(README.splitlines()) <= 250
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / link).is_file(), link
    assert os.path.getsize(ROOT / "docs/simple_reconstructions.png") < 200_000


def test_the_version_is_one():
    """Package and metadata agree."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{aerun.__version__}"' in text


def test_the_recipe_for_a_variant_works(tmp_path, monkeypatch, capsys):
    """The loss that CONTRIBUTING shows trains as an own part, and is range-checked."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code, *_ = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    option, *_ = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    imports = (
        "import torch\nfrom torch import Tensor, nn\n"
        "from aerun.models.outputs import Outputs\n"
        "from aerun.options import PositiveKnob\n"
    )
    (tmp_path / "my_losses.py").write_text(imports + code)
    (tmp_path / "conf/loss").mkdir(parents=True)
    own = option.replace("aerun.losses.huber", "my_losses.huber")
    (tmp_path / "conf/loss/huber.yaml").write_text(own)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    request = ["--config-dir", "conf", "loss=huber", "experiment=smoke"]
    assert main([*request, "loss.delta=0.2", "trainer.threads=1"]) == 0
    assert main([*request, "loss.delta=-1"]) == 2
    assert "loss.delta=-1: must be a number, above 0" in capsys.readouterr().err
