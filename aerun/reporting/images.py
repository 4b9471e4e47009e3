"""Examples beside their reconstructions, and samples: images or plain vectors."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import (  # type: ignore[import-untyped]
    Line3DCollection,
)

from aerun.reporting.canvas import (
    CLASS_COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    TICK_SIZE,
    add_legend,
    fitted_limits,
    new_figure,
    new_panels,
    plain,
    shorten,
    style_axes,
    text_width,
    to_png,
)
from aerun.reporting.tiles import draw_tiles, near_square, to_tiles

MAXIMUM_PANELS = 6
MAXIMUM_NAMED_FEATURES = 30  # more names would not be legible along an axis
SCATTER_ALPHA = 0.8
MARKERS = ("o", "x", "^", "s")


def image_grid(
    rows: dict[str, np.ndarray], *, low: float, high: float, title: str
) -> bytes:
    """Show matching images in labelled rows, one column per example.

    Args:
        rows: Label -> images [N, C, H, W], C = 1 or 3; the same N, H and W in each,
            N about 10 at most.
        low: Pixel value drawn black; smaller ones are clipped.
        high: Pixel value drawn white, > ``low``; larger ones are clipped.
        title: Text above the grid.

    Returns:
        A PNG file.

    Raises:
        ValueError: Rows differ in N, H or W, or are not images.
    """
    _check_same_shape({label: row[:, 0] for label, row in rows.items()})
    tiles = [to_tiles(images, low=low, high=high) for images in rows.values()]
    return draw_tiles(
        np.concatenate(tiles), columns=len(tiles[0]), title=title, labels=list(rows)
    )


def sample_grid(images: np.ndarray, *, low: float, high: float, title: str) -> bytes:
    """Show images in a near-square grid, in reading order.

    Args:
        images: Images [N, C, H, W], C = 1 or 3.
        low: Pixel value drawn black; smaller ones are clipped.
        high: Pixel value drawn white, > ``low``; larger ones are clipped.
        title: Text above the grid.

    Returns:
        A PNG file.

    Raises:
        ValueError: ``images`` are not images, or the range is empty.
    """
    tiles = to_tiles(images, low=low, high=high)
    count, height, width, _ = tiles.shape
    columns = near_square(count, height=height, width=width)
    return draw_tiles(tiles, columns=columns, title=title)


def vector_grid(
    rows: dict[str, np.ndarray], *, feature_names: list[str] | None, title: str
) -> bytes:
    """Show matching vectors: a scatter in 2 or 3 dimensions, else their profiles.

    Args:
        rows: Label -> vectors [N, D], the same shape in each. The scatter joins each
            vector of the first row to its partner in the last.
        feature_names: D names for the axes; None for plain numbers.
        title: Text above the figure.

    Returns:
        A PNG file with all N points (D = 2 or 3) or the first 6 examples.

    Raises:
        ValueError: Rows differ in shape, or the number of names is not D.
    """
    rows = {label: np.asarray(row, dtype=np.float64) for label, row in rows.items()}
    num_features = _check_same_shape(rows)[1]
    infinite = [label for label, row in rows.items() if not np.isfinite(row).all()]
    if infinite:
        raise ValueError(
            f"rows {infinite} hold NaN or infinity; expected finite values"
        )
    if feature_names is not None and len(feature_names) != num_features:
        raise ValueError(
            f"feature_names has {len(feature_names)} names; expected one for each of "
            f"{num_features} features"
        )
    if num_features in (2, 3):
        names = feature_names or [f"feature {i}" for i in range(num_features)]
        figure = _scatter(rows, names=names, title=title)
        lines = [
            {**style, "linewidth": 0, "alpha": SCATTER_ALPHA}
            for style in _line_styles(len(rows))
        ]
    else:
        figure = _profiles(rows, names=feature_names, title=title)
        lines = _line_styles(len(rows), marked=num_features <= MAXIMUM_NAMED_FEATURES)
    handles = [Line2D([], [], **line) for line in lines]
    add_legend(figure, handles, list(rows), side="bottom")
    return to_png(figure)


def _check_same_shape(rows: dict[str, np.ndarray]) -> tuple[int, ...]:
    """Return the shape that all rows share, or raise a ValueError."""
    shapes = {label: np.shape(row) for label, row in rows.items()}
    if len(set(shapes.values())) != 1 or 0 in next(iter(shapes.values())):
        raise ValueError(f"rows have shapes {shapes}; expected one shape without a 0")
    return next(iter(shapes.values()))


def _line_styles(count: int, *, marked: bool = True) -> list[dict[str, Any]]:
    """Tell ``count`` rows apart; the first is broad, to be seen beneath a match."""
    return [
        {
            "color": CLASS_COLOURS[index % len(CLASS_COLOURS)],
            "marker": MARKERS[index % len(MARKERS)] if marked else None,
            "markersize": 4.5,
            "linewidth": 1.0 if index else 3.0,
            "alpha": 1.0 if index else 0.5,
        }
        for index in range(count)
    ]


def _scatter(rows: dict[str, np.ndarray], *, names: list[str], title: str) -> Figure:
    """Draw [N, 2] or [N, 3] points, with first and last row joined in grey."""
    num_features = len(names)
    figure = new_figure(6.0, 5.6, title=title)
    points = list(rows.values())
    segments = np.stack([points[0], points[-1]], axis=1)
    size = 14 if len(points[0]) <= 500 else 5
    kind: dict[str, Any] = {"projection": "3d"} if num_features == 3 else {}
    # Matplotlib's type stubs know no axes in space.
    axes: Any = figure.add_subplot(**kind)
    if num_features == 3:
        axes.add_collection3d(
            Line3DCollection(segments, colors=GREY, linewidths=0.5, alpha=0.6)
        )
        axes.set_box_aspect(None, zoom=1.02)
        axes.tick_params(labelsize=TICK_SIZE)
    else:
        # One line broken by NaN is drawn far faster than N separate ones.
        gaps = np.full((len(segments), 1, 2), np.nan)
        path = np.concatenate([segments, gaps], axis=1).reshape(-1, 2)
        axes.plot(*path.T, color=GREY, linewidth=0.5, alpha=0.6, zorder=1)
        style_axes(axes)
    for row, style in zip(points, _line_styles(len(points)), strict=True):
        look: dict[str, Any] = {"color": style["color"], "marker": style["marker"]}
        axes.scatter(*row.T, **look, s=size, linewidths=0.8, alpha=SCATTER_ALPHA)
    for letter, name, values in zip(
        "xyz", names, np.concatenate(points).T, strict=False
    ):
        getattr(axes, f"set_{letter}label")(
            plain(shorten(name, 24)), fontsize=LABEL_SIZE
        )
        getattr(axes, f"set_{letter}lim")(*fitted_limits(values))
    return figure


def _profiles(
    rows: dict[str, np.ndarray], *, names: list[str] | None, title: str
) -> Figure:
    """Draw one panel per example of [N, D] rows: value over feature index."""
    num_examples, num_features = next(iter(rows.values())).shape
    count = min(num_examples, MAXIMUM_PANELS)
    columns = min(count, 3)
    lines = -(-count // columns)
    few = num_features <= MAXIMUM_NAMED_FEATURES
    ticks = [plain(shorten(name, 18)) for name in names or []] if few else []
    deepest = max((text_width(tick, TICK_SIZE) for tick in ticks), default=0.0)
    figure, grid = new_panels(
        lines,
        columns,
        size=(3.0 if columns > 1 else 4.5, 1.6),
        left=0.6,
        below=0.5 + deepest,
        shared=True,
        title=title,
        labels=list(rows),
    )
    styles = _line_styles(len(rows), marked=few)
    for index, axes in enumerate(grid.flat):
        if index >= count:
            axes.set_visible(False)
            continue
        for row, style in zip(rows.values(), styles, strict=True):
            axes.plot(row[index], **style)
        style_axes(axes)
        axes.set_title(f"example {index + 1}", fontsize=LABEL_SIZE, color=INK)
        # The panel above an empty place has to carry the axis itself.
        last = index + columns >= count
        axes.tick_params(labelbottom=last)
        if ticks:
            axes.set_xticks(range(num_features), ticks, rotation=90)
        else:
            axes.xaxis.set_major_locator(
                MaxNLocator(6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
            )
            axes.set_xlabel("feature" if last else "", fontsize=LABEL_SIZE)
    return figure
