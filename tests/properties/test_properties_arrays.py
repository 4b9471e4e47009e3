"""Arrays of every type and shape, and files that are damaged."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from filing import given_data, trained_on
from holding import examples, hold, swept
from hypothesis import strategies as st
from test_properties_tables import OPTIONS

TYPES = [
    "?", "u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", "c8",
    ">i2", ">f4", ">f8", ">u8", "U3", "S3", "M8[s]", "m8[s]", "O", "i4,f4",
]  # fmt: skip
SHAPES = [
    (), (0,), (5,), (1, 1), (3, 1), (5, 3), (0, 3), (5, 0), (3, 1, 1), (4, 1, 4096),
    (5, 2, 3), (5, 2, 3, 1), (5, 2, 3, 3), (5, 3, 2, 3), (5, 2, 3, 2), (4, 3, 1, 1),
    (4, 1, 1, 1), (2, 2, 2, 2, 2), (12, 3), (12, 4, 4),
]  # fmt: skip
GOOD = [(5, 3), (12, 3), (12, 4, 4), (4, 3, 1, 1), (4, 1, 4096)]
FILLED = [
    "random",
    "random",
    "zeros",
    "constant",
    "nan",
    "inf",
    "huge",
    "tiny",
    "one odd",
]


def _array(
    kind: str, shape: tuple[int, ...], filled: str, *, fortran: bool
) -> np.ndarray:
    """An array of a type, whatever that makes of the values."""
    values = np.asarray(np.random.default_rng(0).random(shape) * 9)
    if filled == "zeros":
        values[...] = 0
    elif filled == "constant":
        values[...] = 0.1
    elif filled == "huge":
        values *= 1e300
    elif filled == "tiny":
        values *= 1e-320
    elif filled in ("nan", "inf"):
        values = np.where(values > 8, float(filled), values)
    elif filled == "one odd" and values.size:
        values.flat[-1] = 1e30
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if kind == "i4,f4":
            made = np.zeros(shape, dtype=kind)
        else:
            between = values.astype("i8") if kind[0] in "Mm" else values
            made = between.astype(kind)
    return np.asfortranarray(made) if fortran else made


def _arrays() -> st.SearchStrategy[np.ndarray]:
    usual, shaped = st.sampled_from(["u1", "f4", "f8"]), st.sampled_from(GOOD)
    return st.builds(
        _array,
        st.one_of(usual, usual, st.sampled_from(TYPES)),
        st.one_of(shaped, shaped, st.sampled_from(SHAPES)),
        st.sampled_from(FILLED),
        fortran=st.booleans(),
    )


def _labels(length: int) -> st.SearchStrategy[np.ndarray]:
    made = [
        np.arange(length) % 3, np.zeros(length), np.arange(length) % 2 == 0,
        np.full(length, np.nan),
        np.array(["é $x$", "b", "c\nd"])[np.arange(length) % 3],
        np.arange(length).astype("M8[s]"), np.arange(length) % 2 * 1j,
        np.zeros((length, 1)), np.arange(length + 1), np.zeros(length, dtype="i4,f4"),
        np.array(3), (np.arange(length) % 3).astype(">i8"),
        (np.arange(length) % 2).astype("S2"),
        np.array([None, "a"], dtype=object)[np.arange(length) % 2],
        np.full(length, 2**64 - 1, dtype="u8"), (np.arange(length) % 3) - 1.5,
    ]  # fmt: skip
    return st.sampled_from(made)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a .npy or .npz file, some of them damaged, and options."""
    x, stored = draw(_arrays()), io.BytesIO()
    if draw(st.booleans()):
        np.save(stored, x)
    else:
        length = len(x) if x.ndim else 0
        named = {draw(st.sampled_from(["x", "x_train", "data", "x", "é"])): x}
        if draw(st.booleans()):
            named[draw(st.sampled_from(["y", "labels"]))] = draw(_labels(length))
        if draw(st.integers(0, 3)) == 0:
            test = draw(st.one_of(st.just(x), _arrays()))
            named["x_test"] = test
            if draw(st.booleans()):
                named["y_test"] = draw(_labels(len(test) if test.ndim else 0))
        save = draw(st.sampled_from([np.savez, np.savez_compressed]))
        save(stored, **named)
    content = bytearray(stored.getvalue())
    if draw(st.integers(0, 4)) == 0:
        where = draw(st.integers(0, min(len(content), 300) - 1))
        with_bytes = draw(st.binary(min_size=1, max_size=6))
        content[where : where + len(with_bytes)] = with_bytes
    if draw(st.integers(0, 9)) == 0:
        del content[draw(st.integers(0, len(content))) :]
    options = dict(draw(st.sampled_from(OPTIONS)))
    if 4096 in x.shape:
        options.pop("scale", None)  # whitening so many values takes half a minute
    return bytes(content), options


@examples(few=40, many=2000)
def test_an_array_is_read_or_refused_in_words(alone: Path, number: int) -> None:
    """Any type, shape, order, values and damage: finite examples, or a message."""

    def check(drawn: tuple[bytes, dict[str, Any]]) -> None:
        content, options = drawn
        Path("mine.npz").write_bytes(content)
        given_data("array", Path("mine.npz"), **options)

    hold(number, files(), check)


@examples(few=2, many=30)
def test_an_array_that_is_read_trains(alone: Path, number: int) -> None:
    """One image, one class, 1x1 and 1x4096 pixels, constants: a whole run, or words."""

    def check(drawn: tuple[bytes, dict[str, Any]]) -> None:
        content, options = drawn
        Path("mine.npz").write_bytes(content)
        trained_on("array", Path("mine.npz"), **options)
        swept(alone)

    hold(number, files(), check)
