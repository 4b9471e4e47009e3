"""What a summary says of where a run came from, and whether it can be repeated."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from aerun.ranks import current
from aerun.resolving import is_small
from aerun.training.step import taken_elsewhere


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a summary says of where a run came from."""
    return {
        "seed": config["seed"],
        "device": config["device"],
        "processor": processor(config["device"]),
        "versions": versions(),
        "git_commit": git_commit(),
        "config_hash": config_hash(config),
        "data_hash": config["data"]["fingerprint"],
    }


def config_hash(config: Mapping[str, Any]) -> str:
    """Of a resolved config, as ``config.yaml`` holds it."""
    text = json.dumps(config, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Of everything that can change a number."""
    names = ("aerun", "torch", "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {n: version(n) for n in names}


def circumstances(config: Mapping[str, Any]) -> dict[str, Any]:
    """All that can move the last bits of a run, beside its config and its data."""
    ranks = current()
    return {
        "device": config["device"],
        "processor": processor(config["device"]),
        "threads": config["trainer"]["threads"],
        "compile": config["trainer"]["compile"],
        "processes": 1 if ranks is None else ranks.number,
        "in_a_group": taken_elsewhere.get() is not None,
        **versions(),
    }


def not_deterministic(config: Mapping[str, Any], composed: Any) -> Iterator[str]:
    """Why the same command may give other last bits, in sentences; none: it does not.

    On the same processor, with the same versions.

    Args:
        config: The run's, resolved.
        composed: The same before automatic choices were made, as Hydra recorded it;
            None: not known.
    """
    trainer, made = config["trainer"], circumstances(config)
    if made["device"] != "cpu":
        yield (
            f"device={made['device']}: some sums on a GPU are added in an order that "
            "varies."
        )
    if made["compile"]:
        yield (
            "trainer.compile=true: the kernels are those that this compiler makes for "
            "this processor."
        )
    number, shape = trainer["threads"], tuple(config["data"]["shape"])
    if _asked_threads(composed) == "auto" and not is_small(config, shape):
        yield (
            f"trainer.threads=auto: another measurement may not choose {number} again; "
            f"trainer.threads={number} repeats it."
        )
    if made["processes"] > 1:
        yield (
            f"{made['processes']} processes shared each batch: others, or one alone, "
            "add up its sums in another order."
        )
    if made["in_a_group"]:
        yield (
            "It was trained in a group (hydra/launcher=fused): alone, sums are added "
            "in another order."
        )


def _asked_threads(composed: Any) -> Any:
    """What was asked for, where it is known."""
    trainer = composed.get("trainer") if isinstance(composed, Mapping) else None
    return trainer.get("threads") if isinstance(trainer, Mapping) else None


@lru_cache
def processor(device: str) -> str:
    """What computed: the name of a GPU, or of a CPU and the vector unit that is used.

    Args:
        device: As in a resolved config.
    """
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.is_file() else []
    named = [line for line in lines if line.startswith("model name")]
    if named:
        name = named[0].partition(":")[2].strip()
    if device != "cpu":
        return name
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


@lru_cache
def git_commit() -> str | None:
    """The commit of the working directory, where there is one."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            cwd=Path.cwd(),
            check=False,
        )
    except OSError:  # git is not installed
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None
