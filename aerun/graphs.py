"""Functions of one tensor as ONNX graphs, and how far these are from the originals."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aerun import __version__
from aerun.data import Spec
from aerun.data.scaling import per_column

OPSET = 18
"""Of the operators; runtimes from 2023 on know it."""

BATCH_SIZES = (1, 7, 100)
"""With which a graph is compared with its original."""

Call = Callable[[Any, Tensor], Tensor]


class CannotExport(Exception):
    """A function that PyTorch cannot write as a graph; says why."""


class Graph(nn.Module):
    """What a model makes of one tensor."""

    def __init__(self, model: nn.Module, call: Call) -> None:
        """Hold the model, and what is asked of it."""
        super().__init__()
        self.model, self.call = model, call

    def forward(self, x: Tensor) -> Tensor:
        """Whatever is asked for, [B, ...] of [B, ...]."""
        return self.call(self.model, x)


class Scaling(nn.Module):
    """The scaling of a data set as a part of graphs, in single precision."""

    shift: Tensor
    scale: Tensor
    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def __init__(self, spec: Spec) -> None:
        """Take over shift, scale and whitening."""
        super().__init__()
        self._keep("shift", per_column(spec.shift, spec.shape))
        self._keep("scale", per_column(spec.scale, spec.shape))
        self.white = spec.whitening is not None
        if spec.whitening is not None:
            for name in ("mean", "matrix", "inverse"):
                self._keep(name, getattr(spec.whitening, name))

    def _keep(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(values.astype(np.float32)))

    def scaled(self, x: Tensor) -> Tensor:
        """Examples [B, *shape] in the units of the data, scaled."""
        x = (x - self.shift) / self.scale
        if self.white:
            x = ((x.flatten(1) - self.mean) @ self.matrix).view_as(x)
        return x

    def unscaled(self, x: Tensor) -> Tensor:
        """Scaled examples [B, *shape], back in the units of the data."""
        if self.white:
            x = (x.flatten(1) @ self.inverse + self.mean).view_as(x)
        return x * self.scale + self.shift


def to_onnx(
    graph: nn.Module,
    example: Tensor,
    *,
    takes: str,
    gives: str,
    metadata: Mapping[str, str],
) -> bytes:
    """A module as an ONNX file for batches of any size.

    The same module gives the same bytes; no path of this computer is in them.

    Args:
        graph: In evaluation, on the CPU.
        example: An input, [B, ...] with B > 1.
        takes: Name of the input.
        gives: Name of the output.
        metadata: Kept in the file.

    Raises:
        CannotExport: It cannot be written, or for one batch size only.
    """
    import onnx

    try:
        # What the exporter says of its own steps helps nobody here.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[takes],
                output_names=[gives],
                opset_version=OPSET,
                verbose=False,
            )
        assert program is not None
        model: Any = program.model_proto
        _clean(model)
        onnx.helper.set_model_props(model, dict(metadata))
        content: bytes = model.SerializeToString(deterministic=True)
    except Exception as error:  # of many kinds, of the exporter's parts
        raise CannotExport(_reason(error)) from error
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise CannotExport(
            "it works for one batch size only; a model of your own takes that from "
            "x.shape[0], not from len(x)"
        )
    return content


def _clean(model: Any) -> None:
    """Take out what the exporter notes of the program: files, lines, its own steps."""
    graph = model.graph
    for item in (
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    model.producer_name, model.producer_version = "aerun", __version__


def _reason(error: BaseException) -> str:
    """The first line of what went wrong first."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def largest_difference(
    content: bytes,
    inputs: np.ndarray,
    wanted: np.ndarray,
    compared: Callable[[np.ndarray], np.ndarray],
    sizes: Sequence[int] = BATCH_SIZES,
) -> float:
    """How far a graph's answers in onnxruntime are from the original's.

    Args:
        content: The ONNX file.
        inputs: Float32, [N, ...], at least as many as the largest batch.
        wanted: What the original gives of them, [N, ...].
        compared: Brings answers to the units of ``wanted``.
        sizes: Of batches, each made of the first inputs.

    Returns:
        The largest absolute difference, divided by the largest absolute value of
        ``wanted`` where that is above 1; infinite where a shape differs.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
    name, largest = session.get_inputs()[0].name, 0.0
    unit = max(1.0, float(np.abs(wanted).max()))
    for size in sizes:
        found = compared(session.run(None, {name: inputs[:size]})[0])
        if found.shape != wanted[:size].shape:
            return float("inf")
        off = np.abs(found.astype(np.float64) - wanted[:size]).max()
        largest = max(largest, float(off) / unit) if off == off else float("nan")
    return largest
