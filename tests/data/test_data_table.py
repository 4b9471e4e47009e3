"""Tables of the user's own: every layout that is read, every mistake that is told."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aerun.config.types import problem_with
from aerun.data import DatasetOptions, Source, prepare, table
from aerun.errors import DataError
from aerun.options import option_types

HEAD, ROWS = "a,b,kind", ["1,2.5,cat", "-3e2,4,dog", "5,6,cat"]


def read(path: Path, **changes: Any) -> Source:
    """The source of a file, by the options in conf/."""
    options = {"test_path": None, "label": None, "columns": None, "exclude_columns": []}
    return table(path=str(path), **{**options, **changes})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the table of a test lies."""
    return tmp_path / "my table.csv"


def refusal(path: Path, key: str = "dataset.path", **options: Any) -> str:
    """The message of a refused table."""
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert caught.value.key == key
    return str(caught.value)


# -- what is read ----------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", ", " ; "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_every_layout_is_read(
    path: Path, delimiter: str, end: str, start: bytes
) -> None:
    """Delimiters, line ends, blank lines and a byte order mark change nothing."""
    text = end.join([HEAD, *ROWS]).replace(",", delimiter) + end
    path.write_bytes(start + text.encode())
    source = read(path, label="kind")
    np.testing.assert_array_equal(source.train[0], [[1, 2.5], [-300, 4], [5, 6]])
    assert source.train[0].dtype == np.float64
    assert source.feature_names == ("a", "b")
    assert source.classes == ("cat", "dog")
    assert source.train[1] is not None
    assert source.train[1].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "names", "number"),
    [
        ("1,2\n3,4\n5,6", ("1", "2"), 3),
        ("x,y\n3,4\n5,6", ("x", "y"), 2),
        ("id,2019\n3,4\n5,6", ("id", "2019"), 2),
        ("x\n3\n4", ("x",), 2),
        ("7", ("1",), 1),
        ('"x;1","y"\n3,4', ("x;1", "y"), 1),
        ('"two\nlines",y\n3,4\n5,6', ("two\nlines", "y"), 2),
        ("Größe,重さ\n3,4", ("Größe", "重さ"), 1),
        (",y\n3,4", ("", "y"), 1),
    ],
)
def test_names_of_columns(
    path: Path, text: str, names: tuple[str, ...], number: int
) -> None:
    """A first row of names is one; without it columns are counted from 1."""
    path.write_text(text, encoding="utf-8")
    source = read(path)
    assert source.feature_names == names
    assert source.train[0].shape == (number, len(names))


def test_a_first_row_with_a_text_label_is_a_row(path: Path) -> None:
    """A file without names and with labels loses no example (as iris.data has it)."""
    path.write_text("5.1,3.5,setosa\n4.9,3.0,setosa\n7.0,3.2,versicolor\n")
    source = read(path, label="3")
    np.testing.assert_array_equal(source.train[0], [[5.1, 3.5], [4.9, 3], [7, 3.2]])
    assert source.feature_names == ("1", "2")


def test_quotes_hold_delimiters_and_line_ends(path: Path) -> None:
    """A label may hold whatever stands between cells elsewhere."""
    path.write_text('a,kind\n"1","x, ""y""\u2028z"\n 2 , "x\n,"\n')
    source = read(path, label="kind")
    assert set(source.classes or ()) == {'x, "y"\u2028z', "x\n,"}
    np.testing.assert_array_equal(source.train[0], [[1], [2]])


@pytest.mark.parametrize(
    ("cells", "classes", "numbers"),
    [
        (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
        (["b", "a", "7"], ("7", "a", "b"), [2, 1, 0]),
    ],
)
def test_labels_are_numbered_in_order(
    path: Path, cells: list[str], classes: tuple[str, ...], numbers: list[int]
) -> None:
    """Numbers by value, before texts by the alphabet."""
    path.write_text("y,x\n" + "".join(f"{cell},1\n" for cell in cells))
    source = read(path, label="y")
    assert source.classes == classes
    assert source.train[1] is not None
    assert source.train[1].tolist() == numbers


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"columns": ["c", "a"]}, ("c", "a")),
        ({"exclude_columns": ["b"]}, ("a", "c", "d")),
        ({"columns": ["c", "a"], "exclude_columns": ["c"]}, ("a",)),
        ({"columns": ["c", "a"], "label": "c"}, ("a",)),
    ],
)
def test_columns_are_chosen(path: Path, options: Any, names: tuple[str, ...]) -> None:
    """In the order of ``columns``; neither the label nor what is excluded is among."""
    path.write_text("a,b,c,d\n1,2,3,4\n5,6,7,8\n")
    source = read(path, **options)
    assert source.feature_names == names
    wanted = [1 + "abcd".index(name) for name in names]
    np.testing.assert_array_equal(source.train[0][0], wanted)


def test_a_text_column_may_be_excluded(path: Path) -> None:
    """Only the cells of chosen columns have to be numbers."""
    path.write_text("name,x\nbob,1\nann,2\n")
    assert read(path, exclude_columns=["name"]).train[0].tolist() == [[1], [2]]


def test_test_rows_are_matched_by_name(tmp_path: Path, path: Path) -> None:
    """Columns of the test file may come in another order; labels mean the same."""
    path.write_text("\n".join([HEAD, *ROWS]))
    (tmp_path / "test.csv").write_text("kind;more;b;a\ndog;0;8;7\n")
    source = read(path, test_path=str(tmp_path / "test.csv"), label="kind")
    assert source.test is not None
    assert source.test[0].tolist() == [[7, 8]]
    assert source.test[1] is not None
    assert source.test[1].tolist() == [1]


def prepared(source: Source) -> Any:
    """Scaled data."""
    options = DatasetOptions(
        validation=0.2, test=0.2, split_seed=0, limit=None, exclude_classes=[],
        scale="unit", zca_epsilon=0.1, binarize="none",
    )  # fmt: skip
    return prepare(source, options)


def test_a_constant_column_works(path: Path) -> None:
    """It becomes 0, not NaN."""
    path.write_text("a,b\n" + "".join(f"{i},7\n" for i in range(10)))
    x = prepared(read(path)).train.gather(slice(None)).numpy()
    assert np.isfinite(x).all()
    assert (x[:, 1] == 0).all()


@pytest.mark.parametrize("cell", ["nan", "inf", "-Infinity"])
def test_values_that_are_not_finite_are_refused(path: Path, cell: str) -> None:
    """They are numbers to Python but nothing to learn from; the cell is named."""
    path.write_text("a,b\n" + "1,2\n" * 8 + f"\n3,{cell}\n5,nan\n")
    message = refusal(path)
    assert message.startswith(f"{path}, line 11, column 'b': '{cell}' is not finite; c")


@pytest.mark.parametrize("number", [1, 2])
def test_too_few_rows_are_told_with_their_file(path: Path, number: int) -> None:
    """Three parts need an example each."""
    path.write_text("a,b\n" + "1,2\n" * number)
    with pytest.raises(DataError, match="3 are the least") as caught:
        prepared(read(path))
    assert caught.value.key == "dataset.path"
    assert str(caught.value).startswith(f"{path} holds {number} example")


def test_columns_without_names_are_chosen_by_number(path: Path) -> None:
    """``dataset.label=3`` arrives as a number."""
    path.write_text("1,2,x,4\n5,6,y,8\n")
    source = read(path, label=3, columns=[1, 2, 4], exclude_columns=[2])
    assert source.feature_names == ("1", "4")
    assert source.classes == ("x", "y")
    for name, value in {
        "label": 3,
        "columns": [1, "2"],
        "exclude_columns": [1],
    }.items():
        assert problem_with(value, option_types(table)[name]) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3,4\n", "2 rows, 2 columns; the first line holds names."),
        ("1\n3\n5\n", "3 rows, 1 column; the first line is a row."),
    ],
)
def test_how_a_file_was_read_is_said(path: Path, text: str, said: str) -> None:
    """So that a lost first example or name is seen."""
    path.write_text(text)
    assert read(path).notes == (f"{path}: {said}",)


def test_a_large_table_is_read_soon(path: Path) -> None:
    """100,000 rows of 30 columns take seconds, and little more than their numbers."""
    line = ",".join(f"{i}.{i:06d}" for i in range(30)) + "\n"
    path.write_text(line * 100_000)
    start, blocks = time.process_time(), sys.getallocatedblocks()
    source = read(path)
    assert time.process_time() - start < 5
    assert source.train[0].nbytes == 100_000 * 30 * 8
    assert sys.getallocatedblocks() - blocks < 10_000


# -- what is refused -------------------------------------------------------------------

EXCLUDE = "dataset.exclude_columns=['b'], or use it as dataset.label='b'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty; give a file with rows of numbers"),
        (b"\n \n", "is empty; give a file with rows of numbers"),
        (b"a,b\n", "has a first line with names, but no rows; give a file with rows"),
        (b"a,b\n1,2\n\n3\n", ", line 4: 1 cells, but the first line has 2; make them"),
        (b"a,b\n1,2\n1,2,3\n", ", line 3: 3 cells, but the first line has 2"),
        (b"a,b\n1,2\n3,x\n", f", line 3, column 'b': 'x' is no number; correct it or "
         f"take the row out, leave the column out with {EXCLUDE}"),
        (b"a,b\n1,2\n3,\n", ", line 3, column 'b': the cell is empty; correct it"),
        (b"a,b\n1,2\n3,NA\n", ", line 3, column 'b': 'NA' is no number; correct it"),
        (b"1,2\n3,NA\n", ", line 2, column '2': 'NA' is no number"),
        (b"1,NA\n3,4\n", ", line 1, column '2': 'NA' is no number"),
        (b",2\n3,4\n", ", line 1, column '1': the cell is empty"),
        (b"a,b\n1,12_3\n", ", line 2, column 'b': '12_3' is no number"),
        (b"a;b\n1;2,5\n", ", line 2, column 'b': '2,5' is no number (decimals are "
         "written with a point); correct it"),
        (b"1,5;2,5\n3,5;4,5\n", ", line 1, column '1': '1,5' is no number (decimals"),
        (b"a,b\n\xe4,2\n", "is no text in UTF-8; save it as CSV in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "is no text in UTF-8; save it as CSV in UTF-8"),
        (b"a,b,a\n1,2,3\n", "has several columns called 'a'; give each its own name"),
        (b'a,b\n1,"2"x\n', "is no CSV file"),
        (b'a,b\n1,2\n1,"2\n', "is no CSV file (unexpected end of data, after line 2)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_test", [False, True])
def test_a_table_with_a_mistake_is_refused(
    tmp_path: Path, path: Path, text: bytes, said: str, as_test: bool
) -> None:
    """The message names the file, the line and the column, and what to do."""
    path.write_bytes(text)
    if as_test:
        good = tmp_path / "good.csv"
        named = text.startswith((b"a", b"\xff", b"\n")) or not text
        good.write_text("a,b\n1,2\n" if named else "1,2\n3,4\n")
        message = refusal(good, "dataset.test_path", test_path=str(path))
    else:
        message = refusal(path)
    assert message.startswith(f"{path}{'' if said[0] == ',' else ' '}{said}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.csv", "does not exist; give the path of a .csv file"),
        ("~nobody-here/x.csv", "does not exist; give the path of a .csv file"),
        (".", "is a folder; give the path of a .csv file"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, said: str) -> None:
    """The message names the path."""
    path = Path(name) if name.startswith("~") else tmp_path / name
    assert refusal(path) == f"{path} {said}"


@pytest.mark.parametrize("key", ["label", "columns", "exclude_columns"])
def test_unknown_columns_are_told_with_those_that_there_are(
    path: Path, key: str
) -> None:
    """The nearest names come first, and not all of a hundred are listed."""
    path.write_text(",".join(f"value {i}" for i in range(99)) + ",kind\n")
    with open(path, "a") as file:
        file.write("1," * 99 + "2\n")
    value = "kinds" if key == "label" else ["kinds"]
    message = refusal(path, f"dataset.{key}", **{key: value})
    assert f"{path} has no column 'kinds'; it has kind, value 0, value 1" in message
    assert message.endswith("and 94 more")


def test_a_test_file_without_a_column_is_refused(tmp_path: Path, path: Path) -> None:
    """The message names the test file and the column, also that of the labels."""
    path.write_text("\n".join([HEAD, *ROWS]))
    test = tmp_path / "test.csv"
    for head, missing in (("a,c,kind", "b"), ("a,b,c", "kind")):
        test.write_text(f"{head}\n1,2,3\n")
        message = refusal(path, "dataset.test_path", test_path=str(test), label="kind")
        assert message.startswith(f"{test} has no column '{missing}', which the train")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"exclude_columns": ["a", "b"]}, "dataset.exclude_columns"),
        ({"columns": []}, "dataset.columns"),
        ({"columns": ["a"], "label": "a"}, "dataset.columns"),
    ],
)
def test_no_column_left_is_refused(path: Path, options: Any, key: str) -> None:
    """The message lists what there is to choose from."""
    path.write_text("a,b\n1,2\n")
    message = refusal(path, key, **options)
    assert message.startswith(f"no column of {path} is left to learn from; it has a, b")


def test_a_row_without_a_label_is_refused(path: Path) -> None:
    """An empty cell is no class of its own."""
    path.write_text("a,kind\n1,x\n2,\n")
    message = refusal(path, label="kind")
    assert message.startswith(f"{path}, line 3: no label in column 'kind'; fill it in")
