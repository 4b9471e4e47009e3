"""Fixtures and helpers: runs to export, and what the files answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aerun
from aerun.cli import main

Trainer = Callable[..., None]


@pytest.fixture
def trained(
    alone: Path, unpictured: None, capfd: pytest.CaptureFixture[str]
) -> Trainer:
    """Train one step of what is asked for, in the folder "run"."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs pip install 'aerun[onnx]'")

    def train(*overrides: str) -> None:
        few = ["trainer.max_steps=1", "trainer.threads=1", "dataset.limit=100"]
        assert main([*few, "hydra.run.dir=run", *overrides]) == 0
        capfd.readouterr()

    return train


def answer(path: Path, x: np.ndarray) -> np.ndarray:
    """What onnxruntime makes of a batch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = [each.name for each in session.get_inputs()]
    found: np.ndarray = session.run(None, {name: x.astype(np.float32)})[0]
    return found


def agree(made: Path, x: np.ndarray, scale: Callable[[Any], Any]) -> None:
    """Compare the files with the run's model on examples in the units of the data."""
    model = aerun.load("run")
    whole, codes = model.reconstruct(x), model.encode(x)
    decoded = model.decode(codes)
    for size in (1, 7, len(x)):
        some = scale(x[:size])
        off = answer(made / "encoder.onnx", some) - codes[:size]
        assert np.abs(off).max() <= 1e-5 * max(1, np.abs(codes).max())
        for found, wanted in (
            (answer(made / "autoencoder.onnx", some), whole),
            (answer(made / "decoder.onnx", codes[:size]), decoded),
        ):
            np.testing.assert_allclose(
                found, scale(wanted[:size]), rtol=1e-5, atol=1e-5
            )


def examples(number: int = 100) -> np.ndarray:
    """Examples within the range of the data, in their units."""
    spec = aerun.load("run").spec
    size = (number, *spec.shape)
    drawn = np.random.default_rng(1).uniform(spec.stored_low, spec.stored_high, size)
    return drawn.astype(np.float32)
