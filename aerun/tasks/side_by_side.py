"""The same test examples through a model of each group, and through PCA."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from aerun.data import Data
from aerun.errors import AerunError
from aerun.evaluation.baselines import pca_examples, principal
from aerun.evaluation.comparability import name_of_data, same_examples, same_units
from aerun.evaluation.comparison import Group
from aerun.evaluation.recorded import RecordedRun
from aerun.progress import progress_bar
from aerun.tasks.drawing import draw_rows
from aerun.tasks.on_run import run_data
from aerun.trained import spec_of, trained

_IMAGES = 10  # test examples side by side
_VECTORS = 6
_IN_SPACE = 200  # points of two or three dimensions share one picture
_GROUPS = 12  # rows of images, at most
_FEW = 3  # lines of vectors in one panel, at most
_PRINCIPALS = 4  # rows of PCA


@dataclass(kw_only=True, slots=True)
class Shown:
    """What can be shown side by side."""

    picture: bytes | None = None
    """A PNG file; None where nothing can be shown."""
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""


def side_by_side(
    groups: Sequence[Group], device: torch.device, *, most: int | None = None
) -> Shown:
    """Draw test examples of the best group's data above what each group makes of them.

    Args:
        groups: Best first; the run with the lowest seed stands for its group.
        device: Where to compute.
        most: So many groups; None: as many as can be read.

    Returns:
        Inputs, a row per group and, at the bottom, PCA at each code size; of vectors
        a line each, of the best three groups.
    """
    shown, first = Shown(), groups[0].runs[0]
    try:
        spec = spec_of(first.config, first.directory)
        data = run_data(first.config, spec, torch.zeros(1))
    except (AerunError, ValueError) as error:
        shown.notes.append(f"No reconstructions, the data of {groups[0].name} {error}.")
        return shown
    room = _GROUPS if spec.is_image else _FEW
    most = room if most is None else min(most, room)
    if len(groups) > most:
        shown.notes.append(f"reconstructions.png shows the best {most} groups.")
    number = _IMAGES if spec.is_image else _VECTORS
    number = _IN_SPACE if spec.shape in ((2,), (3,)) else number
    x = spec.unscaled(data.test.gather(slice(number)).double().numpy())
    made: dict[str, np.ndarray] = {}
    sizes: list[int] = []
    with progress_bar(len(groups[:most]), unit="group") as bar:
        for rank, group in enumerate(groups[:most], start=1):
            try:
                recon, size = _reconstructed(group, first, x, device)
            except (AerunError, ValueError, RuntimeError) as error:
                told = f"{group.name} is left out of reconstructions.png: {error}."
                shown.notes.append(told)
            else:
                made[label(group.name, rank)] = recon
                sizes.append(size)
            bar.update()
    if made:
        kept = dict(_principal(data, sizes if spec.is_image else sizes[:1], x))
        rows = {"input": x, **made, **kept}
        if not spec.is_image:  # the last is joined to the input: the best
            rows = {"input": x, **kept, **dict(reversed(made.items()))}
        shown.picture = draw_rows(rows, spec, _title(groups))
    return shown


def label(name: str, rank: int) -> str:
    """A name beside a row or line; one that will be cut is told by its rank."""
    return name if len(name) <= 24 else f"{rank}. {name}"


def _title(groups: Sequence[Group]) -> str:
    firsts = [group.runs[0] for group in groups]
    of = "" if same_examples(firsts) else f" of {name_of_data(firsts[0])}"
    return f"The same test examples{of}, reconstructed by the first seed of each group"


def _reconstructed(
    group: Group, first: RecordedRun, x: np.ndarray, device: torch.device
) -> tuple[np.ndarray, int]:
    """Reconstructions [N, *shape] by a group's first run, and the size of its code.

    Raises:
        ValueError: Its model takes other examples than these.
        AerunError: Its weights cannot be loaded.
    """
    run = group.runs[0]
    if not same_units(run, first):
        raise ValueError("its examples have another shape or other units")
    model = trained(dict(run.config), run.directory).to(device)
    return model.reconstruct(x), model.encode(x[:1]).shape[1]


def _principal(
    data: Data, sizes: Sequence[int], x: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """What PCA keeps of examples [N, *shape] at each size that is one of its own."""
    spec, number = data.spec, int(np.prod(data.spec.shape))
    most = min(len(data.train), pca_examples(number))
    fitting = sorted({s for s in sizes if s < number and s <= most})[:_PRINCIPALS]
    if not fitting:
        return
    found = principal(data.train, fitting[-1])
    if found is None:
        return
    flat = spec.scaled(x).reshape(len(x), -1)
    for size in fitting:
        restored = found.reconstruct(flat, size).reshape(x.shape)
        yield f"PCA, code {size}", spec.unscaled(restored)
