"""Sweeps that were never run: what their manifests would tell."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from aerun.sweeps.manifest import COMPLETED, FORMAT, MANIFEST, Job


def job(number: int, values: str, mse: float | None = None, **changes: Any) -> Job:
    """A completed job of what was typed, with its validation error."""
    made: dict[str, Any] = {
        "number": number,
        "overrides": tuple(values.split()),
        "hash": f"{number:x}",
        "directory": str(number),
        "state": COMPLETED,
        "figures": {"val/mse": mse},
        "seconds": 1.5,
    }
    return Job(**{**made, **changes})


def write_manifest(folder: Path, jobs: Sequence[Job]) -> Path:
    """Leave the manifest of a sweep in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "overrides": [], "jobs": [asdict(j) for j in jobs]}
    (folder / MANIFEST).write_text(json.dumps(content))
    return folder


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Every line that is told, above those for debugging."""
    lines: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("aerun")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)
