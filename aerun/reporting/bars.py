"""How much each code dimension of a variational model carries."""

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    GREY,
    LABEL_SIZE,
    add_legend,
    new_figure,
    style_axes,
    to_png,
)

ACTIVE_ABOVE = 0.01  # nats
MAXIMUM_SPACED = 128  # bars with gaps between
MAXIMUM_NAMED = 32  # more numbers would not be legible along the axis


def kl_per_dimension(kl: np.ndarray, *, title: str) -> bytes:
    """Show the KL divergence of each code dimension, largest first.

    Args:
        kl: Mean over examples of KL(posterior || prior) per dimension, [D], nats.
        title: Text above the bars, to which the number of active ones is added.

    Returns:
        A PNG file; dimensions above 0.01 nats are coloured, the others grey.

    Raises:
        ValueError: ``kl`` is not a vector of finite numbers.
    """
    kl = np.asarray(kl, dtype=np.float64)
    if kl.ndim != 1 or kl.size == 0 or not np.isfinite(kl).all():
        raise ValueError(
            f"kl has shape {list(kl.shape)} and {np.isfinite(kl).sum()} finite values; "
            "expected [D], D >= 1, all finite"
        )
    order = np.argsort(-kl, kind="stable")
    heights = kl[order]
    colours = np.where(heights > ACTIVE_ABOVE, CLASS_COLOURS[0], GREY)
    width = float(np.clip(3.0 + 0.16 * len(kl), 5.0, 9.0))
    title = f"{title} ({(kl > ACTIVE_ABOVE).sum()} of {len(kl)} dimensions active)"
    figure = new_figure(width, 3.6, title=title)
    axes = figure.add_subplot()
    # Gaps thinner than a pixel would show as random stripes.
    half = 0.4 if len(kl) <= MAXIMUM_SPACED else 0.5
    # One collection: separate bar patches take seconds for a wide code.
    x = np.arange(len(kl))[:, None] + half * np.array([-1, -1, 1, 1])
    y = heights[:, None] * np.array([0.0, 1.0, 1.0, 0.0])
    outlines = list(np.stack([x, y], axis=2))
    axes.add_collection(PolyCollection(outlines, facecolors=colours))
    style_axes(axes)
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.8, len(kl) - 0.2)
    axes.set_ylim(min(0.0, heights[-1]), max(1.06 * heights[0], 2 * ACTIVE_ABOVE))
    axes.set_ylabel("KL divergence [nats]", fontsize=LABEL_SIZE)
    text = "rank of code dimension, largest first"
    if len(kl) <= MAXIMUM_NAMED:
        axes.set_xticks(range(len(kl)), [str(dimension) for dimension in order])
        text = "code dimension, largest first"
    axes.set_xlabel(text, fontsize=LABEL_SIZE)
    add_legend(
        figure,
        [Patch(color=CLASS_COLOURS[0]), Patch(color=GREY)],
        [f"active (> {ACTIVE_ABOVE} nats)", "inactive"],
        side="bottom",
    )
    return to_png(figure)
