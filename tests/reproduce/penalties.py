"""What the two penalties on a unit's mean activity cost, by the tool's own formulas."""

from typing import Any

import numpy as np
import torch
from torch import nn

from aerun.models.outputs import Outputs
from aerun.reporting.canvas import (
    CLASS_COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    add_legend,
    new_panels,
    style_axes,
    to_png,
)
from aerun.sparsity import KLSparsity, SquaredSparsity

WANTED = 0.1
_POINTS = 200
_TERMS = {"KL divergence": KLSparsity, "squared distance": SquaredSparsity}


def cost_and_slope(term: Any, activity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Penalty of one unit at each mean activity, and the size of its gradient, [N]."""
    means = torch.tensor(activity, requires_grad=True)
    penalty = term(code_size=1, momentum=0)
    rho = torch.tensor(WANTED, dtype=means.dtype)
    costs = torch.stack([penalty(_batch(m), nn.Identity(), rho=rho) for m in means])
    (slope,) = torch.autograd.grad(costs.sum(), means)
    return costs.detach().numpy(), slope.abs().numpy()


def _batch(mean: torch.Tensor) -> Outputs:
    """The code of one example and one unit."""
    code = mean.reshape(1, 1)
    return Outputs(recon=code, code=code)


def penalty_curves() -> bytes:
    """A PNG file: penalties, and how hard they pull, over the mean activity."""
    activity = np.linspace(0, 1, _POINTS + 1)[1:-1]
    figure, grid = new_panels(
        1, 2, size=(3.4, 2.6), left=0.75, below=0.5, shared=False,
        title=f"Penalties of one unit that is to be active {WANTED:g} of the time",
    )  # fmt: skip
    wanted: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": (0, (4, 3))}
    handles = []
    for place, term in enumerate(_TERMS.values()):
        for axes, values in zip(grid.flat, cost_and_slope(term, activity), strict=True):
            look: dict[str, Any] = {"color": CLASS_COLOURS[place], "linewidth": 1.6}
            (line,) = axes.plot(activity, values, **look)
        handles.append(line)
    for axes, title in zip(grid.flat, ("penalty", "size of its gradient"), strict=True):
        handle = axes.axvline(WANTED, zorder=1, **wanted)
        style_axes(axes)
        axes.set_xlim(0, 1)
        axes.set_title(title, fontsize=LABEL_SIZE, color=INK)
        axes.set_xlabel("mean activity of the unit", fontsize=LABEL_SIZE, color=INK)
    grid.flat[0].set_ylim(0, 1.5)
    grid.flat[1].set_ylim(0, 5)
    names = [*_TERMS, f"wanted: {WANTED:g}"]
    add_legend(figure, [*handles, handle], names, side="bottom")
    return to_png(figure)
