"""What is compared: four ways to train the same net on the same images."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from images import Pictures
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

from aerun.build import Built, build, load_data
from aerun.config.check import check
from aerun.config.compose import Composer, plain
from aerun.data import Data
from aerun.resolving import resolve
from aerun.rundir import RunDirectory
from aerun.tasks.interruption import Wish
from aerun.tasks.recorder import Recorder
from aerun.tasks.train import finish
from aerun.training.events import StepEnded

BATCH_SIZE, LR = 64, 0.005
WIDTHS = (784, 128, 64, 12, 3)
LOOP, WHOLE = "aerun, training loop", "aerun, everything included"
BARE, SCRIPT = "bare PyTorch loop", "lecture's script"
REQUEST = (
    "model=simple",
    "model.initialization=default",
    "loss.reduction=mean",
    f"trainer.lr={LR}",
    f"trainer.batch_size={BATCH_SIZE}",
    "device=cpu",
)
"""The lecture's net and numbers as a request to ``aerun``, without the data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One way to train."""

    name: str
    run: Callable[[int], None]
    """Makes so many optimizer steps."""
    model: nn.Module | None = None
    """What it trains, where that goes on from one call to the next."""
    reconstruct: Callable[[Tensor], Tensor] | None = None
    """By that model: from inputs [B, 784] in [0, 1] to reconstructions [B, 784]."""


def prepare(overrides: Sequence[str]) -> tuple[dict[str, Any], Data]:
    """A request as a resolved config, and its data."""
    config = plain(Composer().compose([*REQUEST, *overrides]))
    assert check(config) == []
    data = load_data(config)
    return resolve(config, data.spec), data


def contenders(
    config: Mapping[str, Any], data: Data, folder: Path
) -> tuple[list[Contender], "WholeRuns"]:
    """All of them, from the same first weights; and the one with more to tell."""
    loop = aerun_loop(build(config, data))
    whole = WholeRuns(config, data, folder)
    images = data.train.stored
    assert isinstance(images, Tensor), "MNIST is small enough to be in memory"
    bare, script = lecture_net(), lecture_net()
    for net in (bare, script):
        copy_weights(loop.model, net)
    return [
        loop,
        Contender(name=WHOLE, run=whole.run),
        contender(BARE, bare, bare_steps(bare, images.flatten(1))),
        contender(SCRIPT, script, script_steps(script, images[:, 0].numpy())),
    ], whole


def contender(name: str, net: nn.Module, steps: Iterator[None]) -> Contender:
    """A net of our own and the steps that train it."""
    return Contender(
        name=name, run=lambda n: take(steps, n), model=net, reconstruct=net
    )


def take(steps: Iterator[Any], number: int) -> None:
    """Consume so many items."""
    deque(islice(steps, number), maxlen=0)


# -- aerun -----------------------------------------------------------------------------


def aerun_loop(built: Built) -> Contender:
    """The loop with its events, but nobody who writes or draws anything."""
    steps = (event for event in built.training if isinstance(event, StepEnded))
    model = built.objective.model
    return Contender(
        name=LOOP,
        run=lambda number: take(steps, number),
        model=model,
        reconstruct=lambda x: model(x.view(-1, 1, 28, 28)).recon.flatten(1),
    )


class WholeRuns:
    """Training as the command does it: validated, recorded, saved and drawn.

    A call is an epoch with its metrics, both checkpoints and its picture; ``finish`` is
    what follows once per run.
    """

    def __init__(self, config: Mapping[str, Any], data: Data, folder: Path) -> None:
        """Make runs in ``folder``."""
        self.config, self.data, self.folder = config, data, folder
        self._number = 0
        self._last: Recorder | None = None

    def run(self, steps: int) -> None:
        """Train one epoch of at most so many steps in a new run directory."""
        self._number += 1
        directory = self.folder / f"run_{self._number}"
        directory.mkdir()
        trainer = {**self.config["trainer"], "epochs": 1, "max_steps": steps}
        config = {**self.config, "trainer": trainer}
        built = build(config, self.data)
        self._last = Recorder(config, built, RunDirectory(directory))
        self._last.run(lambda: False)

    def finish(self) -> None:
        """Final figures, pictures and summary of the last run."""
        assert self._last is not None, "nothing was run"
        finish(self._last.config, self._last, Wish())


# -- the others ------------------------------------------------------------------------


def lecture_net() -> nn.Sequential:
    """784-128-64-12-3 and back; tanh between, none on the code, sigmoid at the end."""
    layers: list[nn.Module] = []
    sizes = [*WIDTHS, *reversed(WIDTHS[:-1])]
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        if i == len(WIDTHS) - 2:  # the code
            layers.pop()
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


@torch.no_grad()
def copy_weights(model: Any, net: nn.Sequential) -> None:
    """Give our net the weights of aerun's model, level by level."""
    levels = [*model.encoder.levels, *reversed(model.decoder.levels)]
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    for layer, level in zip(layers, levels, strict=True):
        layer.weight.copy_(level.weight)
        layer.bias.copy_(level.bias)


def bare_steps(net: nn.Module, images: Tensor) -> Iterator[None]:
    """As little as PyTorch allows: bytes in memory, fused Adam, no record at all.

    Args:
        net: To train.
        images: uint8, [N, 784].
    """
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    while True:
        for indices in torch.randperm(len(images)).split(BATCH_SIZE):
            x = images[indices].float() / 255
            loss = functional.mse_loss(net(x), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield


def script_steps(net: nn.Module, images: np.ndarray) -> Iterator[None]:
    """As it is taught: torchvision's way to the images, a DataLoader, default Adam.

    Args:
        net: To train.
        images: uint8, [N, 28, 28].
    """
    pictures = Pictures(images, transform=ToTensor())
    loader = DataLoader(pictures, batch_size=BATCH_SIZE, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    loss_function = nn.MSELoss()
    while True:
        for x, _ in loader:
            inputs, targets = x.view(-1, 28 * 28), x.view(-1, 28 * 28)
            loss = loss_function(net(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield
