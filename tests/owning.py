"""Fixtures: a folder with parts of the user's own, of every kind."""

from pathlib import Path

import numpy as np
import pytest

SHORT = ["experiment=smoke", "trainer.threads=1", "hydra.run.dir=run"]

MINE = '''\
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from aerun.data import Source
from aerun.models import Outputs
from aerun.options import Count, Fraction, NonNegativeKnob, Positive, PositiveKnob
from aerun.training.phases import default


class Model(nn.Module):
    def __init__(self, *, shape, width: Count):
        super().__init__()
        self.shape, size = shape, int(np.prod(shape))
        self.down, self.up = nn.Linear(size, width), nn.Linear(width, size)

    def forward(self, x, draws=None):
        code = self.encode(x)
        return Outputs(code=code, recon=self.decode(code))

    def encode(self, x):
        return self.down(x.flatten(1))

    def decode(self, code):
        return self.up(code).unflatten(1, self.shape)


class Bottleneck(nn.Module):
    """A code with noise of its own."""

    def __init__(self, *, std: Positive):
        super().__init__()
        self.std = std

    def forward(self, features, code, draws):
        if draws is None:
            return code, None
        return code + self.std * draws.ask("normal", *code.shape), None


def loss(out, model, *, power: PositiveKnob):
    return out.error.abs() ** power


def regularizer(out, model, *, centre: NonNegativeKnob):
    return (out.code - centre).square().mean(1)


def corruption(x, draws, *, share: Fraction):
    return x * (draws.ask("uniform", *x.shape) > share)


def dataset(*, number: Count, path: str):
    x = np.random.default_rng(0).random((number, 1, 6, 4))
    return Source(train=(np.concatenate([x, np.load(path)]), None), bounds=(0, 1))


class Optimizer:
    def __init__(self, *, sign: bool):
        self.sign = sign

    def start(self, parameters):
        return {}

    def update(self, parameters, gradients, state, lr):
        for parameter, gradient in zip(parameters, gradients):
            parameter -= lr * (gradient.sign() if self.sign else gradient)


def trainer(objective, split, options):
    for phase in default(objective, split, options):
        yield replace(phase, name="warm")
    yield from default(objective, split, options)
'''

YAML = {
    "model/mine": "# One level each way.\n_target_: mine.Model\nwidth: 5\n",
    "model/bottleneck/mine": "# Noisy.\n_target_: mine.Bottleneck\nstd: 0.1\n",
    "loss/mine": "# Any power.\n_target_: mine.loss\npower: 1.5\n",
    "regularizer/mine": "# Codes at a place.\nmine: {_target_: mine.regularizer, "
    "weight: 0.1, centre: 0.5}\n",
    "corruption/mine": "# Missing pixels.\n_target_: mine.corruption\nshare: 0.2\n",
    "dataset/mine": "# Invented.\n_target_: mine.dataset\nnumber: 50\npath: more.npy\n",
    "trainer/optimizer/mine": "# Signs.\n_target_: mine.Optimizer\nsign: true\n",
    "trainer/mine": "# Twice.\ndefaults: [default, _self_]\n_target_: mine.trainer\n",
}
"""Options by their names: each with a sentence that help shows."""

PARTS = ["model.bottleneck=mine", "loss=mine", "regularizer=[mine]", "corruption=mine",
         "dataset=mine", "trainer=mine", "trainer.optimizer=mine"]  # fmt: skip


def options(folder: Path, texts: dict[str, str]) -> None:
    """Write options of the user's own."""
    for name, text in texts.items():
        file = folder / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def workplace(alone: Path) -> Path:
    """A folder with mine.py, a data file, and an option for each part in my_conf."""
    (alone / "mine.py").write_text(MINE)
    np.save(alone / "more.npy", np.zeros((5, 1, 6, 4)))
    options(alone / "my_conf", YAML)
    return alone
