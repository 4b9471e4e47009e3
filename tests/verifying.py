"""Fixtures and helpers: a run to verify, and what is found of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from making import draw_nothing

from aerun.cli import main

REQUEST = ["model=vae", "model.hidden=[8]", "model.code=2", "dataset.limit=100",
           "trainer.epochs=3", "trainer.threads=1", "trainer.lr=0.01",
           "device=cpu"]  # fmt: skip


@pytest.fixture(scope="session")
def verifiable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run."""
    folder = Path(tmp_path_factory.mktemp("verified")) / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        assert main(["-q", *REQUEST, f"hydra.run.dir={folder}"]) == 0
    return folder


def verify(*words: str) -> int:
    """The exit code."""
    return main(["task=verify", "run=run", *words])


def said(folder: str = "verify") -> dict[str, Any]:
    """What it wrote."""
    found: dict[str, Any] = json.loads(
        (Path("run") / folder / "verification.json").read_text()
    )
    return found


def files(run: Path) -> dict[Path, bytes]:
    """All of a folder, with what is in them."""
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
