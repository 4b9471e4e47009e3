"""The page about a comparison: what it says, and texts of users inside it."""

import html
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aerun.reporting.comparison_page import (
    ComparisonReport,
    RunRow,
    comparison_report,
    line_colour,
)
from aerun.reporting.images import image_grid
from aerun.reporting.page.parts import Panel, Series
from aerun.reporting.verdict import Verdict

EVIL = '</script><img src="http://x.y/z" onerror=alert(1)> & \'"`\u2028'
NAMES = ["narrow", "wide"]


def panel(names: list[str], *, spread: bool = True, epochs: int = 5) -> Panel:
    """A line per group, each below the one before."""
    return Panel(
        title="Error",
        log=False,
        series=[
            Series(
                name=name,
                colour=line_colour(place),
                x=range(1, epochs + 1),
                y=[(place + 1) / epoch for epoch in range(1, epochs + 1)],
                spread=[0.25] * epochs if spread else None,
            )
            for place, name in enumerate(names)
        ],
    )


def report(names: list[str] = NAMES, **changes: Any) -> ComparisonReport:
    """Of groups with one run each."""
    figures = [[str(i), name, "3", f"{i}.50 +- 0.10"] for i, name in enumerate(names)]
    made = ComparisonReport(
        title="Comparison of runs",
        where="/some/where",
        verdict=Verdict(text="narrow is best.", tone="good"),
        number=len(names),
        ranking=(["", "group", "n", "test/mse"], [*figures, ["", "PCA", "", "0.4"]]),
        bars=[(name, 1.0) for name in names] + [("PCA", 0.4)],
        metric="test/mse",
        settings=(["setting", *names], [["model.code", *["3"] * len(names)]]),
        figures=(["figure", *names], [["test/mse", *["1 +- 0.1"] * len(names)]]),
        definitions=[("test/mse", "squared error")],
        panels=[panel(names)],
        reconstructions=None,
        warnings=[],
        notes=[],
        runs=[
            RunRow(group=name, status="completed", seed="0", value="1.5", warnings=2,
                   directory=f"/runs/{name}", link=f"../runs/{i}/report.html")
            for i, name in enumerate(names)
        ],
        commands=[("Again", "aerun task=compare /runs/a")],
    )  # fmt: skip
    return replace(made, **changes)


def text_of(made: ComparisonReport) -> str:
    return comparison_report(made).decode()


def told(made: ComparisonReport) -> str:
    """Without tags, style and script."""
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text_of(made), flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", " ", text))


def headings(made: ComparisonReport) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", text_of(made))


def test_everything_is_said_in_order() -> None:
    """What matters first; the baseline at the bottom of the table."""
    made = report(notes=["Left out."], warnings=["Data differ."])
    assert headings(made) == ["Careful", "Ranking", "Training", "Notes",
                              "Settings that differ", "All figures", "Runs",
                              "Repeat it"]  # fmt: skip
    text = told(made)
    places = [text.index(words) for words in
              ("narrow is best.", "Data differ.", "1.50 \u00b1 0.10", " 0.4 ",
               "Left out.", "model.code", "squared error", "/runs/wide",
               "aerun task=compare /runs/a")]  # fmt: skip
    assert places == sorted(places)
    assert "+-" not in text


def test_what_there_is_not_has_no_heading() -> None:
    """One group, without curves, pictures or notes."""
    one = report(["alone"], panels=[], bars=[], settings=(["setting", "alone"], []))
    assert headings(one) == ["Ranking", "All figures", "Runs", "Repeat it"]
    assert "class=bars" not in text_of(one)


def test_texts_of_users_stay_texts() -> None:
    """Names of groups, settings, directories, reasons and commands."""
    evil = report(
        [EVIL, EVIL + "2"],
        title=EVIL, where=EVIL, verdict=Verdict(text=EVIL, tone="bad"), metric=EVIL,
        bars=[(EVIL, 1.0), (EVIL, 2.0)], definitions=[(EVIL, EVIL)],
        settings=([EVIL, EVIL], [[EVIL, EVIL]]), warnings=[EVIL], notes=[EVIL],
        commands=[(EVIL, EVIL)],
        runs=[RunRow(group=EVIL, status=EVIL, seed=EVIL, value=EVIL, warnings=0,
                     directory=EVIL, link='"><img src="http://x.y/z">')],
    )  # fmt: skip
    text, plain = text_of(evil), text_of(report())
    assert '<img src="http' not in text
    for tag in ("<img", "<script", "</script>", "<a "):
        assert text.count(tag) == plain.count(tag) - (tag == "<a "), tag
    (data,) = re.findall(r'json">(.*?)</script>', text)
    assert [line["name"] for line in json.loads(data)["panels"][0]["lines"]] == [
        EVIL, EVIL + "2"]  # fmt: skip


def test_a_page_loads_nothing() -> None:
    """Addresses are those of its own data and of the runs' pages, which are links."""
    text = text_of(report(reconstructions=image_grid(
        {"input": np.zeros((3, 1, 8, 8))}, low=0, high=1, title="same"
    )))  # fmt: skip
    text = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    found = re.findall(r"""(src|href)\s*=\s*["']?([^"'>\s]*)""", text)
    links = [address for _, address in found if not address.startswith("data:")]
    assert links == ["../runs/0/report.html", "../runs/1/report.html"]
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("data:image/png") == 1


def test_a_group_has_one_colour() -> None:
    """In the table and in every panel; beyond ten there is none."""
    text = text_of(report())
    dots = re.findall(r'class=dot style="background:(.*?)"></i>(\w+)<', text)
    (data,) = re.findall(r'json">(.*?)</script>', text)
    lines = json.loads(data)["panels"][0]["lines"]
    assert dots == [(line["colour"], line["name"]) for line in lines]
    assert line_colour(9) != ""
    assert line_colour(10) == ""


def test_bands_are_told_where_there_are_any() -> None:
    """One deviation; thinned like their lines."""
    long = report(panels=[panel(NAMES, epochs=30_000)])
    (data,) = re.findall(r'json">(.*?)</script>', text_of(long))
    line = json.loads(data)["panels"][0]["lines"][0]
    assert len(line["spread"]) == len(line["x"]) == len(line["y"]) <= 2001
    assert set(line["spread"]) == {0.25}
    assert "Bands are one standard deviation" in told(long)
    bare = report(panels=[panel(NAMES, spread=False)])
    assert "spread" not in re.findall(r'json">(.*?)</script>', text_of(bare))[0]
    assert "Bands" not in told(bare)


@pytest.mark.slow
@pytest.mark.shared
def test_a_page_stays_small() -> None:
    """Of hundreds of groups with long curves, and a large picture."""
    names = [f"group {i} of many" for i in range(300)]
    noise = np.random.default_rng(0).random((40, 3, 96, 96))
    made = report(
        names,
        panels=[panel(names[:10], epochs=50_000)] * 2,
        reconstructions=image_grid({"input": noise}, low=0, high=1, title="noise"),
        figures=(["figure", *names], [["test/mse", *["1"] * 300]] * 60),
    )
    assert len(comparison_report(made)) < 8e6
