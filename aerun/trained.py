"""A trained model, ready for use on arrays in the units of the data."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aerun.build import build_objective, dtype_of
from aerun.data import Spec, Whitening
from aerun.draws import with_noise
from aerun.errors import RunDirectoryError
from aerun.objective import Objective
from aerun.resolving import num_weights
from aerun.rundir import WHITENING, RunDirectory
from aerun.training.state import load_weights


class Trained:
    """A trained model that takes and gives arrays in the units of the data."""

    def __init__(self, directory: Path, config: dict[str, Any], model: Any) -> None:
        """Wrap a model; use ``aerun.load``."""
        self.directory, self.config = directory, config
        self.model = model.eval()
        self.spec = spec_of(config, directory)
        self._like = next(model.parameters())

    def to(self, device: torch.device) -> "Trained":
        """The same, computing on a device."""
        self.model.to(device)
        self._like = next(self.model.parameters())
        return self

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

    def errors(
        self, x: np.ndarray | Tensor, recon: np.ndarray | None = None
    ) -> np.ndarray:
        """Mean squared error of each reconstruction, scaled units, [N].

        Args:
            x: Examples [N, *shape], in the units of the data.
            recon: What ``reconstruct`` gave of them; None: it is asked.
        """
        recon = self.reconstruct(x) if recon is None else recon
        off = self.spec.scaled(recon) - self.spec.scaled(self._shaped(x))
        errors: np.ndarray = np.square(off).reshape(len(off), -1).mean(1)
        return errors

    @torch.no_grad()
    def sample(self, num_samples: int, *, seed: int = 0) -> np.ndarray:
        """Decoded samples of the prior, [num_samples, *shape].

        Raises:
            TypeError: The model has no prior.
        """
        if not getattr(self.model, "generative", False):
            where = shlex.quote(str(self.directory))
            raise TypeError(
                "this model has no prior to sample from; aerun task=sample "
                f"run={where} samples a mixture fitted to its codes"
            )
        samples = with_noise(
            lambda draws: self.model.sample(num_samples, draws), self._like, seed=seed
        )
        return self._unscaled(samples)

    def _tensor(self, x: np.ndarray | Tensor) -> Tensor:
        """Scaled examples, ready for the model."""
        return torch.from_numpy(self.spec.scaled(self._shaped(x))).to(self._like)

    def _shaped(self, x: np.ndarray | Tensor) -> np.ndarray:
        """Examples in double precision; grey images may come without their channel.

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
        return array

    def _unscaled(self, x: Tensor) -> np.ndarray:
        return self.spec.unscaled(_array(x).astype(np.float64))


def trained(
    config: dict[str, Any], directory: Path, *, weights: str | None = None
) -> Trained:
    """The model of a run, on the CPU.

    Args:
        config: The run's own.
        directory: The run's.
        weights: "best" or "last"; None: what the run's figures were made with
            (``trainer.final_weights``).

    Raises:
        RunDirectoryError: It saved no weights yet, they are damaged, or of another
            model than its config.
    """
    objective = trained_objective(config, directory, weights=weights)
    return Trained(directory, config, objective.model)


def trained_objective(
    config: dict[str, Any], directory: Path, *, weights: str | None = None
) -> Objective:
    """The model of a run with its loss and regularizers; as for ``trained``.

    Raises:
        RunDirectoryError: As for ``trained``; or the config is of another model.
    """
    if "data" not in config:
        raise RunDirectoryError(f"{directory} stopped before it saved any weights")
    shape = tuple(config["data"]["shape"])
    name = config["trainer"]["final_weights"] if weights is None else weights
    found = RunDirectory(directory).load_weights(name)
    asked, given = num_weights(config, shape), sum(t.numel() for t in found.values())
    if asked > given:  # told before so much memory is taken
        raise _unfitting(
            directory, f"its model has {asked:,} weights, {given:,} are there"
        )
    objective = build_objective(config, shape).to(dtype_of(config))
    _put(objective, found, directory)
    return objective


def fill(objective: Objective, run: RunDirectory, name: str) -> None:
    """Put weights that a run saved into its objective.

    Args:
        objective: Of the run's config.
        run: Its directory.
        name: "best" or "last".

    Raises:
        RunDirectoryError: They are absent, damaged, or of another model.
    """
    _put(objective, run.load_weights(name), run.path)


def _put(objective: Objective, weights: dict[str, Tensor], directory: Path) -> None:
    try:
        load_weights(objective, weights)
    except ValueError as error:
        raise _unfitting(directory, error) from None


def _unfitting(directory: Path, reason: object) -> RunDirectoryError:
    return RunDirectoryError(
        f"config.yaml and the checkpoints of {directory} do not fit together: {reason}"
    )


def spec_of(config: Mapping[str, Any], directory: Path) -> Spec:
    """What a run recorded of its data: in its config, and a whitening in a file.

    Raises:
        RunDirectoryError: The data were whitened, and that file is absent or damaged.
    """
    whitening = None
    if config["dataset"]["scale"] == "zca":
        tensors = RunDirectory(directory).load_tensors(WHITENING, "whitening")
        whitening = Whitening(**{name: t.numpy() for name, t in tensors.items()})
    spec: Spec = Spec.from_record(config["data"], whitening)
    return spec


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()
