"""Automatic choices, filled in so that a run can be repeated."""

import contextlib
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from aerun.compiling import missing
from aerun.data import Spec
from aerun.data.sources import PLACES
from aerun.shapes import shapes_only
from aerun.wiring import locate, make

Config = Mapping[str, Any]

FORMAT = 1
"""Of a resolved config; a stored one of another format is refused."""

CONTINUABLE = (
    "trainer.epochs",
    "trainer.max_steps",
    "trainer.patience",
    "trainer.checkpoint_every",
    "trainer.preview_every",
)
"""Keys that may change when a run is continued: they move its end, not its path."""


def resolve(config: Config, spec: Spec) -> dict[str, Any]:
    """Fill in the automatic choices, so that the run can be repeated.

    Args:
        config: A checked config.
        spec: What the data know.

    Returns:
        A new config with ``format`` and ``data``. No "auto" is left but of what has to
        be measured (see ``aerun.settling``).
    """
    made = placed(config)
    if made["device"] == "auto":
        made["device"] = best_device()
    trainer = made["trainer"]
    if trainer["precision"] == "auto":
        trainer["precision"] = "float32"
    link = getattr(locate(made["loss"]["_target_"]), "link", None)
    if link is not None and made["model"].get("output_activation") == "none":
        made["model"]["output_activation"] = link
    small = is_small(made, spec.shape)
    if trainer["threads"] == "auto" and small:
        trainer["threads"] = 1
    if trainer["compile"] == "auto" and not _may_compile(made["device"], small):
        trainer["compile"] = False
    made["format"] = FORMAT
    made["data"] = spec.record()
    plain: dict[str, Any] = _plain(made)
    return plain


def one_of_many(config: Config) -> dict[str, Any]:
    """A copy for a job of a sweep: one thread, not compiled, unless that was chosen.

    Jobs side by side then do not fight for cores; and how many threads add up a sum
    moves its last bits, so the number may depend on no launcher and no machine.
    """
    made: dict[str, Any] = deepcopy(dict(config))
    if made["trainer"]["threads"] == "auto":
        made["trainer"]["threads"] = 1
    if made["trainer"]["compile"] == "auto":
        made["trainer"]["compile"] = False  # it is measured, and changes last bits
    return made


def placed(config: Config) -> dict[str, Any]:
    """A copy whose files and folders are absolute: a run goes on from anywhere."""
    made: dict[str, Any] = deepcopy(dict(config))
    for node, key in (
        *((made["dataset"], key) for key in PLACES),
        (made, "init_from"),
    ):
        path = node.get(key)
        if (
            isinstance(path, str)
            and path != "last"
            and os.path.exists(os.path.expanduser(path))
        ):
            node[key] = os.path.abspath(os.path.expanduser(path))
    return made


def best_device() -> str:
    """A GPU where there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def why_absent(device: str) -> str | None:
    """Why there is no such device here, and what to do; None where there is."""
    match = re.fullmatch(r"(auto|cpu|mps|cuda(?::(\d+))?)", device)
    if match is None:
        return "must be auto, cpu, cuda, cuda:N or mps."
    if device == "mps" and not torch.backends.mps.is_available():
        return "there is no Apple GPU here; use device=cpu or device=auto."
    if device.startswith("cuda") and not torch.cuda.is_available():
        return "there is no CUDA GPU here; use device=cpu or device=auto."
    if match[2] is not None and int(match[2]) >= (n := torch.cuda.device_count()):
        return f"there are {n} GPUs here, counted from 0."
    return None


def num_weights(config: Config, shape: tuple[int, ...]) -> int:
    """How many weights the model has; it is built once per process to find out.

    Only its shapes are built, where the model allows that.
    """
    return _num_weights(json.dumps(config["model"]), shape)


@functools.lru_cache(maxsize=64)
def _num_weights(model: str, shape: tuple[int, ...]) -> int:
    node, some = json.loads(model), {"seed": 0}
    # A class of the user's own may need values; a bug of theirs shows below.
    with contextlib.suppress(Exception), seeded(some), shapes_only():
        return _size(make(node, {"shape": shape}))
    with seeded(some):
        return _size(make(node, {"shape": shape}))


def _size(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def is_small(config: Config, shape: tuple[int, ...]) -> bool:
    """Whether handing work of a step over to a thread costs more than it saves."""
    work: int = num_weights(config, shape) * config["trainer"]["batch_size"]
    return work < _SMALL_STEP


def _may_compile(device: str, small: bool) -> bool:
    """Whether compiling is there, and may earn the many seconds that it takes."""
    kind = device.partition(":")[0]
    return kind == "cuda" or (kind == "cpu" and not small and not missing(device))


_SMALL_STEP = 5_000_000
"""Weights times batch size below which a second thread measured slower."""


def _plain(value: Any) -> Any:
    """Tuples as lists, so that YAML gives back what it was given."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@contextlib.contextmanager
def seeded(config: Config) -> Iterator[None]:
    """Within, PyTorch draws weights from the run's seed; outside nothing changes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config["seed"])
        yield
