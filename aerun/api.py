"""aerun from Python: the command as a function, and trained models ready for use."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aerun.build import build_objective, dtype_of
from aerun.config.stored import find_run, spec_of, stored_config
from aerun.draws import with_noise
from aerun.errors import RunDirectoryError
from aerun.rundir import RunDirectory
from aerun.training.state import load_weights


class Run:
    """A run directory, read on demand."""

    def __init__(self, directory: Path) -> None:
        """Wrap a run's directory."""
        self.directory = directory

    @property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` holds: status, metrics, health and more."""
        return dict(RunDirectory(self.directory).read_json("summary.json"))

    @property
    def metrics(self) -> list[dict[str, float]]:
        """The rows of ``metrics.csv``."""
        with open(self.directory / "metrics.csv", encoding="utf-8") as file:
            return [
                {key: float(value) for key, value in row.items() if value != ""}
                for row in csv.DictReader(file)
            ]

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config."""
        return stored_config(self.directory)

    def load(self) -> "Trained":
        """The trained model, best weights."""
        return load(self.directory)

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r})"


class Trained:
    """A trained model that takes and gives arrays in the units of the data."""

    def __init__(self, directory: Path, config: dict[str, Any], model: Any) -> None:
        """Wrap a model; use ``aerun.load``."""
        self.directory, self.config = directory, config
        self.model = model.eval()
        self.spec = spec_of(config, directory)
        self._like = next(model.parameters())

    @torch.no_grad()
    def encode(self, x: np.ndarray | Tensor) -> np.ndarray:
        """Codes [N, D] of examples [N, *shape] (the mean of a posterior)."""
        return _array(self.model.encode(self._tensor(x)))

    @torch.no_grad()
    def decode(self, codes: np.ndarray | Tensor) -> np.ndarray:
        """Reconstructions [N, *shape] of codes [N, D]."""
        codes = torch.as_tensor(np.asarray(codes)).to(self._like)
        return self._unscaled(self.model.decode(codes))

    @torch.no_grad()
    def reconstruct(
        self, x: np.ndarray | Tensor, *, sample: bool = False, seed: int = 0
    ) -> np.ndarray:
        """Reconstructions [N, *shape] of examples [N, *shape].

        Args:
            x: Examples, in the units of the data (0 to 255 for images of 8 bits).
            sample: Whether to decode a sample of the code instead of its mean, where
                the model has a random bottleneck.
            seed: Of that sample.
        """
        scaled = self._tensor(x)
        if not sample:
            return self._unscaled(self.model(scaled).recon)
        out = with_noise(lambda draws: self.model(scaled, draws), scaled, seed=seed)
        return self._unscaled(out.recon)

    @torch.no_grad()
    def sample(self, num_samples: int, *, seed: int = 0) -> np.ndarray:
        """Decoded samples of the prior, [num_samples, *shape].

        Raises:
            TypeError: The model has no prior.
        """
        if not getattr(self.model, "generative", False):
            raise TypeError("this model has no prior to sample from; train model=vae")
        samples = with_noise(
            lambda draws: self.model.sample(num_samples, draws), self._like, seed=seed
        )
        return self._unscaled(samples)

    def _tensor(self, x: np.ndarray | Tensor) -> Tensor:
        """Scaled examples; grey images may come without their channel.

        Raises:
            ValueError: The examples do not have the shape of the training data.
        """
        array, shape = np.asarray(x, dtype=np.float64), self.spec.shape
        if len(shape) == 3 and shape[0] == 1 and array.ndim == 3:
            array = array[:, None]
        if array.shape[1:] != shape:
            given, wanted = list(array.shape), list(shape)
            raise ValueError(
                f"examples have shape {given}; this model takes [N, *{wanted}]"
            )
        return torch.from_numpy(self.spec.scaled(array)).to(self._like)

    def _unscaled(self, x: Tensor) -> np.ndarray:
        return self.spec.unscaled(_array(x).astype(np.float64))


def run(overrides: Sequence[str] = ()) -> Run:
    """Carry out a command line as a function.

    Args:
        overrides: As after ``aerun``: ``["model=vae", "trainer.epochs=3"]``; also
            ``["task=resume", "run=last"]``.

    Returns:
        The run.

    Raises:
        BadRequest: The request has mistakes; nothing was started.
        AerunError: The run failed.
        Interrupted: A signal stopped it, as KeyboardInterrupt would.
    """
    from aerun.argv import split_flags
    from aerun.cli import request
    from aerun.config.mistakes import BadRequest, Mistake
    from aerun.logs import set_up_console

    flags, values = split_flags(overrides)
    if flags:
        problem = "is for the command line; aerun.run makes one run."
        raise BadRequest([Mistake(typed=flags[0], problem=problem)])
    set_up_console()
    return Run(request(values))


def load(directory: str | Path, *, weights: str | None = None) -> Trained:
    """A trained model from its run directory, on the CPU.

    Args:
        directory: Of the run, or "last".
        weights: "best" or "last"; None: what the run's figures were made with
            (``trainer.final_weights``).

    Raises:
        BadRequest: There is no run there.
        RunDirectoryError: It saved no weights yet, or they are damaged.
    """
    path = find_run(str(directory))
    config = stored_config(path)
    if "data" not in config:
        raise RunDirectoryError(f"{path} stopped before it saved any weights")
    shape = tuple(config["data"]["shape"])
    objective = build_objective(config, shape).to(dtype_of(config))
    name = config["trainer"]["final_weights"] if weights is None else weights
    load_weights(objective, RunDirectory(path).load_weights(name))
    return Trained(path, config, objective.model)


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()
