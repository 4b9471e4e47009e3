"""Tables drawn with everything odd that a .csv file may hold."""

import csv
import io
from pathlib import Path
from typing import Any

from filing import NAMES, given_data, trained_on
from holding import examples, hold, swept
from hypothesis import strategies as st

CELLS = [
    "", " ", "nan", "NaN", "inf", "-inf", "1e400", "1e300", "-1e300", "1e-320", "0",
    "1", "-1", "0.1", "1,5", "1_000", "0x10", "\"", "'", "a", "é", "=1+1", "\0",
    "1e38", "3.4e39", "5e-324", "true", "None", "N/A", "1 2", "+1", "\uff11",
]  # fmt: skip
PIECES = [
    b",", b"\n", b'"', b"1", b"\xff", b"\0", b"\r", b";", b" ", b"a", b"-", b"e5",
    b"\t", b"\xef\xbb\xbf", b"'", b"\\", b"1,2\n3,4\n5,6\n", b"1\n2\n3\n",
]  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {},
    *({"scale": scale} for scale in ("unit", "standard", "zca", "none")),
    *({"validation": held} for held in (0.5, 1, 2, 0.99)),
    *({"test": held} for held in (1, 0.9)),
    *({"limit": limit} for limit in (1, 2)),
    {"binarize": "fixed"},
    *({"exclude_classes": classes} for classes in ([0], ["1"], ["a"])),
    {"scale": "zca", "zca_epsilon": 1e-300},
]
"""What every data set may be given beside its path."""

_DELIMITERS = st.sampled_from([",", ";", "\t", "|"])
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_ENCODINGS = st.sampled_from(["utf-8"] * 8 + ["utf-8-sig", "utf-8-sig", "utf-16"])
_QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])


def _cells(kind: str) -> st.SearchStrategy[str]:
    """What may stand in a column."""
    finite = st.floats(-1e3, 1e3).map(repr)
    if kind == "constant":
        return st.just("0.1")
    if kind == "odd":
        return st.one_of(finite, st.sampled_from(CELLS))
    if kind == "wide":
        return st.floats(allow_nan=False, allow_infinity=False).map(repr)
    return finite


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a table, and options to read it with."""
    number = draw(st.sampled_from([0, 1, 2, 3, 3, 4, 5, 9, 12]))
    usual = ["numbers", "numbers", "constant"]
    kinds = draw(st.lists(st.sampled_from(usual), min_size=1, max_size=3))
    if draw(st.integers(0, 3)) == 0:
        kinds[0] = draw(st.sampled_from(["odd", "wide"]))
    chances = st.lists(st.sampled_from(NAMES), min_size=4, max_size=4)
    names = draw(chances if draw(st.integers(0, 9)) == 0 else chances.map(_different))
    labelled = draw(st.booleans())
    classes = st.sampled_from(draw(st.lists(st.sampled_from(NAMES), min_size=1)))
    rows = [[draw(_cells(kind)) for kind in kinds] for _ in range(number)]
    if labelled:
        rows = [[*row, draw(classes)] for row in rows]
    columns = len(kinds) + labelled
    if titled := draw(st.integers(0, 3)) > 0:
        rows.insert(0, names[:columns])
    if rows and draw(st.integers(0, 9)) == 0:  # ragged
        rows[draw(st.integers(0, len(rows) - 1))].append("1")
    text = io.StringIO()
    kinds_of_text = {"delimiter": draw(_DELIMITERS), "lineterminator": draw(_ENDS)}
    csv.writer(text, quoting=draw(_QUOTING), **kinds_of_text).writerows(rows)
    options: dict[str, Any] = dict(draw(st.sampled_from(OPTIONS)))
    if labelled:
        options["label"] = names[columns - 1] if titled else columns
    if draw(st.integers(0, 9)) == 0:
        options["exclude_columns"] = [draw(st.sampled_from([*names, 1, "1"]))]
    return text.getvalue().encode(draw(_ENCODINGS)), options


def _different(names: list[str]) -> list[str]:
    """The same names, none twice."""
    return [
        name if name not in names[:i] else f"{name} {i}" for i, name in enumerate(names)
    ]


@examples(few=25, many=1500)
def test_a_table_is_read_or_refused_in_words(alone: Path, number: int) -> None:
    """Whatever is in it: finite examples with labels of its classes, or a message."""

    def check(drawn: tuple[bytes, dict[str, Any]]) -> None:
        content, options = drawn
        Path("mine.csv").write_bytes(content)
        given_data("csv", Path("mine.csv"), **options)

    hold(number, tables(), check)


@examples(few=15, many=1000)
def test_any_bytes_are_a_table_or_refused(alone: Path, number: int) -> None:
    """No file makes the reader fail otherwise than with a message."""

    def check(content: bytes) -> None:
        Path("mine.csv").write_bytes(content)
        given_data("csv", Path("mine.csv"))

    pieces = st.sampled_from(PIECES)
    hold(number, st.one_of(st.lists(pieces).map(b"".join), st.binary()), check)


@examples(few=2, many=30)
def test_a_table_that_is_read_trains(alone: Path, number: int) -> None:
    """With names of columns and classes that no picture, page or file stumbles over."""

    def check(drawn: tuple[bytes, dict[str, Any]]) -> None:
        content, options = drawn
        folder = alone / "a b=[c] 'é'"
        folder.mkdir()
        (folder / "x.csv").write_bytes(content)
        trained_on("csv", folder / "x.csv", **options)
        swept(alone)

    hold(number, tables(), check)
