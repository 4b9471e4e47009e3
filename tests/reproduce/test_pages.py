"""The pages in docs/ and the README's results are what kept figures generate."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from carrying import STALE, Place, Standing, carry_out, keep, standing
from making import later
from pages import short, with_section
from pictures import asked_of, read_pictures
from pretending import row
from reproduce import generated, main
from targets import ROOT, Row, command, on_last, read

from aerun.config.check import check
from aerun.config.compose import Composer, plain

ROWS = read()
DOCS = ROOT / "docs"
HERE = Place(runs=ROOT / "outputs/none", kept=DOCS / "results", run=lambda *_: "")
LECTURE = (DOCS / "lecture.md").read_text(encoding="utf-8")
SECTION = """# Mine
<!-- results: written by make reproduce -->

old

<!-- end of results -->
end
"""


# -- what is generated -----------------------------------------------------------------


def test_the_section_of_the_readme_is_replaced(place: Place) -> None:
    """What stands around it stays; without figures it says how they are made."""
    mine = row()
    empty = with_section(SECTION, [standing(mine, place)])
    assert empty.splitlines()[3].endswith("`make reproduce` fills this table.")
    keep(mine, 0, carry_out(mine, 0, place), place)
    where = [standing(mine, place)]
    full = with_section(empty, where)
    before, after = SECTION.split("old")
    assert full == f"{before}{short(where)}{after}"
    assert with_section(full, where) == full


@pytest.mark.parametrize("text", ["", SECTION.replace("end of", ""), 2 * SECTION])
def test_a_readme_without_a_place_for_results_is_refused(text: str) -> None:
    """Instead of a table that is nowhere, or twice."""
    with pytest.raises(ValueError, match=r"README\.md needs one"):
        with_section(text, [])


def test_the_readme_is_short_with_all_rows_in_it() -> None:
    """At most 250 lines, as it promises elsewhere."""
    found = {"values": dict.fromkeys(("a", "b"), 1.0), "minutes": 1.0}
    where = []
    for each in ROWS:
        values = dict.fromkeys(each.needed, 0.5)
        seeds = {"0": {**found, "values": values}}
        where.append(Standing(row=each, asked="a", seeds=seeds, old=""))
    readme = with_section((ROOT / "README.md").read_text(encoding="utf-8"), where)
    assert readme.count("| `aerun ") >= len(ROWS)
    assert len(readme.splitlines()) <= 250


def test_the_pages_can_be_written_without_a_run(tmp_path: Path) -> None:
    """From what is kept; every row of the targets is on them."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "README.md").write_text(SECTION)
    asked = ["--pages", "--docs", str(docs), "--runs", str(tmp_path / "runs")]
    assert main(asked) == 0
    text = (docs / "results.md").read_text()
    assert all(f'| <a id="{each.key}"></a>`{each.key}` |' in text for each in ROWS)
    assert "fills this table" in (tmp_path / "README.md").read_text()
    text = (docs / "gallery.md").read_text()
    pictures = {path.name for path in (docs / "gallery").iterdir()}
    assert set(re.findall(r"\]\(gallery/(.*)\)", text)) == pictures
    assert pictures == {"sparse_kl_penalties.png"}
    number = sum(map(len, read_pictures(ROWS).values()))
    assert text.count("not drawn yet") == number - 1


# -- what is in the tree ---------------------------------------------------------------


def _as_they_say(each: Row) -> str:
    """The fingerprint under which the pages say of a row what they say.

    To compose what every row asks for takes too long here; the next test does.
    """
    kept = HERE.found(each).get("asked", "")
    (line,) = [text for text in (DOCS / "results.md").read_text().splitlines()
               if f'<a id="{each.key}"></a>' in text]  # fmt: skip
    if kept and STALE not in line:
        return str(kept)
    gallery = (DOCS / "gallery.md").read_text()
    section = gallery.partition(f'<a id="{each.key}"></a>')[2].partition("\n## ")[0]
    names = re.findall(r"\]\((gallery/.*)\)", section)
    fresh = [asked_of(DOCS / name) for name in names] if STALE not in section else []
    return next(filter(None, fresh), "other")


@pytest.mark.parametrize("composed", [False, later(True)])
def test_the_pages_are_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, composed: bool
) -> None:
    """README, results and gallery; ``make reproduce`` with --pages writes them."""
    if not composed:
        said = {each.key: _as_they_say(each) for each in ROWS}
        monkeypatch.setattr(Row, "fingerprint", lambda each: said[each.key])
    of = [standing(each, HERE) for each in ROWS]
    for path, text in generated(of, read_pictures(ROWS), HERE).items():
        assert path.read_text(encoding="utf-8") == text, path


def visible(folder: Path) -> list[Path]:
    """What is in a folder but for files that are not in their places yet."""
    return [path for path in folder.iterdir() if not path.name.endswith(".part")]


def test_what_is_kept_belongs_to_a_row() -> None:
    """No figures and no pictures of rows that are no more."""
    keys = {each.key for each in ROWS}
    assert {path.stem for path in visible(HERE.kept)} <= keys
    names = {
        f"{key}_{one.name}.png"
        for key, many in read_pictures(ROWS).items()
        for one in many
    }
    assert {path.name for path in visible(HERE.gallery)} <= names
    for path in visible(HERE.kept):
        assert json.loads(path.read_text()).keys() == {"asked", "versions", "seeds"}


# -- the lecture -----------------------------------------------------------------------


def _commands() -> Iterator[str]:
    for block in re.findall(r"```sh\n(.*?)```", LECTURE, flags=re.DOTALL):
        yield from block.splitlines()


def _of_rows() -> set[str]:
    """Commands that ``make reproduce`` carries out, whose check has a test."""
    return {command(text) for each in ROWS for text in
            (each.request, *each.beside.values())}  # fmt: skip


def _of_tasks() -> set[str]:
    return {on_last(text) for each in ROWS for text in each.tasks.values()}


@pytest.mark.parametrize("text", sorted(set(_commands()) - _of_rows() - _of_tasks()))
def test_a_command_of_the_lecture_that_no_row_has_is_a_good_request(text: str) -> None:
    """It composes, and passes the check."""
    name, *overrides = shlex.split(text)
    assert name == "aerun"
    assert check(plain(Composer().compose(overrides))) == []


def test_commands_of_the_lecture_are_those_of_rows() -> None:
    """Nearly all of them: what a reader types is what was measured."""
    texts = list(_commands())
    runs = [text for text in texts if " task=" not in text]
    assert len(set(runs)) == len(runs) > 25
    assert len(set(texts) - _of_rows() - _of_tasks()) <= 3


def test_the_lecture_leads_to_every_row_and_every_picture() -> None:
    """Each slide to its figures, and to what is drawn of it."""
    figures = set(re.findall(r"\(results\.md#(\w+)\)", LECTURE))
    assert figures == {each.key for each in ROWS}
    assert set(re.findall(r"\(gallery\.md#(\w+)\)", LECTURE)) == set(
        read_pictures(ROWS)
    )
    for only in re.findall(r"ONLY=(\w+)", LECTURE):
        assert only in figures


def test_no_section_of_the_lecture_is_without_a_command() -> None:
    """Some words, a command, and a link to what it gives."""
    _, *sections = LECTURE.split("\n## ")
    assert len(sections) > 12
    for section in sections:
        assert re.search(r"```sh\naerun .*```$", section.strip(), flags=re.DOTALL)
        assert "(results.md#" in section
