"""task=export: ONNX files that answer as the model does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exporting import Trainer

from aerun import extras, graphs
from aerun.cli import main
from aerun.tasks import export as module

pytest_plugins = ["exporting"]


def test_without_the_extra_a_message_says_how_to_get_it(
    trained: Trainer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, and nothing is written."""
    trained("model=linear")
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert main(["task=export", "run=run"]) == 2
    said = capfd.readouterr().err
    assert said == (
        "aerun: task=export: onnx, onnxscript, onnxruntime are not installed; "
        "type: pip install 'aerun[onnx]'\n"
    )
    assert not Path("run/export").exists()


@pytest.mark.parametrize("off", [1.1e-5, float("nan"), float("inf")])
def test_files_that_differ_are_not_kept(
    trained: Trainer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    off: float,
) -> None:
    """The task fails with the difference, and leaves no folder."""
    trained("model=linear")
    monkeypatch.setattr(module, "to_onnx", lambda *given, **named: b"a file")
    monkeypatch.setattr(module, "largest_difference", lambda *given: off)
    assert main(["task=export", "run=run"]) == 1
    assert f"encoder.onnx differs from the model by {off:.2g}" in capfd.readouterr().err
    assert not Path("run/export").exists()


def test_what_cannot_be_written_is_said(
    trained: Trainer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The other parts are written; if there is none the task fails."""
    trained("model=linear")

    def write(*given: Any, takes: str, **named: Any) -> bytes:
        if takes == "code" or nothing:
            raise graphs.CannotExport("of a reason")
        return b"a file"

    nothing = False
    monkeypatch.setattr(module, "to_onnx", write)
    monkeypatch.setattr(module, "largest_difference", lambda *given: 0.0)
    assert main(["task=export", "run=run"]) == 0
    assert "There is no decoder.onnx: of a reason." in capfd.readouterr().out
    assert sorted(json.loads(Path("run/export/export.json").read_text())["files"]) == [
        "autoencoder.onnx", "encoder.onnx"]  # fmt: skip
    nothing = True
    assert main(["task=export", "run=run"]) == 1
    assert "There is no autoencoder.onnx: of a reason." in capfd.readouterr().err
    assert not Path("run/export_2").exists()


def test_a_difference_is_measured_in_every_batch() -> None:
    """Relative to the largest value above 1; another shape is infinitely far."""
    onnx = pytest.importorskip("onnx", reason="needs pip install 'aerun[onnx]'")
    pytest.importorskip("onnxruntime", reason="needs pip install 'aerun[onnx]'")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [helper.make_tensor_value_info("x", kind, ["batch", 2])],
        [helper.make_tensor_value_info("y", kind, ["batch", 2])],
    )
    content = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    x = np.zeros((4, 2), np.float32)

    def off(wanted: np.ndarray, *sizes: int) -> float:
        return graphs.largest_difference(content, x, wanted, np.asarray, sizes)

    assert off(x, 1, 3) == 0
    wanted = x + np.array([[0], [0], [0.5], [0]])
    assert off(wanted, 1, 2) == 0
    assert off(wanted, 1, 3) == 0.5
    assert off(wanted * 8, 3) == 1
    assert np.isnan(off(x * np.nan, 1))
    assert off(np.zeros((4, 2, 1)), 1) == float("inf")
