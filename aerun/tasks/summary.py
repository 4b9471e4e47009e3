"""What a summary says of where a run came from."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a summary says of where a run came from."""
    text = json.dumps(config, sort_keys=True)
    return {
        "seed": config["seed"],
        "device": config["device"],
        "versions": versions(),
        "git_commit": git_commit(),
        "config_hash": hashlib.sha256(text.encode()).hexdigest()[:16],
        "data_hash": config["data"]["fingerprint"],
    }


def versions() -> dict[str, str]:
    """Of everything that can change a number."""
    names = ("aerun", "torch", "numpy", "scikit-learn")
    return {"python": platform.python_version()} | {n: version(n) for n in names}


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
