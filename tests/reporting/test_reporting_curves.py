"""The panels of the loss curves."""

import numpy as np
import pytest

from aerun.reporting import curves
from aerun.reporting.curves import loss_curves


def make_rows(**columns: list[float | None]) -> list[dict[str, float | None]]:
    """Turn columns (train_loss for train/loss) into rows of epochs 1, 2, ..."""
    rows = []
    for epoch, values in enumerate(zip(*columns.values(), strict=True), start=1):
        names = [
            name.replace("train_", "train/").replace("val_", "val/") for name in columns
        ]
        rows.append({"epoch": epoch, **dict(zip(names, values, strict=True))})
    return rows


def panels(figure) -> dict:
    """Find the visible panels by their titles."""
    return {axes.get_title(): axes for axes in figure.axes if axes.get_visible()}


FALLING = [4.0, 3.0, 2.0, 2.5]
FULL = {
    "train_loss": FALLING,
    "train_reconstruction": [3.0, 2.0, 1.0, 1.5],
    "train_kl": [1.0, 1.0, 1.0, 1.0],
    "kl_weight": [0.0, 0.5, 1.0, 1.0],
    "sparsity_weight": [0.1, 0.1, 0.1, 0.1],
    "val_loss": [4.5, 3.5, 2.5, 3.5],
    "val_mse": [0.4, 0.3, 0.2, 0.1],
    "lr": [0.001] * 4,
    "grad_norm": [1.0, 2.0, 3.0, 4.0],
}


def test_each_quantity_has_one_panel_in_reading_order(figure_of):
    """Panels are loss, reconstruction, terms, error, rate, and changing weights."""
    figure = figure_of(curves, "loss_curves", make_rows(**FULL), title="")
    assert list(panels(figure)) == [
        "loss",
        "reconstruction",
        "kl",
        "mean squared error",
        "learning rate",
        "kl weight",
    ]


def test_reconstruction_that_is_the_loss_has_no_panel():
    """A reconstruction equal to the loss everywhere adds nothing to the figure."""
    loss_only = {"train_loss": FALLING, "val_loss": FALLING}
    both = {**loss_only, "train_reconstruction": FALLING, "val_reconstruction": FALLING}
    expected = loss_curves(make_rows(**loss_only), title="")
    assert loss_curves(make_rows(**both), title="") == expected


@pytest.mark.parametrize("gap", [None, float("nan"), float("inf")])
def test_missing_values_are_left_out(gap, figure_of):
    """None, NaN and infinity leave no point; the line joins its neighbours."""
    rows = make_rows(train_loss=FALLING, val_loss=[5.0, gap, gap, 3.0])
    axes = panels(figure_of(curves, "loss_curves", rows, title=""))["loss"]
    train, validation = axes.get_lines()
    assert train.get_xydata().tolist() == [[1, 4], [2, 3], [3, 2], [4, 2.5]]
    assert validation.get_xydata().tolist() == [[1, 5], [4, 3]]


def test_key_that_some_rows_lack_is_a_gap():
    """A column absent from a row counts as a missing value of that row."""
    rows = make_rows(train_loss=FALLING, val_loss=[5.0, None, None, 3.0])
    ragged = [{k: v for k, v in row.items() if v is not None} for row in rows]
    assert loss_curves(ragged, title="") == loss_curves(rows, title="")


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([100.0, 10.0, 3.0], "log"),
        ([100.0, 10.0, 4.0], "linear"),
        ([100.0, 1.0, 0.0], "linear"),
        ([100.0, 1.0, -1.0], "linear"),
    ],
)
def test_vertical_axis_is_logarithmic_for_wide_positive_ranges(
    values, scale, figure_of
):
    """The axis is logarithmic only if all values are positive and span over 30x."""
    figure = figure_of(curves, "loss_curves", make_rows(train_loss=values), title="")
    assert figure.axes[0].get_yscale() == scale


def test_best_epoch_is_marked_and_named(figure_of):
    """A vertical line stands at the epoch that is given, whatever the rows say."""
    figure = figure_of(curves, "loss_curves", make_rows(**FULL), title="", best_epoch=3)
    for axes in panels(figure).values():
        assert list(axes.get_lines()[-1].get_xdata()) == [3, 3]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["train", "validation", "best"]


def test_no_best_epoch_is_marked_when_none_is_given(figure_of):
    """Without validation and a best epoch the legend names training only."""
    rows = make_rows(train_loss=FALLING)
    figure = figure_of(curves, "loss_curves", rows, title="")
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["train"]


@pytest.mark.parametrize("num_epochs", [1, 2, 3, 7, 250])
def test_epoch_ticks_are_whole_numbers(num_epochs, figure_of):
    """No tick of the epoch axis lies between two epochs, however few they are."""
    rows = make_rows(train_loss=np.linspace(2, 1, num_epochs).tolist())
    axes = figure_of(curves, "loss_curves", rows, title="").axes[0]
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


@pytest.mark.parametrize("rows", [[], [{"epoch": 1, "train/loss": None}]])
def test_rows_without_values_are_refused(rows):
    """Nothing to draw is an error that says what was missing."""
    with pytest.raises(ValueError, match="no finite"):
        loss_curves(rows, title="")
