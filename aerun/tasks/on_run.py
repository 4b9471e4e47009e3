"""What tasks on a run have in common: their options, and the run's examples."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from aerun.build import load_source
from aerun.data import Data, DatasetOptions, Spec, Split, prepare
from aerun.options import option_types


def takes_its_options(
    task: Callable[..., Path],
) -> Callable[[Mapping[str, Any], Path], Path]:
    """Hand a task the options in its own node of the config."""

    @functools.wraps(task)
    def call(config: Mapping[str, Any], directory: Path) -> Path:
        own = {name: config["task"][name] for name in option_types(task)}
        return task(config, directory, **own)

    return call


def run_data(config: Mapping[str, Any], spec: Spec, like: torch.Tensor) -> Data:
    """The run's examples, or those asked for, scaled as the run's.

    Args:
        config: The run's, with the data set that was asked for.
        spec: Of the run's data.
        like: Gives device and type of the batches.

    Returns:
        The three parts; ``spec.fingerprint`` is that of these examples.

    Raises:
        DataError: They are absent or unusable, or of another shape.
    """
    source = load_source(config, spec)
    data = prepare(source, replace(_asked(config), scale="none"))
    return with_spec(data, replace(spec, fingerprint=data.spec.fingerprint), like)


def grey_data(config: Mapping[str, Any], spec: Spec, like: torch.Tensor) -> Data:
    """The same examples in [0, 1] before ``dataset.binarize`` drew zeros and ones."""
    source = load_source(config, spec)
    options = replace(_asked(config), scale="unit", binarize="none")
    data = prepare(source, options)
    return with_spec(data, data.spec, like)


def with_spec(data: Data, spec: Spec, like: torch.Tensor) -> Data:
    """The same stored examples, scaled otherwise, on the device of ``like``."""

    def scaled(split: Split) -> Split:
        again = Split(split.stored, split.labels, spec=spec, index=split.index)
        return again.to(like.device, like.dtype)

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
