"""task=encode: the codes of examples, what is decoded from them, and how far off."""

import csv
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aerun.data.archive import ArchiveWriter
from aerun.data.mapped import block_slices
from aerun.tasks.on_run import GivenExamples, task_folder

log = logging.getLogger("aerun")

_FOLDER = "encode"


def encode(
    config: Mapping[str, Any],
    directory: Path,
    *,
    reconstructions: bool,
    table: bool,
) -> Path:
    """Write the codes of a data set, in the order of its examples.

    Args:
        config: The run's, with the data to encode.
        directory: The run's.
        reconstructions: Whether they are kept beside the codes, in the units and of
            the type of the examples.
        table: Whether ``codes.csv`` is written too.

    Returns:
        The folder with ``codes.npz``: ``codes`` [N, D], ``errors`` [N] (mean squared
        error, scaled units), ``reconstructions`` [N, *shape]; and, where the data have
        them, ``labels`` [N], ``names`` [N] (of files or rows) and ``part`` [N] (train
        or test). Examples are read, and what is large is written, block by block.

    Raises:
        DataError: The data are unusable, or of another shape than the run's.
        RunDirectoryError: The run saved no weights.
    """
    made = _Encoding(config, directory)
    with (
        task_folder(directory, _FOLDER) as folder,
        tempfile.TemporaryFile(dir=folder) as made.kept,
    ):
        made.write(folder / "codes.npz", reconstructions)
        if table:
            made.write_table(folder / "codes.csv")
        log.info(
            "%s codes of %d, mse %.5g on average (scaled units).",
            f"{made.number:,}",
            made.size,
            np.mean(made.errors),
        )
        log.info("Look at %s", folder / "codes.npz")
    return folder


class _Encoding(GivenExamples):
    """Codes of a data set, which wait in a file until they are written."""

    kept: Any
    size = 0

    def write(self, path: Path, reconstructions: bool) -> None:
        """The archive; all that is computed is computed once."""
        spec = self.model.spec
        with ArchiveWriter(path) as archive:
            if reconstructions:
                archive.write(
                    "reconstructions",
                    self._blocks(),
                    shape=(self.number, *spec.shape),
                    dtype=np.dtype(spec.dtype),
                )
            else:
                for _ in self._blocks():
                    pass
            archive.write(
                "codes",
                self._codes(),
                shape=(self.number, self.size),
                dtype=np.dtype(np.float32),
            )
            archive.add("errors", np.array(self.errors))
            for name, values in self._columns().items():
                archive.add(name, values)

    def _blocks(self) -> Iterator[np.ndarray]:
        """Reconstructions as they would have been stored, [n, *shape] at a time."""
        for examples, recon in self.reconstructed("Encoding"):
            codes = self.model.encode(examples).astype(np.float32)
            self.size = codes.shape[1]
            self.kept.write(codes.tobytes())
            yield self.model.spec.as_stored(recon)

    def _codes(self) -> Iterator[np.ndarray]:
        """Those that were kept, [n, D] at a time."""
        self.kept.seek(0)
        for part in block_slices(self.number, (self.size,), 4):
            raw = self.kept.read(4 * self.size * (part.stop - part.start))
            yield np.frombuffer(raw, np.float32).reshape(-1, self.size)

    def _columns(self) -> dict[str, np.ndarray]:
        """What the data say of each example."""
        columns = {}
        labels = [part for _, part in self.parts]
        if all(part is not None for part in labels):
            columns["labels"] = np.concatenate([np.asarray(part) for part in labels])
        if self.source.names is not None:
            columns["names"] = np.array(self.source.names)
        if len(self.parts) > 1:
            sizes = [len(x) for x, _ in self.parts]
            columns["part"] = np.repeat(["train", "test"], sizes)
        return columns

    def write_table(self, path: Path) -> None:
        """One row per example: its name or number, its columns, its code, its error."""
        columns = self._columns()
        names = columns.pop("names", np.arange(self.number))
        labels = columns.get("labels")
        if labels is not None and self.source.classes is not None:
            columns["labels"] = np.array(self.source.classes)[labels]
        head = ["example", *(_SINGULAR.get(name, name) for name in columns)]
        head += [f"code_{i}" for i in range(self.size)] + ["mse"]
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(head)
            place = 0
            for block in self._codes():
                for code in block:
                    said: Sequence[Any] = [column[place] for column in columns.values()]
                    row = [names[place], *said, *code.tolist(), self.errors[place]]
                    writer.writerow(row)
                    place += 1


_SINGULAR = {"labels": "label"}
