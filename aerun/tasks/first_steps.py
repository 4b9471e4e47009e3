"""What the first steps of a run were, kept so that ``task=verify`` can compare."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from aerun.reading import damaged
from aerun.rundir import RunDirectory
from aerun.tasks.summary import circumstances
from aerun.training.loop import Training
from aerun.training.state import weights_of

FIRST_STEPS = "checkpoints/first_steps.json"
_NUMBER = 20
"""Steps that are kept; fewer where the first epoch is shorter."""

PLANNED = {"epochs": (int,), "max_steps": (int, type(None))}
"""Options of the trainer that schedules are laid over, and that may change later; with
the types of their values."""


class FirstSteps:
    """Keeps them, once, when the last of them was made.

    Only then does it wait for the device.
    """

    def __init__(
        self, config: Mapping[str, Any], training: Training, directory: RunDirectory
    ) -> None:
        """Prepare to keep those of a training in its directory."""
        self.config, self.training, self.directory = config, training, directory
        self.record: dict[str, Any] | None = None
        """What was kept by this process."""

    def see(self) -> None:
        """To be called after every step."""
        training, position = self.training, self.training.position
        if position.step > _NUMBER or position.epoch or position.phase:
            return
        if position.step < min(_NUMBER, training.steps_per_epoch, training.total_steps):
            return
        training.flush()
        self.record = {
            "columns": training.columns,
            "steps": [values for _, *values in position.rows],
            "weights": digest(weights_of(training.root)),
            "planned": {key: self.config["trainer"][key] for key in PLANNED},
            "made": circumstances(self.config),
        }
        self.directory.write_json(FIRST_STEPS, self.record)


def digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of all bits of some tensors and their names."""
    found = hashlib.sha256()
    for name, tensor in weights.items():
        found.update(f"{name} {list(tensor.shape)} {tensor.dtype}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        found.update(flat.view(torch.uint8).numpy().data)
    return found.hexdigest()


def sha256(run: RunDirectory) -> dict[str, str]:
    """Of the files of weights that a run saved, by their names."""
    found = {}
    for path in sorted((run.path / "checkpoints").glob("*.safetensors")):
        with open(path, "rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def first_steps_of(run: RunDirectory) -> dict[str, Any] | None:
    """What a run kept; None of one that did not, such as one of an earlier release.

    Raises:
        RunDirectoryError: It is damaged.
    """
    try:
        found = run.read_json(FIRST_STEPS)
    except FileNotFoundError:
        return None
    if not _is_whole(found):
        raise damaged(run.path / FIRST_STEPS, "it holds no first steps")
    return found


def planned_of(run: RunDirectory, steps: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the training's end was when it began, as far as that is known.

    The files may come from anybody: only numbers are taken from them.

    Args:
        run: The run's directory.
        steps: What it kept of its first steps; None: Hydra's record tells it.

    Raises:
        RunDirectoryError: A file says something else.
    """
    file, known = FIRST_STEPS, steps and steps["planned"]
    if steps is None:
        file, began = ".hydra/config.yaml", run.read_record("config.yaml")
        known = began.get("trainer") if isinstance(began, dict) else None
    if not isinstance(known, dict):
        return {}
    planned = {key: known[key] for key in PLANNED if key in known}
    for key, value in planned.items():
        if type(value) not in PLANNED[key] or (value or 0) < 0:
            raise damaged(run.path / file, f"trainer.{key} cannot be {value!r}")
    return planned


def _is_whole(found: Mapping[str, Any]) -> bool:
    columns, steps = found.get("columns"), found.get("steps")
    tables = ("planned", "made")
    return (
        isinstance(columns, list)
        and isinstance(steps, list)
        and isinstance(found.get("weights"), str)
        and all(isinstance(found.get(key), dict) for key in tables)
        and all(
            isinstance(row, list)
            and len(row) == len(columns)
            and all(isinstance(value, int | float) for value in row)
            for row in steps
        )
    )
