"""report.html of a comparison in a browser: it draws itself, and answers."""

from pathlib import Path

import pytest
from browsing import IN_A_BROWSER, Browser, place
from comparing import run_of, write_run

from aerun.cli import main

pytestmark = IN_A_BROWSER
pytest_plugins = ["browsing"]

EVIL = "<img src=x onerror=alert(1)>"
CODES = range(2, 10)
READOUTS = "[...document.querySelectorAll('.readout')].map(e => e.innerText)"


def gap(code: int) -> float:
    """Between the errors of two seeds; that of the last group is above its mean."""
    return 30.0 if code == CODES[-1] else 0.3


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight groups of two seeds, of which one ended early and one has a bad name."""
    folder = tmp_path_factory.mktemp("compared")
    for code in CODES:
        for seed in (0, 1):
            last = 12 if code == 5 else 20
            rows = [
                {"epoch": epoch, "step": epoch, "val/loss": 64 * error,
                 "val/mse": error}
                for epoch in range(1, last + 1)
                for error in [(10 - code + gap(code) * seed) / 10 / epoch]
            ]  # fmt: skip
            name = EVIL if code == 9 else f"{code}_{seed}"
            run = run_of(seed=seed, mse=rows[-1]["val/mse"], rows=rows,
                         typed=("model.code",), model__code=code)  # fmt: skip
            write_run(folder / f"runs/{name}{seed}", run)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["-q", "task=compare", "runs=runs", "hydra.run.dir=made"]) == 0
    return folder / "made/report.html"


@pytest.fixture
def shown(browser: Browser, page: Path) -> Browser:
    """It shows the page."""
    browser.prefer("light")
    browser.resize(1100, 900)
    browser.open(page)
    return browser


@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_comparison_draws_itself(browser, page, scheme, width) -> None:
    """Without a word on the console, a request, or scrolling to the side."""
    browser.prefer(scheme)
    browser.resize(width, 800, phone=width < 500)
    browser.open(page)
    assert browser.problems == []
    asked = [url for url in browser.requests if not url.startswith("data:")]
    assert asked == [page.resolve().as_uri()]
    assert browser.tell("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('main *')].filter(e => !e.closest('svg') && "
    wide += "!e.closest('.wide table') && "
    wide += f"e.getBoundingClientRect().right > {width} + 0.5).length"
    assert browser.tell(wide) == 0
    for kind in ("line", "band"):
        assert browser.tell(f"document.querySelectorAll('path.{kind}').length") == 16
    ground = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]"
    assert (int(browser.tell(ground)) > 200) == (scheme == "light")


def test_a_wide_table_scrolls_in_its_own_box(browser: Browser, page: Path) -> None:
    """On a phone; the names of its rows stay."""
    browser.resize(390, 800, phone=True)
    browser.open(page)
    box = "document.querySelectorAll('.wide')[1]"
    assert browser.tell(f"{box}.scrollWidth > {box}.clientWidth + 100")
    name = f"{box}.querySelector('tbody th').getBoundingClientRect().left"
    before = browser.tell(name)
    browser.tell(f"{box}.scrollLeft = 100")
    assert browser.tell(f"{box}.scrollLeft") == 100
    assert browser.tell(name) == before


def test_hovering_tells_the_values_of_all_groups(shown: Browser) -> None:
    """Means and deviations at the epoch under the pointer, in every panel."""
    x, y = place(shown, ".panel .frame")
    shown.mouse(x, y)
    told = shown.tell(READOUTS)
    assert len(told) == 2
    for text in told:
        lines = text.split("\n")
        epoch = int(lines[0].removeprefix("epoch "))
        assert epoch in (10, 11)
        assert len(lines) == 1 + len(CODES)
        for code in CODES:
            (line,) = [line for line in lines if line.startswith(f"code={code} ")]
            mean, deviation = line.split(" ", 1)[1].split(" \u00b1 ")
            factor = 64 if text == told[1] else 1
            wanted = factor * (10 - code + gap(code) / 2) / 10 / epoch
            assert float(mean) == pytest.approx(wanted, rel=1e-3)
            wanted = factor * gap(code) / 10 / epoch / 2**0.5
            assert float(deviation) == pytest.approx(wanted, rel=0.05)


def test_at_rest_every_group_tells_its_end(shown: Browser) -> None:
    """One that ended before the others says where."""
    text = shown.tell(READOUTS)[0]
    assert text.startswith("epoch 20")
    assert len(text.split("\n")) == 1 + len(CODES)
    assert [line for line in text.split("\n") if line.endswith("(epoch 12)")] == [
        line for line in text.split("\n") if line.startswith("code=5 ")
    ]


def test_a_band_lies_around_its_line(shown: Browser) -> None:
    """Within the panel on both scales, even where it reaches below zero."""
    for scale in ("linear", "log"):
        shown.tell(f"document.querySelector('[data-scale={scale}]').click()")
        log = "document.querySelector('.panel svg').dataset.log"
        assert shown.tell(log) == str(scale == "log").lower()
        inside = (
            "[...document.querySelectorAll('.panel')].every(panel => {"
            "const frame = panel.querySelector('svg').getBoundingClientRect();"
            "const bands = [...panel.querySelectorAll('.band')];"
            "const lines = [...panel.querySelectorAll('.line')].reverse();"
            "return bands.every((band, i) => {"
            "const [b, l] = [band, lines[i]].map(e => e.getBBox());"
            "const at = band.getBoundingClientRect();"
            "return band.style.fill === lines[i].style.stroke && b.y <= l.y && "
            "b.y + b.height >= l.y + l.height && "
            "at.top >= frame.top && at.bottom <= frame.bottom;})})"
        )
        assert shown.tell(inside), scale
    assert shown.problems == []


def test_a_comparison_can_be_printed(shown: Browser, tmp_path: Path) -> None:
    """On a few sheets, with the curves."""
    shown.prefer("dark")
    shown.printed(tmp_path / "page.pdf")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= content.count(b"/Type /Page\n") <= 6
