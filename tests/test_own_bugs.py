"""Bugs in a user's own parts are shown, and only the frames that are theirs."""

from pathlib import Path

import pytest
from owning import MINE, SHORT

from aerun import failures
from aerun.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.usefixtures("unpictured"),
]

pytest_plugins = ["owning"]


@pytest.mark.parametrize(
    ("wrong", "by", "overrides", "said"),
    [
        ("import nmpy", "import numpy as np", ["model=mine"],
         "ModuleNotFoundError: No module named 'nmpy'"),
        ("oops\n\ndef loss(", "def loss(", ["model=mine"], "NameError: "),
        ("raise ValueError('odd')\n\ndef loss(", "def loss(", ["model=mine"],
         "ValueError: odd"),
        ("raise ValueError('odd')\n\ndef loss(", "def loss(",
         ["model.bottleneck=mine"], "ValueError: odd"),
        ("def f(:", "class Model(nn.Module):", ["model=mine"], "SyntaxError: "),
        ("super().__init__(); 1 / 0", "super().__init__()", ["model=mine"],
         "ZeroDivisionError: "),
        ("x = nothing", "x = np.random.default_rng(0).random((number, 1, 6, 4))",
         ["dataset=mine"], "NameError: name 'nothing'"),
        ("self.sign = signn", "self.sign = sign", ["trainer.optimizer=mine"],
         "NameError: name 'signn'"),
    ],
    ids=["import", "name", "value", "child", "syntax", "init", "data", "optimizer"],
)  # fmt: skip
def test_a_bug_shows_before_a_directory_is_made(
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: str,
    by: str,
    overrides: list[str],
    said: str,
) -> None:
    """The frames of the user's own file and the error, exit code 1, no run."""
    assert by in MINE
    (workplace / "mine.py").write_text(MINE.replace(by, wrong, 1))
    assert main(["--config-dir", "my_conf", *overrides, *SHORT]) == 1
    assert_own_traceback(capsys.readouterr().err, workplace, said)
    assert not (workplace / "run").exists()


@pytest.mark.parametrize(
    ("wrong", "by", "overrides"),
    [
        ("recon=self.decode(x)", "recon=self.decode(code)", ["model=mine"]),
        ("out.eror.abs()", "out.error.abs()", ["loss=mine"]),
        ("out.code.foo", "out.code", ["regularizer=[mine]"]),
        ("draws.ask('normal')", "draws.ask(\"uniform\", *x.shape)",
         ["corruption=mine", "model=mine"]),
        ("1 / 0", "parameter -= lr", ["trainer.optimizer=mine"]),
    ],
    ids=["model", "loss", "regularizer", "corruption", "optimizer"],
)  # fmt: skip
def test_a_bug_of_the_first_step_is_shown(
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: str,
    by: str,
    overrides: list[str],
) -> None:
    """The frames of the user's own file only, exit code 1, and the run says so."""
    assert by in MINE
    (workplace / "mine.py").write_text(MINE.replace(by, wrong, 1))
    assert main(["--config-dir", "my_conf", *overrides, *SHORT]) == 1
    assert_own_traceback(capsys.readouterr().err, workplace, "Error: ")


def assert_own_traceback(text: str, folder: Path, said: str) -> None:
    """No frame but of mine.py, where it is from; the error in the last lines."""
    assert text.startswith("Traceback (your own file):\n")
    files = [line for line in text.splitlines() if line.startswith('  File "')]
    assert files
    assert all(line.startswith(f'  File "{folder / "mine.py"}"') for line in files)
    assert said in text
    assert "aerun/" not in text


@pytest.mark.parametrize("place", ["aerun_mine.py", "lib/site-packages/extra.py"])
def test_frames_of_neighbours_and_plug_ins_are_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    """A file beside the package, or installed as a package of its own."""
    lib = tmp_path / "lib"
    places = {"stdlib": lib, "platstdlib": lib, "purelib": lib / "site-packages",
              "platlib": lib / "site-packages"}  # fmt: skip
    texts = {key: str(path) for key, path in places.items()}
    monkeypatch.setattr(failures.sysconfig, "get_paths", lambda: texts)
    monkeypatch.setattr(failures, "__file__", str(tmp_path / "aerun/failures.py"))
    text = "import torch\ntorch.zeros(2) @ torch.zeros(3)"
    code = compile(text, str(tmp_path / place), "exec")
    with pytest.raises(RuntimeError) as caught:
        exec(code, {})
    failures.tell_bug(caught.value.with_traceback(caught.tb.tb_next), verbose=False)
    said = capsys.readouterr().err
    assert said.startswith("Traceback (your own file):\n")
    assert said.count('  File "') == 1
    assert str(tmp_path / place) in said


def test_frames_of_dependencies_are_not_shown() -> None:
    """Of what aerun requires, and of what that requires."""
    import numpy
    import omegaconf
    import torch

    places = tuple(failures._dependencies())
    assert all(m.__file__.startswith(places) for m in (numpy, omegaconf, torch))
    assert not pytest.__file__.startswith(places)
