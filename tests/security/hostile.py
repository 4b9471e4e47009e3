"""Runs of somebody who wants their code run here, and how to see that it was not."""

import json
import shutil
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml

RELEASED = Path(__file__).parents[1] / "released" / "0.1.0"

CANARY = """\
from pathlib import Path

Path("sung").touch()

def bernoulli(*arguments, **options):
    return sing()

def sing(*arguments, **options):
    Path("sung").touch()
"""

OWN = "from aerun.losses import bernoulli as loss\n"
"""A module with a part that a user trusts."""


@pytest.fixture
def place(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a trained run, a module that tells of its import, and one's own."""
    shutil.copytree(RELEASED, alone / "run")
    (alone / "canary.py").write_text(CANARY)
    (alone / "mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(alone))
    return alone


def was_run(place: Path) -> bool:
    """Whether anything of theirs was imported or called."""
    return (place / "sung").exists() or "canary" in sys.modules


def change(run: Path, *path: Any, to: Any) -> None:
    """Put something at a place of a run's config."""
    file = run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    node = config
    for key in path[:-1]:
        node = node.setdefault(key, {})
    node[path[-1]] = to
    file.write_text(yaml.safe_dump(config, sort_keys=False))


def write_manifest(folder: Path, **content: Any) -> Path:
    """A sweep of one job that is still to be run, and what is changed in that."""
    job = {
        "number": 0,
        "overrides": ["model=linear"],
        "hash": "0",
        "directory": "0",
        "state": "pending",
        "reason": None,
        "figures": {},
        "seconds": None,
        **content.pop("job", {}),
    }
    whole = {"overrides": ["model=linear"], "config_dir": None, "format": 1}
    folder.mkdir(exist_ok=True)
    text = json.dumps({**whole, "jobs": [job], **content})
    (folder / "manifest.json").write_text(text)
    return folder


def png(width: int, height: int) -> bytes:
    """A picture of so many pixels, by its header, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
