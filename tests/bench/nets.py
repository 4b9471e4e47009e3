"""The three nets: how to ask ``aerun`` for them, and the same written by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

LR = 0.005
WIDTHS = (784, 128, 64, 12, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Net:
    """A net and its loss."""

    name: str
    batch_size: int
    overrides: tuple[str, ...]
    """How it is asked for."""
    bare: Callable[[], nn.Module]
    """The same net in plain PyTorch."""
    loss: Callable[[nn.Module, Tensor], Tensor]
    """Of that net on a batch [B, 784] in [0, 1]."""

    @property
    def request(self) -> list[str]:
        """All that ``aerun`` is asked for, without the data."""
        return [
            *self.overrides,
            "model.initialization=default",
            f"trainer.lr={LR}",
            f"trainer.batch_size={self.batch_size}",
            "device=cpu",
        ]


class BareVae(nn.Module):
    """784-512-16 and back, as pythae has it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 512)
        self.mean = nn.Linear(512, 16)
        self.log_variance = nn.Linear(512, 16)
        self.back = nn.Sequential(nn.Linear(16, 512), nn.ReLU(), nn.Linear(512, 784))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B, 784], mean and log variance [B, 16]."""
        hidden = self.hidden(x).relu()
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.back(code), mean, log_variance


def lecture_net() -> nn.Sequential:
    """784-128-64-12-3 and back; tanh between, none on the code, sigmoid at the end."""
    layers: list[nn.Module] = []
    sizes = [*WIDTHS, *reversed(WIDTHS[:-1])]
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        if i == len(WIDTHS) - 2:  # the code
            layers.pop()
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


def conv_net() -> nn.Sequential:
    """Two convolutions that halve the image, a dense code, and back."""
    halves: dict[str, int] = {"stride": 2, "padding": 1}
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 16, 3, **halves),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, **halves),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1568, 32),
        nn.Linear(32, 1568),
        nn.ReLU(),
        nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 3, output_padding=1, **halves),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 3, output_padding=1, **halves),
        nn.Flatten(),
    )


def _mean_error(net: nn.Module, x: Tensor) -> Tensor:
    return functional.mse_loss(net(x), x)


def _summed_error(net: nn.Module, x: Tensor) -> Tensor:
    return functional.mse_loss(net(x), x, reduction="sum") / len(x)


def _evidence_bound(net: nn.Module, x: Tensor) -> Tensor:
    logits, mean, log_variance = net(x)
    errors = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return (errors + kl) / len(x)


NETS = (
    Net(
        name="simple",
        batch_size=64,
        overrides=("model=simple", "loss.reduction=mean"),
        bare=lecture_net,
        loss=_mean_error,
    ),
    Net(
        name="vae",
        batch_size=128,
        overrides=("model=vae", "model.hidden=[512]", "model.code=16"),
        bare=BareVae,
        loss=_evidence_bound,
    ),
    Net(
        name="conv",
        batch_size=128,
        overrides=("model=conv",),
        bare=conv_net,
        loss=_summed_error,
    ),
)


@torch.no_grad()
def copy_weights(model: Any, net: nn.Module) -> None:
    """Give a net written by hand the weights of aerun's model.

    Both have the same layers, but not in the same order: the decoder's levels are those
    of the encoder mirrored, and a posterior's variance comes after its mean.
    """
    given = {n: p for n, p in model.named_parameters() if "decoder" not in n}
    mirrored = reversed(model.decoder.levels)
    ours = [*given.values(), *(p for level in mirrored for p in level.parameters())]
    for own, weight in zip(net.parameters(), ours, strict=True):
        own.copy_(weight)
