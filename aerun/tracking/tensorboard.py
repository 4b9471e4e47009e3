"""The tracker that writes what TensorBoard shows."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aerun.extras import require
from aerun.tracking.events import (
    EpochRecorded,
    PictureDrawn,
    RunEnded,
    RunStarted,
    Told,
)

_FOLDER = "tensorboard"


class TensorBoard:
    """Keeps a log for TensorBoard in ``tensorboard/`` of the run directory."""

    def __init__(self, *, pictures: bool) -> None:
        """Prepare; nothing is written before the run starts.

        Args:
            pictures: Whether pictures are in the log too.

        Raises:
            BadUse: TensorBoard is not installed.
        """
        require("tensorboard", "tensorboard", typed="tracker=tensorboard")
        self.pictures = pictures
        self._hyperparameters: dict[str, Any] = {}

    def __call__(self, event: Told) -> None:
        """Write down an event."""
        match event:
            case RunStarted():
                self._start(event)
            case EpochRecorded():
                for name, value in event.row.items():
                    if name not in ("phase", "step"):
                        self._writer.add_scalar(name, value, event.row["step"])
                self._writer.flush()
            case PictureDrawn() if self.pictures:
                self._show(event)
            case RunEnded():
                self._end(event)

    def _start(self, event: RunStarted) -> None:
        with warnings.catch_warnings():  # of protobuf and NumPy, about themselves
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard.writer import SummaryWriter
        self._hyperparameters = dict(_flat(event.config))
        # Those that read the log leave out what was written of these steps before.
        self._writer: Any = SummaryWriter(
            event.directory / _FOLDER, purge_step=event.step + 1
        )

    def _show(self, event: PictureDrawn) -> None:
        """Pictures over time share a slider; final ones stand by themselves."""
        series = str(Path(event.name).parent)
        name = f"final/{event.name}" if series == "." else f"progress/{series}"
        from PIL import Image

        with Image.open(event.path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._writer.add_image(name, pixels, event.step, dataformats="HWC")

    def _end(self, event: RunEnded) -> None:
        """Final figures beside what they were reached with."""
        figures = {
            name: float(value)
            for name, value in event.summary["metrics"].items()
            if value is not None
        }
        if figures:
            from torch.utils.tensorboard.summary import hparams

            for part in hparams(self._hyperparameters, figures):
                self._writer.file_writer.add_summary(part)
            for name, value in figures.items():
                self._writer.add_scalar(name, value, event.step)
        self._writer.close()


def _flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every option by its dotted name; what is no number as a text."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, bool | int | float | str)
            yield f"{prefix}{key}", value if plain else str(value)
