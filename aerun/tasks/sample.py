"""task=sample: draw from a trained model, and walk through its codes."""

import functools
import io
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from aerun.data import Split
from aerun.data.mapped import block_slices
from aerun.draws import with_noise_of
from aerun.errors import BadUse
from aerun.evaluation.density import decoded_codes, fit_density
from aerun.evaluation.splits import collect
from aerun.options import Count, Seed
from aerun.progress import progress_bar
from aerun.rundir import RunDirectory
from aerun.tasks.drawing import draw_samples, title_of_samples
from aerun.tasks.on_run import device_of, run_data, task_folder
from aerun.tasks.walks import Walks, prior_codes
from aerun.trained import Trained, trained

log = logging.getLogger("aerun")

Density = Literal["auto", "prior", "mixture"]

_FOLDER = "sample"
_OF_MIXTURE = "Samples of a mixture fitted to the codes, decoded"
_BLOCK = 1000  # samples made at a time, at most
_SHOWN = 100  # samples in the picture
_SHOWN_IN_SPACE = 500  # points of two or three dimensions share one picture
_FITTED = 10_000  # training examples to whose codes a mixture is fitted, at most
_FITTED_VALUES = 50_000_000  # numbers in these codes, at most


def sample(
    config: Mapping[str, Any],
    directory: Path,
    *,
    num_samples: Count,
    seed: Seed,
    density: Density,
    num_components: Count,
) -> Path:
    """Write samples, and pictures of what lies between and around codes.

    Args:
        config: The run's.
        directory: The run's.
        num_samples: How many.
        seed: Of the samples, and of the mixture's first components.
        density: How codes are drawn: from the model's own prior, from a mixture of
            Gaussians fitted to the codes of the training part, or (auto) from the prior
            where there is one.
        num_components: Gaussians of that mixture.

    Returns:
        The folder with ``samples.npy``, [num_samples, *shape] as the data are stored,
        ``samples.png`` and pictures of codes.

    Raises:
        BadUse: The model cannot be sampled in this way.
        DataError: The run's data are unusable.
        RunDirectoryError: The run saved no weights.
    """
    model = trained(dict(config), directory).to(device_of(config))
    prior = _has_prior(model.model, density)
    data = run_data(config, model.spec, next(model.model.parameters()))
    if prior:
        log.info("Codes are drawn from the model's own prior.")
        blocks, walked = _of_prior(model, num_samples, seed), prior_codes(model, seed)
    else:
        codes = _mixture_codes(model, data.train, num_samples, num_components, seed)
        blocks, walked = _decoded(model, codes), None
    with task_folder(directory, _FOLDER) as path:
        folder = RunDirectory(path)
        samples = _collected(blocks, num_samples)
        folder.write("samples.npy", _as_file(model.spec.as_stored(samples)))
        title = title_of_samples(model.model) if prior else _OF_MIXTURE
        number = _SHOWN if model.spec.is_image else _SHOWN_IN_SPACE
        folder.write("samples.png", draw_samples(samples[:number], model.spec, title))
        log.info("Look at %s", folder.path / "samples.png")
        if hasattr(model.model, "decode"):
            for name, png in Walks(model, data.test, walked).pictures():
                log.info("Look at %s", folder.write(name, png))
        else:
            log.info("No walks through the codes: the model has no decode(codes).")
    return path


def _has_prior(model: Any, density: Density) -> bool:
    """Whether codes are drawn from the model's own prior.

    Raises:
        BadUse: They cannot be drawn as was asked for.
    """
    has_prior = bool(getattr(model, "generative", False))
    if density == "prior" and not has_prior:
        raise BadUse(
            "task.density=prior: this model has no prior; use task.density=mixture, "
            "fitted to its codes, or train one that has: model=vae"
        )
    prior = has_prior and density != "mixture"
    if not prior and not hasattr(model, "decode"):
        remedy = "use task.density=prior" if has_prior else "give it one: own_parts.md"
        raise BadUse(
            f"task.density={density}: drawn codes need to be decoded, and this model "
            f"has no decode(codes); {remedy}"
        )
    return prior


# -- drawing ---------------------------------------------------------------------------


@torch.no_grad()
def _of_prior(model: Trained, number: int, seed: int) -> Iterator[np.ndarray]:
    """Samples of the model itself, whatever it makes them of, block by block."""
    net: Any = model.model
    like = next(net.parameters())
    generator = torch.Generator(device=like.device).manual_seed(seed)
    for part in block_slices(number, model.spec.shape, 4, most=_BLOCK):
        size = part.stop - part.start
        made: Tensor = with_noise_of(
            generator, functools.partial(net.sample, size), like
        )
        yield model.spec.unscaled(made.cpu().double().numpy())


def _mixture_codes(
    model: Trained, train: Split, number: int, num_components: int, seed: int
) -> np.ndarray:
    """Codes [number, D] of a mixture fitted to those of training examples.

    Raises:
        BadUse: There are more components than examples.
    """

    def encode(x: Tensor) -> Tensor:
        return decoded_codes(model.model, x)

    size = encode(train.gather(slice(1))).shape[1]
    some = train.first(min(_FITTED, max(1, _FITTED_VALUES // size)))
    if num_components > len(some):
        raise BadUse(
            f"task.num_components={num_components}: there are {len(some)} training "
            "examples to fit to; choose at most as many, better a tenth of them"
        )
    codes = collect(encode, some)
    fitted = fit_density(codes, num_components=num_components, seed=seed)
    log.info(
        "Codes are drawn from a mixture of %d Gaussians, fitted to the codes of %s "
        "training examples (Ghosh et al. 2020).",
        num_components,
        f"{len(some):,}",
    )
    if fitted.axes is not None:
        log.info(
            "Of the %s code dimensions it describes %d principal axes, with %.1f %% of "
            "their variance.",
            f"{size:,}",
            len(fitted.axes),
            100 * fitted.kept,
        )
    return fitted.sample(number, seed=seed)


def _decoded(model: Trained, codes: np.ndarray) -> Iterator[np.ndarray]:
    for part in block_slices(len(codes), model.spec.shape, 4, most=_BLOCK):
        yield model.decode(codes[part])


def _collected(blocks: Iterator[np.ndarray], number: int) -> np.ndarray:
    """All samples, [number, *shape], in the units of the data."""
    made = []
    with progress_bar(number, unit="sample", description="Sampling") as bar:
        for block in blocks:
            made.append(block)
            bar.update(len(block))
    return np.concatenate(made)


# -- writing ---------------------------------------------------------------------------


def _as_file(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, samples)
    return buffer.getvalue()
