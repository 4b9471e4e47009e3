"""A user's own parts: they train, load and are checked like built-in ones."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from owning import PARTS, SHORT, YAML, options

import aerun
from aerun.api import Run
from aerun.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.usefixtures("unpictured"),
]

pytest_plugins = ["owning"]


def test_parts_of_every_kind_train_together(workplace: Path) -> None:
    """Bottleneck, loss, regularizer, corruption, data, trainer and optimizer."""
    assert main(["--config-dir", "my_conf", *PARTS, *SHORT]) == 0
    run = Run(workplace / "run")
    assert run.summary["status"] == "completed"
    assert run.summary["epochs"] == 2 * 2  # in two phases
    first = run.metrics[0]
    total = first["train/reconstruction"] + 0.1 * first["train/mine"]
    assert first["train/loss"] == pytest.approx(total, rel=1e-6)
    assert run.config["data"]["shape"] == [1, 6, 4]


def test_an_own_model_comes_back(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found through $AERUN_CONFIG_PATH, trained, and loaded in a fresh process."""
    monkeypatch.setenv("AERUN_CONFIG_PATH", f"{workplace / 'my_conf'}")
    assert main(["model=mine", "model.width=3", *SHORT]) == 0
    x = np.random.default_rng(0).uniform(0, 16, (4, 1, 8, 8))
    np.save("x.npy", x)
    wanted = aerun.load("run").reconstruct(x)
    script = (
        "import aerun, numpy as np\n"
        "model = aerun.load('run', trust=['mine']); x = np.load('x.npy')\n"
        "print(type(model.model).__module__, model.encode(x).shape)\n"
        "np.save('recon.npy', model.reconstruct(x))\n"
    )
    done = python(workplace, "-c", script)
    assert (done.stdout, done.stderr) == ("mine (4, 3)\n", "")
    np.testing.assert_allclose(np.load("recon.npy"), wanted, rtol=1e-6)


def python(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess:
    """Run Python in a folder, without the settings of whoever runs the tests."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("AERUN_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**mine, "OMP_NUM_THREADS": "1", **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", YAML)
@pytest.mark.usefixtures("workplace")
def test_help_lists_own_parts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each in its group, with the first comment of its file."""
    group, _, option = name.rpartition("/")
    assert main(["--help", group, "--config-dir", "my_conf"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    sentence = YAML[name].splitlines()[0].removeprefix("# ")
    if sentence.startswith("mine:"):
        assert [option, "Codes", "at", "a", "place."] in lines
    else:
        assert [option, *sentence.split()] in lines


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model=mine", "model.width=0"],
         "model.width=0: must be a whole number, at least 1"),
        (["model.bottleneck=mine", "model.bottleneck.std=0"],
         "model.bottleneck.std=0: must be a number, above 0"),
        (["loss=mine", "loss.power=-1"], "loss.power=-1: must be a number, above 0"),
        (["loss=mine", "loss.power={start: 0, end: 1}"], "start must be"),
        (["regularizer=[mine]", "regularizer.mine.centre=-1"], "at least 0"),
        (["regularizer=[mine]", "regularizer.mine.weight=-1"], "at least 0"),
        (["corruption=mine", "corruption.share=1"], "above 0 and below 1"),
        (["dataset=mine", "dataset.number=many"], "must be a whole number"),
        (["trainer/optimizer=mine", "trainer.optimizer.sign=2"], "true or false"),
        (["model=mine", "model.widht=3"], "Did you mean 'model.width'?"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)  # fmt: skip
def test_options_of_own_parts_are_checked(
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
    overrides: list[str],
    said: str,
) -> None:
    """By the annotations of the part: one message, exit code 2, nothing made."""
    before = set(workplace.iterdir())
    assert main(["--config-dir", "my_conf", *overrides]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert set(workplace.iterdir()) - before <= {workplace / "__pycache__"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("_target_: mine.Model\nwidht: 3\n",
         ["model.widht=3: no such key. Did you mean 'model.width'?",
          "model.width: is missing"]),
        ("_target_: mine.Modle\nwidth: 3\n", ["module 'mine' has no 'Modle'"]),
        ("_target_: mein.Model\nwidth: 3\n", ["there is no module 'mein'"]),
        ("_target_: Model\nwidth: 3\n", ["write module.Name"]),
        ("width: 3\n", ["model=wrong: needs a _target_ in its YAML file"]),
        ("_target_: mine.Model\nwidth: [3\n", ["wrong.yaml: is no valid YAML"]),
        ("_target_: mine.Model\nwidth: ???\n", ["model.width: is missing; write"]),
    ],
)  # fmt: skip
def test_mistakes_in_an_own_option_are_told(
    workplace: Path, capsys: pytest.CaptureFixture[str], text: str, said: list[str]
) -> None:
    """What the file should say, with exit code 2 and without a traceback."""
    options(workplace / "my_conf", {"model/wrong": text})
    assert main(["--config-dir", "my_conf", "model=wrong"]) == 2
    message = capsys.readouterr().err
    assert [part for part in said if part not in message] == [], message
    assert "Traceback" not in message
    assert not (workplace / "outputs").exists()
