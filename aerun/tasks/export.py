"""task=export: a trained model as ONNX files, each compared with the original."""

import copy
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from aerun.errors import RunFailed
from aerun.evaluation.density import decoded_codes
from aerun.extras import require
from aerun.graphs import (
    BATCH_SIZES,
    OPSET,
    Call,
    CannotExport,
    Graph,
    Scaling,
    largest_difference,
    to_onnx,
)
from aerun.progress import progress_bar
from aerun.rundir import RunDirectory
from aerun.tasks.on_run import task_folder
from aerun.trained import Trained, trained

log = logging.getLogger("aerun")

Units = Literal["scaled", "data"]

_FOLDER = "export"
_TOLERANCE = 1e-5
_DEFINITION = (
    "largest absolute difference from the model in PyTorch over batches of random "
    "inputs within the range of the data, in scaled units; divided by the largest "
    "absolute value where that is above 1"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A function of the model that becomes a file."""

    takes: str
    gives: str
    method: str
    """That the model must have."""
    call: Call
    """Its answer in scaled units."""


_CODE = "code"
_PARTS = {
    "encoder": _Part(
        takes="input", gives=_CODE, method="encode", call=lambda m, x: m.encode(x)
    ),
    "decoder": _Part(
        takes=_CODE,
        gives="reconstruction",
        method="decode",
        call=lambda m, x: m.decode(x),
    ),
    "autoencoder": _Part(
        takes="input",
        gives="reconstruction",
        method="forward",
        call=lambda m, x: m(x).recon,
    ),
}


def export(config: Mapping[str, Any], directory: Path, *, units: Units) -> Path:
    """Write encoder, decoder and the whole model as ONNX files for any batch size.

    Each is the model in evaluation: without noise, a posterior at its mean. Each is
    compared with the original in onnxruntime, after it was written.

    Args:
        config: The run's.
        directory: The run's.
        units: Of inputs and reconstructions, which are float32 in any case: scaled, as
            the model sees them, or those of the data, with the scaling in the files.

    Returns:
        The folder with ``encoder.onnx``, ``decoder.onnx``, ``autoencoder.onnx`` and
        ``export.json``, which has names, shapes, scaling and the differences found.

    Raises:
        BadUse: A package is absent.
        RunDirectoryError: The run saved no weights.
        RunFailed: No part can be written, or one differs from the original.
    """
    require("onnx", "onnx", "onnxscript", "onnxruntime", typed="task=export")
    exporter = _Exporter(trained(dict(config), directory), units)
    with task_folder(directory, _FOLDER) as path:
        folder = RunDirectory(path)
        try:
            content = exporter.write(folder)
        except BaseException:
            for file in path.glob("*.onnx"):  # unchecked
                file.unlink()
            raise
        for note in exporter.notes:
            log.info("%s", note)
        log.info("Look at %s", folder.write_json("export.json", content))
    return path


class _Exporter:
    """Writes the parts of one model and checks them."""

    def __init__(self, model: Trained, units: Units) -> None:
        """Prepare inputs, codes and a copy of the model in single precision."""
        self.model, self.spec, self.units = model, model.spec, units
        self.net: Any = model.model
        self.single = copy.deepcopy(self.net).float()
        self.scaling = Scaling(self.spec)
        self.notes: list[str] = []
        self.inputs = self._inputs()
        self.scaled = self._scaled(self.inputs)
        with torch.no_grad():
            self.codes = _array(decoded_codes(self.net, self._tensor(self.scaled)))

    def write(self, folder: RunDirectory) -> dict[str, Any]:
        """Write and check every part; what ``export.json`` holds.

        Raises:
            RunFailed: None can be written, or one differs from the original.
        """
        files: dict[str, Any] = {}
        with progress_bar(len(_PARTS), unit="file", description="Exporting") as bar:
            for name, part in _PARTS.items():
                try:
                    files[f"{name}.onnx"] = self._write(folder, name, part)
                except CannotExport as error:
                    self.notes.append(f"There is no {name}.onnx: {error}.")
                bar.update()
        if not files:
            raise RunFailed(" ".join(self.notes))
        self._compare_ways()
        packages = ("aerun", "torch", "onnx", "onnxscript", "onnxruntime")
        return {
            "files": files,
            "units": self.units,
            "scaling": self._scaling(),
            "check": {
                "batch_sizes": list(BATCH_SIZES),
                "tolerance": _TOLERANCE,
                "largest_difference": _DEFINITION,
            },
            "opset": OPSET,
            "notes": self.notes,
            "versions": {name: version(name) for name in packages},
        }

    def _write(self, folder: RunDirectory, name: str, part: _Part) -> dict[str, Any]:
        """One file, and what is to be known of it.

        Raises:
            CannotExport: The model has no such part, or it cannot be written.
            RunFailed: It differs from the original.
        """
        if not hasattr(self.net, part.method):
            raise CannotExport(f"the model has no {part.method}()")
        example = self.codes if part.takes == _CODE else self.inputs
        graph = Graph(self.single, self._in_units(part)).eval()
        content = to_onnx(
            graph,
            torch.from_numpy(example[:3]),
            takes=part.takes,
            gives=part.gives,
            metadata={"units": self.units, "scaling": json.dumps(self._scaling())},
        )
        path = folder.write(f"{name}.onnx", content)
        seen = self.codes if part.takes == _CODE else self.scaled
        with torch.no_grad():
            wanted = part.call(self.net, self._tensor(seen))
        answer = _array(wanted, np.float64)
        compared = np.asarray if part.gives == _CODE else self._scaled
        off = largest_difference(path.read_bytes(), example, answer, compared)
        if not off <= _TOLERANCE:
            remedy = "" if self.units == "scaled" else "; try task.units=scaled"
            raise RunFailed(
                f"{name}.onnx differs from the model by {off:.2g}, more than "
                f"{_TOLERANCE:g}, so that nothing was kept{remedy}"
            )
        shapes = {
            side: {
                "name": label,
                "shape": ["batch", *array.shape[1:]],
                "dtype": "float32",
            }
            for side, label, array in (
                ("input", part.takes, example),
                ("output", part.gives, answer),
            )
        }
        log.info(
            "%s: %s -> %s, within %.2g of the model.",
            path.name,
            *(f"{s['name']} {_size(s['shape'])}" for s in shapes.values()),
            off,
        )
        return {**shapes, "largest_difference": off}

    def _in_units(self, part: _Part) -> Call:
        """The part's function in the units asked for."""
        if self.units == "scaled":
            return part.call
        scaling = self.scaling

        def call(model: Any, x: Tensor) -> Tensor:
            answer = part.call(model, x if part.takes == _CODE else scaling.scaled(x))
            return answer if part.gives == _CODE else scaling.unscaled(answer)

        return call

    def _inputs(self) -> np.ndarray:
        """Random inputs within the range of the data, in the units asked for."""
        generator = np.random.default_rng(0)
        size = (max(BATCH_SIZES), *self.spec.shape)
        x = generator.uniform(self.spec.low, self.spec.high, size)
        if self.units == "data":
            x = self.spec.unscaled(x)
        return x.astype(np.float32)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        """Examples in the units asked for, in scaled units."""
        if self.units == "scaled":
            return x
        return self.spec.scaled(x.astype(np.float64))

    def _tensor(self, x: np.ndarray) -> Tensor:
        return torch.from_numpy(x).to(next(self.net.parameters()))

    def _scaling(self) -> dict[str, Any]:
        """How values of the data become those that the model sees."""
        spec = self.spec
        formula = "scaled = (value - shift) / scale"
        if spec.whitening is not None:
            formula += ", then whitened by checkpoints/whitening.safetensors: "
            formula += "(flattened - mean) @ matrix"
        return {
            "formula": formula,
            "shift": spec.shift,
            "scale": spec.scale,
            "stored_dtype": spec.dtype,
            "stored_range": [spec.stored_low, spec.stored_high],
            "scaled_range": [spec.low, spec.high],
            "feature_names": spec.feature_names,
        }

    def _compare_ways(self) -> None:
        """Say so where decoding the code is not what the whole model does."""
        if not (hasattr(self.net, "encode") and hasattr(self.net, "decode")):
            return
        x = self._tensor(self.scaled)
        with torch.no_grad():
            whole, two = self.net(x).recon, self.net.decode(self.net.encode(x))
        if not torch.allclose(whole, two, rtol=1e-3, atol=1e-3):
            self.notes.append(
                "The decoder's answer to the encoder's code is not that of "
                "autoencoder.onnx: this model does more between the two."
            )


def _array(x: Tensor, dtype: type = np.float32) -> np.ndarray:
    array: np.ndarray = x.numpy().astype(dtype)
    return array


def _size(shape: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, shape))}]"
