"""What is compared: ways to train the same net on the same images."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from images import Pictures
from nets import LR, Net, copy_weights
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor
from tqdm import tqdm

from aerun.build import Built, build, load_data
from aerun.config.check import check
from aerun.config.compose import Composer, plain
from aerun.data import Data
from aerun.resolving import resolve
from aerun.training.events import StepEnded

OURS, BARE, SCRIPT, PYTHAE = "aerun", "bare loop", "lecture's script", "pythae"
FASTEST = "aerun, bfloat16, compiled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One way to train."""

    name: str
    run: Callable[[int], Any]
    """Makes so many optimizer steps."""
    model: nn.Module | None = None
    """What it trains, where that is at hand."""


def prepare(overrides: Sequence[str]) -> tuple[dict[str, Any], Data]:
    """A request as a resolved config, and its data."""
    config = plain(Composer().compose(list(overrides)))
    assert check(config) == []
    data = load_data(config)
    return resolve(config, data.spec), data


def contenders(net: Net, data: Data, ours: dict[str, Built]) -> list[Contender]:
    """All that train this net in this process, from the same first weights.

    Args:
        net: What is trained.
        data: What it is trained on.
        ours: What ``aerun`` builds, by the contender's name.
    """
    everyone = [
        Contender(
            name=name, run=_taking(_our_steps(built)), model=built.objective.model
        )
        for name, built in ours.items()
    ]
    images = data.train.stored
    assert isinstance(images, Tensor), "MNIST is small enough to be in memory"
    flat = images.flatten(1)
    everyone.append(_other(BARE, net, ours[OURS], lambda n: bare_steps(n, net, flat)))
    if net.name == "simple":
        pictures = images[:, 0].numpy()
        scripted = _other(SCRIPT, net, ours[OURS], lambda n: _script(n, net, pictures))
        everyone.append(scripted)
    return everyone


def build_ours(
    net: Net, request: Sequence[str], *, compiled: bool = False
) -> tuple[dict[str, Any], Data, dict[str, Built]]:
    """What ``aerun`` makes of a request, to be trained without end.

    Args:
        net: What is asked for.
        request: The data, and more.
        compiled: Whether the vae is also trained as fast as can be asked for.
    """
    endless = [*net.request, *request, "trainer.epochs=1000000"]
    config, data = prepare(endless)
    built = {OURS: build(config, data)}
    if compiled and net.name == "vae":
        fast = ["trainer.precision=bfloat16", "trainer.compile=true"]
        built[FASTEST] = build(*prepare([*endless, *fast]))
    return config, data, built


def _our_steps(built: Built) -> Iterator[None]:
    """The loop with its figures and a progress bar, as the command shows one."""
    with open(os.devnull, "w") as nobody:
        total = built.training.total_steps
        bar = tqdm(total=total, unit="step", file=nobody, dynamic_ncols=True)
        for event in built.training:
            if isinstance(event, StepEnded):
                bar.total = built.training.total_steps
                bar.update()
                yield


def _other(
    name: str, net: Net, ours: Built, steps: Callable[[nn.Module], Iterator[None]]
) -> Contender:
    """Somebody else, who starts from the weights that ours starts from."""
    own = net.bare()
    copy_weights(ours.objective.model, own)
    return Contender(name=name, run=_taking(steps(own)), model=own)


def _taking(steps: Iterator[Any]) -> Callable[[int], None]:
    return lambda number: deque(islice(steps, number), maxlen=0)  # type: ignore


def bare_steps(module: nn.Module, net: Net, images: Tensor) -> Iterator[None]:
    """As little as PyTorch allows: bytes in memory, fused Adam, no record at all.

    Args:
        module: To train.
        net: Its loss and batches.
        images: uint8, [N, 784].
    """
    optimizer = torch.optim.Adam(module.parameters(), lr=LR, fused=True)
    while True:
        for indices in torch.randperm(len(images)).split(net.batch_size):
            loss = net.loss(module, images[indices].float() / 255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield


def _script(module: nn.Module, net: Net, images: np.ndarray) -> Iterator[None]:
    """As it is taught: torchvision's way to the images, a DataLoader, default Adam.

    Args:
        module: To train.
        net: Its loss and batches.
        images: uint8, [N, 28, 28].
    """
    pictures = Pictures(images, transform=ToTensor())
    loader = DataLoader(pictures, batch_size=net.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(module.parameters(), lr=LR)
    while True:
        for x, _ in loader:
            loss = net.loss(module, x.view(-1, 28 * 28))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield
