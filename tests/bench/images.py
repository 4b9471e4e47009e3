"""The images that everyone trains on: MNIST where it is, enlarged digits elsewhere."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from aerun.data.mnist import FILES

ROOT = Path(__file__).parents[2]
_TRAIN, _TEST = 60_000, 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """Which images, and how to ask ``aerun`` for them."""

    name: str
    overrides: list[str]


def choose_images(folder: Path, limit: int | None) -> Images:
    """MNIST below $AERUN_DATA (or data/); without it, digits written to ``folder``.

    Args:
        folder: Where a file may be written.
        limit: At most so many training examples.
    """
    root = ROOT / os.environ.get("AERUN_DATA", "data")
    limits = [] if limit is None else [f"dataset.limit={limit}"]
    if all((root / FILES.folder / name).is_file() for name in FILES.digests):
        return Images(
            name="MNIST", overrides=["dataset=mnist", f"dataset.root='{root}'", *limits]
        )
    path = folder / "digits.npz"
    number = _TRAIN if limit is None else limit
    write_digits(path, number)
    overrides = ["dataset=array", f"dataset.path='{path}'", "dataset.validation=0.0833"]
    return Images(
        name="scikit-learn's digits, enlarged and repeated (no MNIST in $AERUN_DATA)",
        overrides=overrides,
    )


def write_digits(path: Path, number: int) -> None:
    """Write 8x8 digits as 28x28 bytes, repeated to as many as MNIST has."""
    small = torch.from_numpy(load_digits().images).float()[:, None] * (255 / 16)
    large = functional.interpolate(small, size=(28, 28), mode="bilinear")
    digits = large.round().byte()[:, 0].numpy()
    num_test = max(number * _TEST // _TRAIN, 1)
    np.savez(path, x=_repeat(digits, number), x_test=_repeat(digits, num_test))


def _repeat(images: np.ndarray, number: int) -> np.ndarray:
    return images[np.arange(number) % len(images)]


class Pictures(Dataset[tuple[Tensor, int]]):
    """What torchvision's data sets do: one PIL image per item, then a transform."""

    def __init__(
        self, images: np.ndarray, *, transform: Callable[[Image.Image], Tensor]
    ) -> None:
        """Serve uint8 images [N, H, W]; the labels are all 0, nobody looks at them."""
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), 0
