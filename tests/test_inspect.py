"""task=inspect: figures that are true, and nothing left."""

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inspecting import Inspect, by_title, rows
from making import later, needs_images, options

from aerun import api
from aerun.build import Built, build
from aerun.cli import main
from aerun.config.mistakes import BadRequest
from aerun.tasks import estimate
from aerun.training.events import Event
from aerun.training.loop import Training

pytest_plugins = ["inspecting"]

LAYERS = "Layers (of a batch of 2)"
NOISE = "Noise drawn per batch"

SHAPES = {"28x20": (28, 20), "3x64x48": (64, 48, 3), "3x33x47": (3, 33, 47),
          "16x16": (16, 16)}  # fmt: skip


@pytest.fixture
def data(request: pytest.FixtureRequest, alone: Path) -> list[str]:
    """The overrides for data of a kind, in files of their own."""
    kind, generator = request.param, np.random.default_rng(0)
    if kind == "digits":
        return []
    if kind == "csv":
        rows = generator.random((12, 30))
        np.savetxt("x.csv", rows, delimiter=",")
        return ["dataset=csv", "dataset.path=x.csv"]
    images = generator.integers(0, 256, (12, *SHAPES[kind]), dtype=np.uint8)
    np.save("x.npy", images)
    return ["dataset=array", "dataset.path=x.npy"]


def own(cell: str) -> int:
    """The parameters that a row counts in its last cell, those of other rows apart."""
    count = re.fullmatch(r"([\d,]+)( \+ [\d,]+ shared)?", cell)
    return 0 if count is None else int(count[1].replace(",", ""))


# -- figures ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    ["3x33x47", *map(later, ("csv", "digits", "28x20", "3x64x48", "16x16"))],
    indirect=True,
)
@pytest.mark.parametrize("model", options("model"))
def test_the_layers_add_up_to_the_model(
    measured: Inspect,
    data: list[str],
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The total is that of the model built, and that of the rows above it."""
    built: list[Built] = []

    def note(*arguments: Any) -> Built:
        built.append(build(*arguments))
        return built[-1]

    monkeypatch.setattr(estimate, "build", note)
    asked = [f"model={model}", "trainer.batch_size=20", *data]
    if needs_images(model) and "csv" in " ".join(data):
        pytest.skip("convolutions need images")
    found = rows(measured(*asked)[LAYERS])
    *layers, total = [row for row in found if not row[0].startswith("of loss")]
    wanted = sum(p.numel() for p in built[0].objective.model.parameters())
    assert total == ["parameters of the model", f"{wanted:,}"]
    assert sum(own(row[-1]) for row in layers) == wanted
    shape = "x".join(map(str, built[0].data.spec.shape))
    assert layers[0] == ["input", f"2x{shape}"]
    assert "used elsewhere" not in [row[0] for row in layers]


def test_tied_weights_are_counted_once(measured: Inspect) -> None:
    """The decoder's rows say what they share, and count only their biases."""
    layers = {row[0]: row[-1] for row in rows(measured("model=tied")[LAYERS])}
    assert layers["decoder.levels.1"] == "300 + 45,000 shared"
    assert layers["decoder.levels.0"] == "64 + 19,200 shared"
    assert not any("shared" in row[-1] for row in rows(measured()[LAYERS]))


def test_a_level_stands_before_its_activation(measured: Inspect) -> None:
    """Rows come in the order in which data pass."""
    names = [row[0] for row in rows(measured("model.hidden=[5]")[LAYERS])]
    assert names[:4] == [
        "input",
        "encoder.levels.0",
        "encoder.levels.0.activation",
        "encoder.levels.1",
    ]


def test_noise_is_that_of_a_batch(measured: Inspect) -> None:
    """Corruption and random code ask for noise of the batch's shape; others do not."""
    assert measured()[NOISE] == ["none"]
    assert measured("model=vae", "model.code=5")[NOISE] == ["normal 64x5"]
    asked = ["corruption=gaussian", "dataset.limit=40"]
    assert measured(*asked)[NOISE] == ["normal 40x1x8x8"]
    both = measured("model=vae", "corruption=gaussian", "trainer.batch_size=7")
    assert both[NOISE] == ["normal 7x1x8x8", "normal 7x16"]


def test_the_data_are_described(measured: Inspect) -> None:
    """Shape, sizes of the parts, scaling and labels."""
    assert measured("dataset.limit=50", "dataset.validation=20")["Data"] == [
        "one example: 1x8x8 (channels x height x width), 64 values",
        "50 training, 20 validation, 359 test",
        "Scaling: from [0, 16] to [0, 1]; undone in pictures.",
        "10 classes, for pictures only",
    ]


@pytest.mark.parametrize("asked", ["trainer.epochs=0", "trainer.epochs=3"])
def test_the_estimate_is_for_the_whole_training(measured: Inspect, asked: str) -> None:
    """Steps of an epoch and of all; nothing about time where nothing is trained."""
    sections = measured(asked, "dataset.limit=100")
    (memory,), lines = sections["Memory"], sections["Time"]
    assert memory == "weights 139 kB, their gradients as much, optimizer 279 kB"
    steps = [line for line in lines if "steps" in line]
    assert len(steps) == (asked != "trainer.epochs=0")
    assert all(re.search(r" of 2 steps, .* all 6 steps of 3 epochs", s) for s in steps)


def test_a_step_has_no_more_examples_than_there_are(measured: Inspect) -> None:
    """The number said is that of the batches that were measured."""
    lines = measured("dataset.limit=12")["Time"]
    assert " ms per step of 12 examples, measured on " in lines[0]


@pytest.mark.usefixtures("alone")
def test_a_huge_model_is_told_of_in_no_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Layers and memory are true, nothing is built, and that is said of the time."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wide = "model.hidden=[40000000]"  # twice 10 GB of weights
    assert main(["task=inspect", "model=vae", wide, "trainer.threads=1"]) == 0
    sections = by_title(capsys.readouterr().out)
    assert rows(sections[LAYERS])[1][-1] == "2,600,000,000"
    assert sections["Memory"][0].startswith("weights 28.5 GB, their gradients as much")
    assert sections["Time"][0].startswith("not measured: a step would hold 114 GB")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 1e9


def test_a_time_is_that_of_steps(
    measured: Inspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens between epochs of one step each is not counted."""
    monkeypatch.setattr(estimate, "_STEPS", 3)

    def slow(training: Training) -> Iterator[Event]:
        time.sleep(0.2)
        yield from end(training)

    end = Training._end_epoch
    monkeypatch.setattr(Training, "_end_epoch", slow)
    found = measured("dataset.limit=12", "trainer.preview_every=0")["Time"][0]
    assert float(found.partition(" ms")[0]) < 100


# -- around it -------------------------------------------------------------------------


def test_a_model_without_levels_is_inspected(inspected: Inspect, alone: Path) -> None:
    """Parameters beside any layer are counted too."""
    (alone / "mine.py").write_text(
        "import torch\nfrom torch import nn\nfrom aerun.models import Outputs\n"
        "class Bare(nn.Module):\n"
        "    def __init__(self, *, shape):\n"
        "        super().__init__()\n"
        "        self.scale = nn.Parameter(torch.ones(7, 1, 1, 1))\n"
        "        self.inner = nn.Linear(8, 8)\n"
        "    def forward(self, x, draws=None):\n"
        "        recon = self.inner(self.inner(x)) * self.scale.mean()\n"
        "        return Outputs(code=x.flatten(1), recon=recon)\n"
    )
    (alone / "own/model").mkdir(parents=True)
    (alone / "own/model/bare.yaml").write_text("_target_: mine.Bare\n")
    found = rows(inspected("--config-dir", "own", "model=bare")[LAYERS])
    assert found == [
        ["input", "2x1x8x8"],
        ["inner", "Linear", "2x1x8x8", "72"],
        ["inner", "Linear", "2x1x8x8", "0 + 72 shared"],
        ["used elsewhere", "7"],
        ["parameters of the model", "79"],
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model=vea"], "aerun: model=vea: there is no model 'vea'"),
        (["trainer.lr=-1"], "aerun: trainer.lr=-1: must be a number, above 0"),
        (
            ["run=last"],
            "aerun: run=last: only tasks on a run that exists",
        ),
        (["-m"], "aerun: -m: is not for task=inspect"),
        (["init_from=nowhere"], "aerun: init_from=nowhere: there is no folder"),
        (["dataset=array", "dataset.path=x.npy"], "x.npy does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_request_to_inspect_is_refused(
    alone: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """One message, exit code 2, nothing on standard output, nothing made."""
    assert main(["task=inspect", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert list(alone.iterdir()) == []


@pytest.mark.slow  # it measures, so it has the cores alone
def test_an_inspection_leaves_nothing_and_is_quick(tmp_path: Path) -> None:
    """In less than 10 s, on standard output also in quiet: print is what it is for."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("AERUN_")}
    command = [sys.executable, "-m", "aerun", "-q", "task=inspect", "model=vae"]
    took = []
    for _ in range(2):  # importing PyTorch alone takes longer on a busy machine
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command, cwd=tmp_path, env=mine, capture_output=True, text=True, check=False
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        user, system = (
            after.ru_utime - before.ru_utime,
            after.ru_stime - before.ru_stime,
        )
        took.append(user + system)
    assert min(took) < 10
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Choices\n")
    assert "parameters of the model" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("alone")
def test_an_inspection_from_python_is_refused() -> None:
    """There is no run that the function could return."""
    with pytest.raises(BadRequest, match="makes no run"):
        api.run(["task=inspect", "dataset.limit=20"])


@pytest.mark.parametrize("task", ["task='inspect'", "experiment=look"])
def test_the_task_may_be_composed(
    alone: Path, capsys: pytest.CaptureFixture[str], task: str
) -> None:
    """In quotes or by an experiment: nothing is trained or left."""
    (alone / "own/experiment").mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /task: inspect\n"
    (alone / "own/experiment/look.yaml").write_text(text)
    assert main(["--config-dir", "own", task, "trainer.epochs=0"]) == 0
    assert capsys.readouterr().out.startswith("Choices\n")
    assert [path.name for path in alone.iterdir()] == ["own"]


def test_a_model_that_needs_values_is_inspected(
    inspected: Inspect, alone: Path
) -> None:
    """A class that looks at its weights when built is built with them."""
    (alone / "mine.py").write_text(
        "import torch\nfrom aerun.models import DenseEncoder, Outputs\n"
        "class Picky(torch.nn.Module):\n"
        "    def __init__(self, *, shape):\n"
        "        super().__init__()\n"
        "        self.scale = torch.nn.Parameter(torch.ones(7))\n"
        "        assert self.scale.sum().item() == 7\n"
        "    def forward(self, x, draws=None):\n"
        "        return Outputs(code=x.flatten(1), recon=x * self.scale.mean())\n"
    )
    (alone / "own/model").mkdir(parents=True)
    (alone / "own/model/picky.yaml").write_text("_target_: mine.Picky\n")
    found = rows(inspected("--config-dir", "own", "model=picky")[LAYERS])
    assert found[-1] == ["parameters of the model", "7"]
