"""task=reconstruct: give a trained model examples and keep what it makes of them."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aerun.rundir import RunDirectory
from aerun.tasks.drawing import draw_rows
from aerun.tasks.on_run import GivenExamples, task_folder

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
    made = _Reconstructions(config, directory)
    with task_folder(directory, _FOLDER) as folder:
        (made.source.write or _as_array)(folder, made.blocks())
        made.report(RunDirectory(folder))
    return folder


class _Reconstructions(GivenExamples):
    """Reconstructions of a data set, the first of which are shown."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Reconstructions as they would have been stored, [n, *shape] at a time."""
        self.first: dict[str, np.ndarray] = {}
        for examples, recon in self.reconstructed("Reconstructing"):
            if not self.first:
                self.first = {
                    "input": examples[:_SHOWN],
                    "reconstruction": recon[:_SHOWN],
                }
            yield self.model.spec.as_stored(recon)

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
