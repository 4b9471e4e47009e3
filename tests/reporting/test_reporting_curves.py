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


def in_phases(*lengths: int) -> list[dict[str, float | None]]:
    """Rows of phases level_1, level_2, ... of so many epochs."""
    total = sum(lengths)
    rows = make_rows(
        train_loss=np.linspace(9, 2, total).tolist(),
        val_loss=np.linspace(8, 3, total).tolist(),
    )
    names = [
        f"level_{i + 1}" for i, length in enumerate(lengths) for _ in range(length)
    ]
    return [{"phase": name, **row} for name, row in zip(names, rows, strict=True)]


def _pieces(line):
    """The epochs of a line, parted where it is broken."""
    epochs = line.get_xdata()
    parts = np.split(epochs, np.flatnonzero(np.isnan(epochs)))
    return [[epoch for epoch in part if np.isfinite(epoch)] for part in parts]


def _boundaries(axes):
    """Where vertical lines stand between phases."""
    return [x for lines in axes.collections for x in [s[0, 0] for s in
            lines.get_segments()]]  # fmt: skip


def test_each_phase_has_lines_of_its_own_and_a_boundary(figure_of):
    """No line joins two phases; between them stands one, and each has its name."""
    rows = in_phases(3, 2)
    axes = panels(figure_of(curves, "loss_curves", rows, title=""))["loss"]
    lines = axes.get_lines()
    assert [_pieces(line) for line in lines] == [[[1, 2, 3], [4, 5]]] * 2
    for line, key in zip(lines, ("train/loss", "val/loss"), strict=True):
        drawn = line.get_ydata()
        assert drawn[np.isfinite(drawn)].tolist() == [row[key] for row in rows]
    assert _boundaries(axes) == [3.5]
    named = [(text.get_text(), text.get_position()[0]) for text in axes.texts]
    assert named == [("level 1", 2), ("level 2", 4.5)]


@pytest.mark.parametrize(
    ("lengths", "names"),
    [
        ((1, 1, 1, 1), ["level 1", "level 2", "level 3", "level 4"]),
        ((2, 1, 1, 1, 3), ["1", "2", "3", "4", "5"]),
    ],
)
def test_names_of_many_phases_are_cut(lengths, names, figure_of):
    """Up to four are written out; of more only the last word is."""
    axes = figure_of(curves, "loss_curves", in_phases(*lengths), title="").axes[0]
    assert [text.get_text() for text in axes.texts] == names
    assert [len(_pieces(line)) for line in axes.get_lines()] == 2 * [len(lengths)]
    assert len(_boundaries(axes)) == len(lengths) - 1


def test_a_quantity_of_one_phase_stays_in_it(figure_of):
    """A term that only the second level has is drawn there alone, without gaps."""
    rows = in_phases(2, 3)
    for row in rows[2:]:
        row["train/kl"] = 1.0 / row["epoch"]
    axes = panels(figure_of(curves, "loss_curves", rows, title=""))["kl"]
    (line,) = axes.get_lines()
    assert _pieces(line) == [[3, 4, 5]]


def test_rows_of_one_phase_are_drawn_as_if_they_told_none(figure_of):
    """The same file with and without its name: one line per split, no boundary."""
    rows = in_phases(5)
    bare = [{k: v for k, v in row.items() if k != "phase"} for row in rows]
    assert loss_curves(rows, title="") == loss_curves(bare, title="")
    axes = figure_of(curves, "loss_curves", bare, title="").axes[0]
    assert [len(line.get_xdata()) for line in axes.get_lines()] == [5, 5]
    assert list(axes.texts) == []
    assert _boundaries(axes) == []


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
