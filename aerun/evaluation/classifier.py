"""The network that judges samples, and how it is trained: the judge's recipe."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everywhere

from aerun.data import Split
from aerun.evaluation.moments import Moments
from aerun.evaluation.splits import batches
from aerun.progress import progress_bar

RECIPE = 1
"""Of network and training; what another number trained is not read from the cache."""

_FEATURES = 128
_SIDE = 32  # pixels to which larger images are shrunk
_BATCH = 128
_EPOCHS, _STEPS = 3, 600  # at least so much of both
_RATE = 2e-3  # of Adam, at its height


class Network(nn.Module):
    """A small convolutional network for images, a perceptron for vectors."""

    def __init__(self, shape: tuple[int, ...], num_classes: int) -> None:
        """Draw weights from PyTorch's generator.

        Args:
            shape: Of an example, [C, H, W] or [D].
            num_classes: How many outputs.
        """
        super().__init__()
        self.register_buffer("shift", torch.zeros(1 if len(shape) == 3 else shape[0]))
        self.register_buffer("scale", torch.ones_like(self.shift))
        self.shift: Tensor
        self.scale: Tensor
        below: list[nn.Module] = []
        if len(shape) == 3:
            height, width = (min(side, _SIDE) for side in shape[1:])
            below = [nn.AdaptiveAvgPool2d((height, width))]
            sizes = (shape[0], 16, 32)
            for before, after in itertools.pairwise(sizes):
                below += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
                below += [nn.MaxPool2d(2, ceil_mode=True)]
                height, width = -(-height // 2), -(-width // 2)
            size = sizes[-1] * height * width
        else:
            size = 256
            below = [nn.Linear(shape[0], size), nn.ReLU()]
        below += [nn.Flatten(), nn.Linear(size, _FEATURES), nn.ReLU()]
        self.below = nn.Sequential(*below)
        self.last = nn.Linear(_FEATURES, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """[B, F] of examples [B, *shape] in the units of the data."""
        features: Tensor = self.below((x - self.shift) / self.scale)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, C] of examples [B, *shape] in the units of the data."""
        logits: Tensor = self.last(self.features(x))
        return logits


def fit(network: Network, train: Split, targets: Tensor, seed: int) -> None:
    """Fit by Adam, its rate rising first and then falling to zero.

    Args:
        network: Its weights are changed.
        train: Examples as stored.
        targets: Their classes, [N], counted from 0, on the device of the examples.
        seed: Of the order of batches, from a generator of its own.
    """
    network.shift, network.scale = _moments(train)
    number = len(train)
    epochs = max(_EPOCHS, -(-_STEPS * _BATCH // number))
    steps = epochs * -(-number // _BATCH)
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=_RATE, total_steps=steps, cycle_momentum=False
    )
    generator = torch.Generator().manual_seed(seed)
    with progress_bar(steps, unit="step", description="Training the judge") as bar:
        for _ in range(epochs):
            for chosen in torch.randperm(number, generator=generator).split(_BATCH):
                loss = F.cross_entropy(network(train.gather(chosen)), targets[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                bar.update()


def _moments(train: Split) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation as stored: one of images, [D] of vectors."""
    moments = Moments()
    for x in batches(train):
        moments.see(x.reshape(-1, 1) if x.dim() == 4 else x)
    deviation = moments.variance.sqrt()
    scale = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
    device = train.device
    return moments.mean.float().to(device), scale.float().to(device)
