"""Where the codes lie: a map of code space, coloured by class, over the prior."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from aerun.reporting.canvas import (
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    add_legend,
    fitted_limits,
    new_figure,
    plain,
    style_axes,
    text_width,
    to_png,
)
from aerun.reporting.groups import Group, evenly_spaced, group_by_class
from aerun.reporting.plane import plane_of

MAXIMUM_POINTS = 5000
MAXIMUM_TEXTS = 500  # more labels in space would cover each other
MAXIMUM_SQUASH = 3.0  # ratio of the axes' ranges up to which they share a scale
MASSES = (0.95, 0.5)  # of the prior inside its contours
WIDTHS = (0.8, 1.6)  # of these contours
FINE = 100  # cells along each axis in which the prior's samples are counted


def latent_map(
    codes: np.ndarray,
    labels: np.ndarray | None,
    *,
    classes: Sequence[str] | None,
    title: str,
    prior: np.ndarray | None = None,
) -> bytes:
    """Show codes: histogram (D = 1), plane (2), space (3), first components (> 3).

    Args:
        codes: One code per example, [N, D], N >= 1, D >= 1, finite.
        labels: Class index of each example, [N] integers; None if unknown.
        classes: Name of each class by index; None to show the indices.
        title: Text above the map.
        prior: Samples of the distribution that codes are to have, [M, D], at least
            some thousands; None where there is none.

    Returns:
        A PNG file; contours hold 50 % and 95 % of the prior, but in space it is not
        shown. At most 5000 evenly spaced examples are drawn. In space, names of
        one or two characters are drawn in place of at most 500 points.

    Raises:
        ValueError: The shapes do not fit, or a code is not finite.
    """
    codes = np.asarray(codes, dtype=np.float64)
    _check(codes, labels)
    kept = evenly_spaced(len(codes), MAXIMUM_POINTS)
    codes = codes[kept]
    labels = None if labels is None else np.asarray(labels)[kept]
    groups = group_by_class(labels, classes, count=len(codes))

    num_dimensions = codes.shape[1]
    if num_dimensions == 1:
        figure = _histogram(codes[:, 0], groups, prior, title=title)
    elif num_dimensions == 2:
        names: Sequence[str] = ("code 0", "code 1")
        figure = _plane(codes, groups, prior, names=names, title=title)
    elif num_dimensions == 3:
        figure = _space(codes, groups, title=title)
    else:
        plane = plane_of(codes)
        points, names = plane.project(codes), plane.names
        prior = None if prior is None else plane.project(prior)
        text = f"{title} (2 of {num_dimensions} dimensions, PCA)"
        figure = _plane(points, groups, prior, names=names, title=text)
    shown = 0 if prior is None else {1: 1, 3: 0}.get(num_dimensions, len(MASSES))
    _add_legend(figure, groups, num_contours=shown)
    # Equal scales change the size of the axes, and with it what the ticks say: the
    # layout of the first pass would cut labels off.
    figure.draw_without_rendering()
    return to_png(figure)


def _check(codes: np.ndarray, labels: np.ndarray | None) -> None:
    """Raise a ValueError where codes or labels cannot be drawn."""
    if codes.ndim != 2 or codes.size == 0 or not np.isfinite(codes).all():
        raise ValueError(
            f"codes have shape {list(codes.shape)} and {np.isfinite(codes).sum()} "
            "finite values; expected [N, D], no size 0, all finite"
        )
    if labels is not None and np.shape(labels) != (len(codes),):
        raise ValueError(
            f"labels have shape {list(np.shape(labels))}; expected [{len(codes)}], "
            "one per code"
        )


def _add_legend(figure: Figure, groups: list[Group], *, num_contours: int) -> None:
    """Name the classes and the prior's lines at the right, if there are any."""
    handles, names = [], []
    for group in groups if groups[0].name else []:
        look: dict[str, Any] = {"color": group.colour, "marker": group.marker}
        handles.append(Line2D([], [], linewidth=0, markersize=5, **look))
        names.append(group.name)
    for width, mass in zip(WIDTHS, MASSES[:num_contours], strict=False):
        handles.append(Line2D([], [], color=INK, linewidth=width))
        names.append("prior" if num_contours == 1 else f"{mass:.0%} of prior")
    if handles:
        add_legend(figure, handles, names, side="right")


def _histogram(
    values: np.ndarray, groups: list[Group], prior: np.ndarray | None, *, title: str
) -> Figure:
    """Stack the classes' counts over one code dimension, values [N]."""
    figure = new_figure(6.4, 4.0, title=title)
    axes = figure.add_subplot()
    low, high = _limits(values, None if prior is None else prior[:, 0])
    bins = int(np.clip(np.sqrt(len(values)), 10, 50))
    base = np.zeros(bins)
    for group in groups:
        counts, edges = np.histogram(values[group.chosen], bins, (low, high))
        # One outline per class draws far faster than a patch per bin.
        style: dict[str, Any] = {"fill": True, "color": group.colour, "linewidth": 0}
        axes.stairs(base + counts, edges, baseline=base, **style)
        base = base + counts
    if prior is not None:
        shares, edges = np.histogram(prior[:, 0], bins, (low, high))
        expected = shares * (len(values) / len(prior))
        axes.stairs(expected, edges, color=INK, linewidth=1.0)
        base = np.maximum(base, expected)
    axes.set_ylim(0, 1.06 * base.max())
    style_axes(axes)
    axes.set_xlim(low, high)
    axes.set_xlabel("code 0", fontsize=LABEL_SIZE)
    axes.set_ylabel("number of examples", fontsize=LABEL_SIZE)
    return figure


def _limits(values: np.ndarray, prior: np.ndarray | None) -> tuple[float, float]:
    """Fit an axis to codes [N] and to nearly all of the prior's samples [M]."""
    if prior is None:
        return fitted_limits(values)
    return fitted_limits(np.r_[values, np.quantile(prior, [0.005, 0.995])])


def _plane(
    points: np.ndarray,
    groups: list[Group],
    prior: np.ndarray | None,
    *,
    names: Sequence[str],
    title: str,
) -> Figure:
    """Draw points [N, 2] in one layer per marker, so that no class covers another."""
    figure = new_figure(6.4, 5.4, title=title)
    axes = figure.add_subplot()
    size = float(np.clip(20000 / len(points), 5, 30))
    for marker in dict.fromkeys(group.marker for group in groups):
        alike = [group for group in groups if group.marker == marker]
        chosen = np.any([group.chosen for group in alike], axis=0)
        colours = np.full(len(points), INK)
        for group in alike:
            colours[group.chosen] = group.colour
        look: dict[str, Any] = {"s": size, "alpha": 0.75, "linewidths": 0}
        x, y = points[chosen].T
        axes.scatter(x, y, c=colours[chosen], marker=marker, **look)
    style_axes(axes)
    limits = [
        _limits(values, None if prior is None else prior[:, i])
        for i, values in enumerate(points.T)
    ]
    if prior is not None:
        _draw_contours(axes, prior)
    axes.set(xlim=limits[0], ylim=limits[1])
    ranges = [high - low for low, high in limits]
    if max(ranges) <= MAXIMUM_SQUASH * min(ranges):
        axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel(names[0], fontsize=LABEL_SIZE)
    axes.set_ylabel(names[1], fontsize=LABEL_SIZE)
    return figure


def _draw_contours(axes: Axes, prior: np.ndarray) -> None:
    """Lines around the densest parts of the prior's samples [M, 2]."""
    from scipy.ndimage import gaussian_filter

    # The prior's own range, however far codes lie, and room for the smoothed rim.
    ends = np.quantile(prior, [0.001, 0.999], axis=0)
    ranges = (ends + [[-0.2], [0.2]] * np.ptp(ends, axis=0)).T.tolist()
    counts, x, y = np.histogram2d(prior[:, 0], prior[:, 1], FINE, ranges)
    density = gaussian_filter(counts, 2.0, mode="constant")
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling) / len(prior)
    places = np.minimum(np.searchsorted(held, MASSES), held.size - 1)
    levels = falling[places].tolist()
    if not 0 < levels[0] < levels[1] < falling[0]:
        return
    centres = [(edges[1:] + edges[:-1]) / 2 for edges in (x, y)]
    axes.contour(
        *centres, density.T, levels=levels, colors=INK, linewidths=WIDTHS, zorder=3
    )


def _space(points: np.ndarray, groups: list[Group], *, title: str) -> Figure:
    """Draw points [N, 3] as their class names where short, else as markers."""
    # The vertical axis' label reaches out of the axes; a wide legend would hide it.
    legend_width = max(text_width(plain(group.name), TICK_SIZE) for group in groups)
    figure = new_figure(6.9 + min(legend_width, 2.0), 5.6, title=title)
    # Matplotlib's type stubs know no axes in space.
    axes: Any = figure.add_subplot(projection="3d")
    written = all(1 <= len(group.name.strip()) <= 2 for group in groups)
    drawn = np.zeros(len(points), dtype=bool)
    drawn[evenly_spaced(len(points), MAXIMUM_TEXTS if written else len(points))] = True
    style: dict[str, Any]
    for group in groups:
        members = points[group.chosen & drawn]
        if written:
            outline, size = _letters(plain(group.name))
            style = {"marker": outline, "s": size, "depthshade": False}
        else:
            style = {"marker": group.marker, "s": 8, "alpha": 0.75}
        axes.scatter(*members.T, color=group.colour, linewidths=0, **style)
    for letter, index in zip("xyz", range(3), strict=True):
        limits = fitted_limits(points[drawn, index])
        getattr(axes, f"set_{letter}lim")(*limits)
        getattr(axes, f"set_{letter}label")(f"code {index}", fontsize=LABEL_SIZE)
    axes.tick_params(labelsize=TICK_SIZE)
    return figure


def _letters(text: str) -> tuple[Path, float]:
    """Outline a short text as a marker: hundreds of text objects take a second.

    Args:
        text: One or two characters, safe to draw.

    Returns:
        The outline about its own centre, and the area in square points at which
        its letters have the size of a label.
    """
    outline = TextPath((0, 0), text, size=LABEL_SIZE)
    centre = outline.get_extents().get_points().mean(axis=0)
    vertices = outline.vertices - centre
    # Matplotlib shrinks a marker's outline to the square that s is the area of.
    return Path(vertices, outline.codes), float((2 * np.abs(vertices).max()) ** 2)
