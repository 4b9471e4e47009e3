"""Whether there is room for what is asked: a directory, and memory for the weights."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from aerun.config.mistakes import BadRequest, Mistake
from aerun.shapes import no_room


def check_output(directory: str, *, key: str) -> list[Mistake]:
    """Whether a run or sweep directory could be made at the path of a key."""
    if not directory.strip():
        problem = "names no folder; leave it out for a new one under outputs."
        return [Mistake(typed=f"{key}=", problem=problem)]
    path = Path(os.path.expanduser(directory)).absolute()
    if "${" in str(path):
        problem = "Hydra reads ${ in a path as a key; choose another folder."
        return [Mistake(typed=f"{key}={directory}", problem=problem)]
    parent = next(p for p in (path, *path.parents) if os.path.lexists(p))
    if not parent.is_dir():
        problem = f"{parent} is a file; choose a folder."
    elif not os.access(parent, os.W_OK | os.X_OK):
        problem = f"{parent} is not writable; choose another folder: {key}=DIR."
    else:
        return []
    return [Mistake(typed=f"{key}={directory}", problem=problem)]


@contextmanager
def room_for(typed: str, problem: str) -> Iterator[None]:
    """Within, what is too large to be made is a mistake.

    Args:
        typed: What of the request is made.
        problem: What to do about it.

    Raises:
        BadRequest: There is not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError, ValueError) as error:
        if not no_room(error):
            raise
        size = re.search(r"allocate ([\d.]+ \w+)", str(error))
        told = f" ({size[1]} at once)" if size else ""
        problem = f"does not fit into memory{told}; {problem}"
        raise BadRequest([Mistake(typed=typed, problem=problem)]) from None


def check_weights(objective: nn.Module, device: str) -> list[Mistake]:
    """Whether all weights could lie in memory at once.

    Args:
        objective: Whose weights may have shapes alone.
        device: Where they are to be.
    """
    held = sum(p.numel() * p.element_size() for p in objective.parameters())
    there = _memory(torch.device(device))
    if held <= there:
        return []
    number = sum(p.numel() for p in objective.parameters())
    problem = (
        f"{number:,} weights take {held / 1e9:,.1f} GB, and {device} has "
        f"{there / 1e9:,.1f} GB; make layers smaller, such as model.code and "
        "model.hidden."
    )
    return [Mistake(typed="model", problem=problem)]


def _memory(device: torch.device) -> float:
    """Bytes of memory of a device, used or not; infinity where nobody tells."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        return float("inf")
