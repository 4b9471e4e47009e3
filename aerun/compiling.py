"""What ``trainer.compile`` needs of the machine, and how it compiles."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any


def missing(device: str) -> str:
    """What PyTorch misses for compiling on a device, and how to get it; "" if nothing.

    On a CPU it writes C++ and has it built against Python's headers.
    """
    if device != "cpu":
        return ""
    compiler = os.environ.get("CXX") or (
        "clang++" if sys.platform == "darwin" else "g++"
    )
    if shutil.which(compiler) is None:
        return f"there is no C++ compiler {compiler} (Debian: apt-get install g++)"
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    if not header.is_file():
        return f"there is no {header} (Debian: apt-get install python3-dev)"
    return ""


def compiled(call: Callable[..., Any], device: str) -> Callable[..., Any]:
    """What computes the same, compiled at its first call for inputs of one shape.

    On a GPU its kernels, and those of its gradient, are also captured as CUDA graphs: a
    step is then launched as a whole, not kernel by kernel. Where PyTorch finds that a
    part cannot be captured, it launches that as usual. What a call gives is overwritten
    by the next one.

    Args:
        call: Pure but for buffers of its own.
        device: Type of the device that it computes on.
    """
    import torch

    if device != "cuda":
        return torch.compile(call, dynamic=False)
    captured = torch.compile(call, dynamic=False, mode="reduce-overhead")

    def replayed(*inputs: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        return captured(*inputs)

    return replayed
