"""What is said before a run trains: of its size, its data and their units."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aerun.build import Built
from aerun.data import Spec
from aerun.rundir import RunDirectory

log = logging.getLogger("aerun")


def announce(config: Mapping[str, Any], built: Built, directory: Path) -> None:
    """Say where a run goes, how large it is, and what its data are."""
    parameters = sum(p.numel() for p in built.objective.parameters())
    data, number = built.data, config["trainer"]["threads"]
    log.info("Run directory: %s", directory)
    log.info(
        "%s parameters; %s training, %s validation, %s test examples of %s; %s%s",
        f"{parameters:,}",
        f"{len(data.train):,}",
        f"{len(data.validation):,}",
        f"{len(data.test):,}",
        "x".join(str(n) for n in data.spec.shape),
        config["device"],
        f" with {number} thread{'s' * (number > 1)}"
        if config["device"] == "cpu"
        else "",
    )
    log.info("%s", scaling_in_words(config["dataset"]["scale"], data.spec))
    for note in data.notes:
        log.info("%s", note)


def scaling_in_words(scale: str, spec: Spec) -> str:
    """How the values that the model sees were made from those stored."""
    columns = len(spec.shift) > 1
    if scale == "none":
        return "Scaling: none; values are used as stored."
    low, high = f"{spec.stored_low:.5g}", f"{spec.stored_high:.5g}"
    if scale == "unit":
        what = "each column from its range" if columns else f"from [{low}, {high}]"
        return f"Scaling: {what} to [0, 1]; undone in pictures."
    what = (
        "each column to mean 0 and variance 1"
        if columns
        else f"mean {spec.shift[0]:.5g} to 0, deviation {spec.scale[0]:.5g} to 1"
    )
    white = ", then whitened (ZCA)" if scale == "zca" else ""
    return f"Scaling: {what}{white}; undone in pictures."


def compare_scaling(config: Mapping[str, Any], spec: Spec) -> None:
    """Say where the weights to start from know the data in other units."""
    if config["init_from"] is None:
        return
    record = RunDirectory(config["init_from"]).read_yaml("config.yaml")
    before = record["data"]
    said = []
    if (before["shift"], before["scale"], record["dataset"].get("scale")) != (
        spec.shift,
        spec.scale,
        config["dataset"]["scale"],
    ):
        said.append("scaling")
    if (before["feature_names"] or []) != list(spec.feature_names or ()):
        said.append("names of columns")
    if said:
        log.warning(
            "The weights of %s were trained on data of other %s.",
            config["init_from"],
            " and ".join(said),
        )
