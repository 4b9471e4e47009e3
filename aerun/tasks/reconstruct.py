"""task=reconstruct: give a trained model examples and keep what it makes of them."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aerun.build import load_source
from aerun.data import Source
from aerun.data.mapped import block_slices
from aerun.progress import progress_bar
from aerun.rundir import RunDirectory
from aerun.tasks.drawing import draw_rows
from aerun.tasks.on_run import compare_units, device_of, task_folder
from aerun.trained import Trained, trained

log = logging.getLogger("aerun")

_SHOWN = 10  # examples in the picture
_FOLDER = "reconstruct"
_TITLE = "Examples and their reconstructions"


def reconstruct(config: Mapping[str, Any], directory: Path) -> Path:
    """Write the reconstructions of a data set in the form in which it came.

    Args:
        config: The run's, with the data to reconstruct.
        directory: The run's.

    Returns:
        The folder with the reconstructions (those of images in ``images/``),
        ``errors.csv`` and a picture.

    Raises:
        DataError: The data are unusable, or of another shape than the run's.
        RunDirectoryError: The run saved no weights.
    """
    model = trained(dict(config), directory).to(device_of(config))
    source = load_source(config, model.spec)
    made = _Reconstructions(model, source)
    for note in source.notes:
        log.info("%s", note)
    compare_units(source.train[0].dtype.name, model.spec)
    with (
        task_folder(directory, _FOLDER) as folder,
        progress_bar(made.number, unit="example", description="Reconstructing") as bar,
    ):
        (source.write or _as_array)(folder, made.blocks(bar))
        made.report(RunDirectory(folder))
    return folder


class _Reconstructions:
    """Reconstructs a source block by block, and keeps the error of each example."""

    def __init__(self, model: Trained, source: Source) -> None:
        self.model, self.source = model, source
        parts = [part for part in (source.train, source.test) if part is not None]
        self.parts = [x for x, _ in parts]
        self.number = sum(len(x) for x in self.parts)
        self.errors: list[float] = []
        self.first: dict[str, np.ndarray] = {}

    def blocks(self, bar: Any) -> Iterator[np.ndarray]:
        """Reconstructions as they would have been stored, [n, *shape] at a time."""
        spec = self.model.spec
        for x in self.parts:
            for part in block_slices(len(x), spec.shape, 8, most=1000):
                examples = x[part]
                recon = self.model.reconstruct(examples)
                off = spec.scaled(recon) - spec.scaled(examples)
                self.errors += np.square(off).reshape(len(off), -1).mean(1).tolist()
                if not self.first:
                    self.first = {
                        "input": examples[:_SHOWN],
                        "reconstruction": recon[:_SHOWN],
                    }
                yield spec.as_stored(recon)
                bar.update(len(examples))

    def report(self, folder: RunDirectory) -> None:
        """Write the errors and a picture; say where everything is."""
        names = self.source.names or [str(i) for i in range(self.number)]
        rows = zip(names, self.errors, strict=True)
        folder.write_table("errors.csv", [{"example": n, "mse": e} for n, e in rows])
        worst = int(np.argmax(self.errors))
        folder.write("comparison.png", draw_rows(self.first, self.model.spec, _TITLE))
        log.info(
            "%s examples, mse %.5g on average (scaled units), at most %.5g (%s).",
            f"{self.number:,}",
            np.mean(self.errors),
            self.errors[worst],
            names[worst],
        )
        log.info("Look at %s", folder.path / "comparison.png")


def _as_array(folder: Path, blocks: Iterator[np.ndarray]) -> None:
    np.save(folder / "reconstructions.npy", np.concatenate(list(blocks)))
