"""Pages: their skeleton, and texts of users inside them."""

import json
import re
from functools import partial

import numpy as np
import pytest

from aerun.reporting.page import parts
from aerun.reporting.page.page import Section, data_uri, embedded, escaped, page
from aerun.reporting.verdict import Verdict

EVIL = '</script><img src="http://x.y/z" onerror=alert(1)> & \'"`\u2028'
PNG = b"\x89PNG\r\n"
FINE = Verdict(text="Fine.", tone="good")
Markup = parts.Html

PARTS = {
    "figures": lambda: parts.figures_table(
        [parts.FigureRow(name=EVIL, value=EVIL, unit=EVIL, definition=EVIL)]
    ),
    "bars": lambda: parts.bars([(EVIL, 1.0)], unit=EVIL),
    "curves": lambda: parts.curves(
        [parts.Panel(title=EVIL, log=False, series=[
            parts.Series(name=EVIL, colour="red", x=[1], y=[2.0])])],
        phases=[(EVIL, 1, 2), (EVIL, 3, 4)],
    ),
    "slides": lambda: parts.slideshow([(EVIL, PNG), (EVIL, PNG)]),
    "gallery": lambda: parts.gallery([(EVIL, PNG)]),
    "map": lambda: parts.code_map({"groups": [EVIL]}, decodes=True),
    "sentences": lambda: parts.sentences([EVIL], kind="fine"),
    "commands": lambda: parts.commands([(EVIL, EVIL)]),
    "facts": lambda: parts.facts([(EVIL, EVIL)]),
    "folded": lambda: parts.folded(EVIL, EVIL),
}  # fmt: skip


def texts_in(value) -> list[str]:
    """All texts of nested lists and dictionaries."""
    if isinstance(value, dict):
        return texts_in([*value, *value.values()])
    if isinstance(value, list):
        return [text for one in value for text in texts_in(one)]
    return [value] if isinstance(value, str) else []


def loads(text: str) -> list[str]:
    """Addresses that a page would fetch: everything but what it holds itself."""
    text = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    found = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'>\s]*)""", text)
    found += re.findall(r"url\(([^)]*)\)", text)
    return [address for address in found if not address.startswith("data:")]


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_texts_of_users_stay_texts(part) -> None:
    """No tag of theirs is one on the page, nor does one end a script."""
    markup = part()
    assert '<img src="http' not in markup
    assert markup.count("</script>") == markup.count("<script type=")
    for data in re.findall(r"<script[^>]*>(.*?)</script>", markup, re.DOTALL):
        assert EVIL in texts_in(json.loads(data))


def test_a_page_loads_nothing() -> None:
    """Style and script are inside, and the browser is told to fetch nothing."""
    text = page(title=EVIL, verdict=Verdict(text="", tone="good"), where="",
                sections=[Section(title=EVIL, intro=EVIL, body=escaped(EVIL)), None]
                ).decode()  # fmt: skip
    above = page(title="", verdict=Verdict(text=EVIL, tone="good"), where=EVIL,
                 sections=[]).decode()  # fmt: skip
    whole = page(title="a run", verdict=FINE, where="", sections=[]).decode()
    assert loads(whole) == []
    assert "http" not in whole.replace("http-equiv", "")
    assert "default-src 'none'" in whole
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in whole
    assert "<img" not in text
    assert text.count(escaped(EVIL)) == 5
    assert "<img" not in above
    assert above.count(escaped(EVIL)) == 2


def test_values_come_back_as_they_are() -> None:
    """Through the characters that HTML would read."""
    value = {"a": [1, 2.5, None, "<b>&amp;</b>"], "ö": EVIL}
    text = embedded(value)
    inside = text.partition(">")[2].removesuffix("</script>")
    assert json.loads(inside) == value
    assert not set("<>&") & set(inside)
    with pytest.raises(ValueError, match="JSON"):
        embedded(float("nan"))


def test_pictures_say_what_they_are() -> None:
    """A PNG and a JPEG file."""
    assert data_uri(PNG).startswith("data:image/png;base64,iVBORw0K")
    assert data_uri(b"\xff\xd8\xff").startswith("data:image/jpeg;")


def test_long_lines_are_thinned_with_both_ends() -> None:
    """At most some thousand points, which are points of the line."""
    x = np.arange(1, 100_001).tolist()
    series = partial(parts.Series, name="a", colour="red")
    panel = parts.Panel(title="a", log=False, series=[series(x=x, y=x)])
    text = parts.curves([panel])
    (line,) = json.loads(re.findall(r"json\">(.*?)</script>", text)[0])["panels"][0][
        "lines"
    ]
    assert 1000 < len(line["x"]) <= 2001
    assert (line["x"][0], line["x"][-1]) == (1, 100_000)
    assert line["x"] == line["y"]


def test_the_same_parts_give_the_same_page() -> None:
    """Byte for byte."""
    section = Section(title="b", body=PARTS["facts"]())
    made = [
        page(title="a", verdict=FINE, where="", sections=[section]) for _ in range(2)
    ]
    assert made[0] == made[1]
