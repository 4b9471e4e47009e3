"""Commands that are given numbers at their limits, and what may become of them."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aerun.cli import main

SHORT = ("trainer.epochs=2", "trainer.threads=1", "trainer.preview_every=0")
UNMEASURED = {"pca/mse", "chain/within"}
"""Figures that may be null: there is no such PCA, or no chain that could mix."""


def images(kind: str) -> np.ndarray:
    """Forty images of 8 by 8, or fewer, that nobody wishes to learn from."""
    generator = np.random.default_rng(0)
    noise = generator.random((40, 8, 8))
    lonely = np.zeros((40, 8, 8))
    lonely[:, 3, 3] = noise[:, 3, 3]
    outlier = noise.copy()
    outlier[0, 0, 0] = 1e30
    made: dict[str, np.ndarray] = {
        "zeros": np.zeros((40, 8, 8)),
        "sevens": np.full((40, 8, 8), 7.0),
        "tenths": np.full((40, 8, 8), 0.1),
        "bytes": np.full((40, 8, 8), 255, dtype=np.uint8),
        "few": noise[:3],
        "lonely": lonely,
        "tiny": noise * 1e-30,
        "denormal": noise * 1e-310,
        "huge": noise * 1e30,
        "largest": ((noise * 2 - 1) * 3.4e38).astype(np.float32),
        "outlier": outlier,
    }
    return made[kind]


KINDS = ("zeros", "sevens", "tenths", "bytes", "few", "lonely", "tiny", "denormal",
         "huge", "largest", "outlier")  # fmt: skip


def on(kind: str, folder: Path) -> list[str]:
    """The words that choose such images."""
    path = folder / f"{kind}.npy"
    np.save(path, images(kind))
    return ["dataset=array", f"dataset.path={path}"]


def outcome(request: Sequence[str], folder: Path, capsys: Any) -> str:
    """Carry out a command: "right", "stopped" or "refused", and nothing else.

    Right is a run without any number that is none, or one that says which. A run that
    stopped names what became of what, and keeps that in its summary; one that was
    refused left nothing.
    """
    run = folder / "run"
    capsys.readouterr()
    code = main([*SHORT, *request, f"hydra.run.dir={run}"])
    said = capsys.readouterr().err
    assert "Traceback" not in said, said
    assert "Warning" not in said, said
    if code == 2:
        assert not run.exists()
        assert said.startswith("aerun: "), said
        return "refused"
    _check_table(run / "metrics.csv")
    summary = json.loads((run / "summary.json").read_text())
    if code == 1:
        assert summary["status"] == "failed"
        assert " became " in summary["reason"], summary["reason"]
        assert summary["reason"] in said
        return "stopped"
    assert code == 0, said
    assert summary["status"] == "completed"
    for name, value in summary["metrics"].items():
        if value is None and name not in UNMEASURED:
            assert any(name in each for each in summary["health"]), name
    return "right"


def _check_table(path: Path) -> None:
    """No row has a number that is none."""
    if not path.is_file():
        return
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            for name, cell in row.items():
                if name != "phase" and cell != "":
                    assert math.isfinite(float(cell)), (name, cell)
