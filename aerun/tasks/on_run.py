"""What tasks on a run have in common: their device, and the run's examples."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aerun.build import load_source
from aerun.claims import claimed
from aerun.data import Data, DatasetOptions, Spec, Split, prepare
from aerun.data.classes import excluded_classes
from aerun.data.mapped import block_slices
from aerun.progress import progress_bar
from aerun.resolving import best_device
from aerun.rundir import RunDirectory
from aerun.trained import trained

log = logging.getLogger("aerun")

_BLOCK = 1000  # examples at a time, at most


def device_of(config: Mapping[str, Any]) -> torch.device:
    """Where a task computes: where it is asked to, or on the best device there is."""
    asked = config["device"]
    return torch.device(best_device() if asked == "auto" else asked)


def task_folder(directory: Path, name: str) -> AbstractContextManager[Path]:
    """A folder of its own inside the run's, which is not left empty."""
    return claimed(directory / name, exact=False)


class GivenExamples:
    """A data set that a trained run is asked about, as stored and in its order."""

    def __init__(self, config: Mapping[str, Any], directory: Path) -> None:
        """Load both, and say what the user should know of the data.

        Args:
            config: The run's, with the data set that was asked for.
            directory: The run's.

        Raises:
            DataError: The data are unusable, or of another shape than the run's.
            RunDirectoryError: The run saved no weights.
        """
        self.model = trained(dict(config), directory).to(device_of(config))
        self.source = load_source(config, self.model.spec)
        given = (self.source.train, self.source.test)
        self.parts = [part for part in given if part is not None]
        """Examples and labels to train on, then those of a test set."""
        self.number = sum(len(x) for x, _ in self.parts)
        self.errors: list[float] = []
        """Mean squared error of each example so far, scaled units."""
        for note in self.source.notes:
            log.info("%s", note)
        _compare_units(self.source.train[0].dtype.name, self.model.spec)

    def reconstructed(self, doing: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Examples and reconstructions, [n, *shape] at a time; keeps their errors.

        Args:
            doing: What the bar says is being done.
        """
        spec, self.errors = self.model.spec, []
        with progress_bar(self.number, unit="example", description=doing) as bar:
            for x, _ in self.parts:
                for part in block_slices(len(x), spec.shape, 8, most=_BLOCK):
                    examples = x[part]
                    recon = self.model.reconstruct(examples)
                    self.errors += self.model.errors(examples, recon).tolist()
                    yield examples, recon
                    bar.update(len(examples))


def _compare_units(given: str, spec: Spec) -> None:
    """Say so where values are stored otherwise than those trained on."""
    if given != spec.dtype:
        log.warning(
            "The examples are stored as %s, those of the run as %s between %.5g and "
            "%.5g: make sure that both have the same units.",
            given,
            spec.dtype,
            spec.stored_low,
            spec.stored_high,
        )


def run_data(config: Mapping[str, Any], spec: Spec, like: torch.Tensor) -> Data:
    """The run's examples, or those asked for, scaled as the run's; says if they differ.

    Args:
        config: The run's, with the data set that was asked for.
        spec: Of the run's data.
        like: Gives device and type of the batches.

    Returns:
        The three parts; ``spec.fingerprint`` is that of these examples.

    Raises:
        DataError: They are absent or unusable, or of another shape.
    """
    data = _scaled_as(config, spec, like)
    if data.spec.fingerprint != spec.fingerprint:
        log.warning("These are not the examples that the run was trained on.")
    return data


def own_data(directory: Path, spec: Spec, like: torch.Tensor) -> Data:
    """What a run was trained on, scaled as then, where others were asked for.

    Returns:
        As ``run_data``: the fingerprint tells whether they have changed since.

    Raises:
        DataError: They are absent or unusable.
    """
    config: Any = RunDirectory(directory).read_yaml("config.yaml")
    return _scaled_as(config, spec, like)


def _scaled_as(config: Mapping[str, Any], spec: Spec, like: torch.Tensor) -> Data:
    data = prepare(load_source(config, spec), replace(_asked(config), scale="none"))
    return with_spec(data, replace(spec, fingerprint=data.spec.fingerprint), like)


def left_out(config: Mapping[str, Any], spec: Spec, like: torch.Tensor) -> Split | None:
    """Test examples of the classes that ``dataset.exclude_classes`` left out.

    Args:
        config: The run's.
        spec: Of the run's data, by which they are scaled.
        like: Gives device and type of the batches.

    Returns:
        None where no class was left out, or the test part has none of them.
    """
    options = _asked(config)
    if not options.exclude_classes:
        return None
    source = load_source(config, spec)
    numbers = excluded_classes(source, options.exclude_classes)
    data = prepare(source, replace(options, scale="none", exclude_classes=[]))
    test = with_spec(data, spec, like).test
    assert test.labels is not None, "classes were left out by them"
    places = np.flatnonzero(np.isin(test.labels.cpu().numpy(), numbers))
    return test.at(places) if len(places) else None


def grey_data(config: Mapping[str, Any], spec: Spec, like: torch.Tensor) -> Data:
    """The same examples in [0, 1] before ``dataset.binarize`` drew zeros and ones."""
    source = load_source(config, spec)
    options = replace(_asked(config), scale="unit", binarize="none")
    data = prepare(source, options)
    return with_spec(data, data.spec, like)


def with_spec(data: Data, spec: Spec, like: torch.Tensor) -> Data:
    """The same stored examples, scaled otherwise, on the device of ``like``."""

    def scaled(split: Split) -> Split:
        return split.scaled_by(spec).to(like.device, like.dtype)

    return Data(
        spec=spec,
        train=scaled(data.train),
        validation=scaled(data.validation),
        test=scaled(data.test),
        notes=data.notes,
    )


def _asked(config: Mapping[str, Any]) -> DatasetOptions:
    node = config["dataset"]
    return DatasetOptions(**{f.name: node[f.name] for f in fields(DatasetOptions)})
