"""What every figure promises, over one list of all of them."""

import time
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aerun.reporting.activity import activity
from aerun.reporting.bars import kl_per_dimension
from aerun.reporting.chain import chain_map
from aerun.reporting.courses import Band, course_panels
from aerun.reporting.curves import loss_curves
from aerun.reporting.filters import filter_grid
from aerun.reporting.images import image_grid, sample_grid, vector_grid
from aerun.reporting.knobs import Knob, KnobLine, knob_panels
from aerun.reporting.latent import latent_map
from aerun.reporting.learning import label_curve
from aerun.reporting.search import Outcomes, search_history

DIGITS = load_digits()
IMAGES = DIGITS.images[:, None] / 16
LABELS = DIGITS.target
NAMES = [str(digit) for digit in range(10)]
NOISE = np.random.default_rng(0).normal(size=(1797, 16))
CODES = 4 * np.random.default_rng(1).normal(size=(10, 16))[LABELS] + NOISE
ROWS = [
    {
        "epoch": epoch,
        "train/loss": 90 / epoch,
        "train/reconstruction": 80 / epoch,
        "train/kl": 10 / epoch,
        "kl_weight": min(1.0, epoch / 9),
        "val/loss": 95 / epoch,
        "val/reconstruction": 85 / epoch,
        "val/kl": 10 / epoch,
        "val/mse": 0.1 / epoch,
        "lr": 1e-3,
    }
    for epoch in range(1, 31)
]

PHASES = [{**row, "phase": f"level_{1 + (row['epoch'] > 12)}"} for row in ROWS]

COURSES = {
    f"${n}_ a group of a long name": Band(
        epochs=np.arange(1, 31),
        mean=(2 + n) / np.arange(1, 31),
        deviation=None if n % 2 else 0.3 / np.arange(1, 31),
    )
    for n in range(10)
}


def knob(values: list[str], *, lines: int) -> Knob:
    """A knob with so many lines; none: with a mean, and the best."""
    places = np.arange(len(values))
    drawn = [
        KnobLine(
            name=f"${n}_ of a rather long name",
            places=places,
            mean=(1.0 + n) / (1 + places),
            deviation=np.where(places % 2, 0.1, np.nan),
        )
        for n in range(max(lines, 1))
    ]
    return Knob(
        name="regularizer.contractive.$weight",
        values=values,
        lines=drawn if lines else [],
        average=None if lines else drawn[0],
        best=None if lines else drawn[0],
        places=places[::-1].copy(),
        figures=1.0 / (1 + places[::-1]),
    )


WORDS = [f"[{n},256,128,64] $\\alpha$ and more" for n in range(40)]
NUMBERS = [f"{1e-5 * 1.3**n}" for n in range(40)]

grid = partial(image_grid, low=0.0, high=1.0)
samples = partial(sample_grid, low=0.0, high=1.0)
vectors = partial(vector_grid, feature_names=None)
mapped = partial(latent_map, classes=NAMES)


def pair(values: np.ndarray) -> dict[str, np.ndarray]:
    """Label values and a noisy copy as a grid expects them."""
    noisy = values + 0.1 * np.resize(NOISE, values.shape)
    return {"input": values, "reconstruction": noisy}


FIGURES = {
    "curves": partial(loss_curves, ROWS),
    "curves, one row": partial(loss_curves, ROWS[:1]),
    "curves, 2000 rows": partial(
        loss_curves, [{**ROWS[i % 30], "epoch": i} for i in range(2000)]
    ),
    "curves of two phases": partial(loss_curves, PHASES),
    "curves of ten phases": partial(
        loss_curves, [{**row, "phase": f"level_{row['epoch'] // 3}"} for row in ROWS]
    ),
    "courses of ten groups": partial(
        course_panels, {"val/mse": COURSES, "val/loss": COURSES}, names=list(COURSES)
    ),
    "a course of an epoch": partial(
        course_panels,
        {"val/mse": {"a": Band(epochs=np.ones(1), mean=np.ones(1), deviation=None)}},
        names=["a"],
    ),
    "a knob of 40 words": partial(
        knob_panels, [knob(WORDS, lines=6)], metric="val/mse"
    ),
    "knobs of numbers": partial(
        knob_panels,
        [knob(NUMBERS, lines=0), knob(["0", "1"], lines=1), knob(["1", "2"], lines=3)],
        metric="val/mse",
    ),
    "one knob of two values": partial(
        knob_panels, [knob(["a", "b"], lines=1)], metric="val/$mse"
    ),
    "digits": partial(grid, pair(IMAGES[:10])),
    "three rows": partial(grid, {**pair(IMAGES[:10]), "corrupted": IMAGES[10:20]}),
    "28 x 20": partial(grid, pair(np.ones((3, 1, 28, 20)))),
    "33 x 47 colour": partial(grid, pair(np.ones((4, 3, 33, 47)) / 2)),
    "300 x 400": partial(grid, pair(np.ones((2, 1, 300, 400)) / 2)),
    "1 x 60": partial(grid, pair(np.ones((2, 1, 1, 60)) / 2)),
    "64 samples": partial(samples, IMAGES[:64]),
    "1 sample": partial(samples, IMAGES[:1]),
    "vectors in 1-D": partial(vectors, pair(CODES[:, :1])),
    "vectors in 2-D": partial(vectors, pair(CODES[:, :2])),
    "vectors in 3-D": partial(vectors, pair(CODES[:, :3])),
    "vectors in 16-D": partial(vectors, pair(CODES)),
    "vectors, 1 example": partial(vectors, pair(CODES[:1])),
    "vectors, 4 examples": partial(vectors, pair(CODES[:4])),
    "five rows of vectors in 16-D": partial(
        vectors, {f"{n} of a rather long name": CODES + n for n in range(5)}
    ),
    "vectors in 64-D": partial(vectors, pair(IMAGES.reshape(-1, 64))),
    "codes in 1-D": partial(mapped, CODES[:, :1], LABELS),
    "codes in 2-D": partial(mapped, CODES[:, :2], LABELS),
    "codes in 3-D": partial(mapped, CODES[:, :3], LABELS),
    "codes in 16-D": partial(mapped, CODES, LABELS),
    "codes in 1-D, prior": partial(mapped, CODES[:, :1], LABELS, prior=NOISE[:, :1]),
    "codes in 2-D, prior": partial(mapped, CODES[:, :2], None, prior=NOISE[:, :2]),
    "codes in 3-D, prior": partial(mapped, CODES[:, :3], LABELS, prior=NOISE[:, :3]),
    "codes in 16-D, prior": partial(mapped, CODES, LABELS, prior=NOISE),
    "errors over labels": partial(
        label_curve,
        [100, 300, 20_000],
        {"a": NOISE[0, :3] + 9, "b": NOISE[1, :3] + 9},
        {"a": NOISE[2, :3] ** 2, "b": NOISE[3, :3] ** 2},
    ),
    "errors at one number of labels": partial(
        label_curve,
        [1000],
        {"a": np.ones(1), "b": np.zeros(1)},
        {"a": np.zeros(1), "b": np.ones(1)},
    ),
    "a chain": partial(chain_map, LABELS.reshape(-1, 1), classes=NAMES),
    "ten chains": partial(chain_map, np.resize(LABELS, (1000, 10)), classes=NAMES),
    "chains of a step": partial(chain_map, LABELS[None, :10], classes=NAMES),
    "a chain of 40 classes": partial(
        chain_map, np.arange(400).reshape(40, 10) % 40, classes=["a $b"] * 40
    ),
    "256 filters": partial(filter_grid, np.resize(CODES, (256, 1, 8, 8))),
    "colour filters": partial(filter_grid, np.resize(CODES, (7, 3, 5, 5))),
    "a search": partial(
        search_history,
        Outcomes(
            completed=dict(enumerate(NOISE[0] ** 2, 5)), given_up={3: 0.4}, failed=[9]
        ),
        {f"$key_{n} of a rather long name, longer": 1 / (n + 2) for n in range(20)},
        metric="val/$mse",
        maximize=False,
    ),
    "a search of a trial": partial(
        search_history, Outcomes(completed={0: 0.0}), {}, metric="a", maximize=True
    ),
    "bars": partial(kl_per_dimension, np.abs(CODES[0])),
    "2000 bars": partial(kl_per_dimension, np.resize(np.abs(CODES), 2000)),
    "bars of a collapsed code": partial(kl_per_dimension, np.zeros(4)),
    "activity": partial(activity, IMAGES.mean((0, 1, 2)), IMAGES.ravel(), wanted=None),
    "activity, wanted": partial(activity, CODES[0] ** 2, CODES.ravel(), wanted=0.05),
    "activity of one unit": partial(activity, np.ones(1), np.ones(1), wanted=None),
    "activity of 2000 units": partial(
        activity, np.resize(CODES, 2000), np.resize(CODES, 2_000_000), wanted=0.05
    ),
    "activity of a dead code": partial(activity, np.zeros(9), np.zeros(9), wanted=0.1),
}
every_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


@every_figure
def test_a_picture_of_sensible_size_holds_any_title_and_keeps_its_rim(draw, decode):
    """A title is taken literally and wrapped; the outermost pixels stay white."""
    pixels = decode(draw(title="costs $\\frac{$ 5$ 图 \N{GRINNING FACE} " * 6))
    height, width = pixels.shape[:2]
    assert 60 < height < 2000
    assert 300 < width < 2000
    assert len(np.unique(pixels)) > 2
    for rim in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]):
        assert (rim == 255).all()


@pytest.mark.slow
@every_figure
def test_same_input_gives_same_bytes_within_a_second(draw):
    """A figure drawn again is the same file, undated, in under a processor second."""
    png = draw(title="a run")
    durations = []
    for _ in range(3):  # a busy machine slows one drawing, seldom all
        start = time.process_time()
        assert png == draw(title="a run")
        durations.append(time.process_time() - start)
    assert min(durations) < 1.0
    assert b"tEXt" not in png
