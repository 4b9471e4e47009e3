"""A classifier that judges samples: trained once per data set, then cached.

It sees examples as they are stored, whatever scaling a run has, so that runs on the
same data are judged alike. Figures that rest on it depend on it: state its accuracy,
its seed and ``RECIPE`` beside them.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aerun import seals
from aerun.data import Data, Split
from aerun.data.cache import cache_folder, locked, writing
from aerun.data.mapped import block_slices
from aerun.evaluation.classifier import RECIPE, Network, fit
from aerun.evaluation.labelled import places
from aerun.evaluation.splits import batches
from aerun.rundir import RunDirectory

log = logging.getLogger("aerun")

SURE = 0.8
"""Probability from which on the judge counts as sure."""

_SEED = 0  # of the judge that all runs share


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """A trained classifier of a data set."""

    network: Network
    labels: tuple[int, ...]
    """What its C classes are called in the data."""
    accuracy: float
    """Share of the test part that it labels rightly."""
    seed: int
    """Of its weights and of the order of its batches."""

    def probabilities(self, x: np.ndarray | Tensor) -> np.ndarray:
        """Of each class, [N, C], for examples [N, *shape] in the units of the data."""
        return self._of(x, lambda network, part: network(part).softmax(1))

    def features(self, x: np.ndarray | Tensor) -> np.ndarray:
        """Of the last hidden layer, [N, F], for examples [N, *shape] likewise."""
        return self._of(x, lambda network, part: network.features(part))

    @torch.no_grad()
    def _of(self, x: np.ndarray | Tensor, function: Any) -> np.ndarray:
        x, device = torch.as_tensor(x), self.network.shift.device
        parts = block_slices(len(x), tuple(x.shape[1:]), 4, most=1000)
        found = [function(self.network, x[part].to(device).float()) for part in parts]
        return torch.cat(found).double().cpu().numpy()


def judge(data: Data, *, seed: int = _SEED) -> Judge | None:
    """The judge of a data set: from the cache, else trained on its training part.

    Args:
        data: On the device on which the judge is to work; however scaled.
        seed: Of weights and batches; PyTorch's own generators are left alone.

    Returns:
        None where the data have no labels, or only one.

    Raises:
        DataError: The cache cannot be written.
    """
    if data.train.labels is None or data.test.labels is None:
        return None
    labels = data.train.labels.unique().tolist()
    if len(labels) < 2:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = Network(data.spec.shape, len(labels)).to(data.train.device)
    name = f"judge_{_key(data, seed)}.safetensors"
    folder = cache_folder()
    with locked(folder / f"{name}.lock", f"{name} in {folder}"):
        accuracy = _read(network, folder / name)
        if accuracy is None:
            train, test = _as_stored(data.train), _as_stored(data.test)
            fit(network, train, _places(train, labels), seed)
            accuracy = _accuracy(network, test, _places(test, labels))
            tensors, told = network.state_dict(), {"accuracy": json.dumps(accuracy)}
            with writing(folder):
                RunDirectory(folder).save_tensors(name, tensors, told)
    log.info(
        "Judge: a classifier, recipe %d, seed %d, right on %.2f %% of the test part.",
        RECIPE,
        seed,
        100 * accuracy,
    )
    return Judge(
        network=network.eval(), labels=tuple(labels), accuracy=accuracy, seed=seed
    )


def _key(data: Data, seed: int) -> str:
    """A hash of all that a judge is made from."""
    digest = hashlib.sha256(f"{data.spec.fingerprint} {RECIPE} {seed}".encode())
    for split in (data.train, data.test):
        assert split.labels is not None
        digest.update(split.labels.cpu().numpy().tobytes())
    return digest.hexdigest()[:24]


def _as_stored(split: Split) -> Split:
    """The same examples, not scaled, in single precision."""
    spec = replace(split.spec, shift=[0.0], scale=[1.0], whitening=None)
    return split.scaled_by(spec).to(split.device, torch.float32)


def _read(network: Network, path: Path) -> float | None:
    """Fill a network from the cache; its accuracy, or None where there is no such."""
    if not path.is_file():
        return None
    try:
        weights, told = seals.load(path)
        accuracy = float(json.loads(told["accuracy"]))
        network.load_state_dict(weights)
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        log.warning("%s is damaged and made again (%s).", path, error)
        return None
    return accuracy


def _places(split: Split, labels: list[int]) -> Tensor:
    """Each label's place among the judge's, [N]; -1 of those that it does not know."""
    assert split.labels is not None
    return places(split.labels, labels).to(split.device)


@torch.no_grad()
def _accuracy(network: Network, split: Split, targets: Tensor) -> float:
    found = torch.cat([network(x).argmax(1) for x in batches(split)])
    return float((found == targets).double().mean())


# -- figures ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFigures:
    """What a judge makes of N samples."""

    num_classes: int
    """Classes that at least one sample most resembles."""
    entropy: float
    """Of the histogram of these classes, nats; at most the log of their number."""
    share_sure: float
    """Of samples of which the judge is at least 80 % sure."""
    share_sure_error: float
    """Its standard error."""


def class_figures(probabilities: np.ndarray) -> ClassFigures:
    """Class coverage of samples.

    Args:
        probabilities: Of each class, [N, C], N >= 1.
    """
    number, classes = probabilities.shape
    counts = np.bincount(probabilities.argmax(1), minlength=classes)
    shares = counts[counts > 0] / number
    sure = float((probabilities.max(1) >= SURE).mean())
    return ClassFigures(
        num_classes=len(shares),
        entropy=float(-(shares * np.log(shares)).sum()) + 0.0,
        share_sure=sure,
        share_sure_error=float(np.sqrt(sure * (1 - sure) / number)),
    )
