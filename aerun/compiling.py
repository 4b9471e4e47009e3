"""What ``trainer.compile`` needs of the machine."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path


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
