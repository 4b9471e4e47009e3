"""report.html in a browser: it draws itself, and answers to pointer and keys."""

from pathlib import Path

import numpy as np
import pytest
from browsing import IN_A_BROWSER, Browser, place

import aerun
from aerun.cli import main

pytestmark = IN_A_BROWSER
pytest_plugins = ["browsing"]

RUNS = {
    "digits": ["model.code=2", "trainer.epochs=6"],
    "vectors": ["dataset=plane", "model=linear", "model.code=2", "trainer.epochs=2",
                "dataset.limit=200"],
    "colour": ["dataset=array", "dataset.path=colour.npz", "model=vae",
               "model.code=50", "trainer.epochs=2"],
    "line": ["model.code=1", "trainer.epochs=2"],
    "levels": ["model=stacked", "trainer=greedy", "trainer.epochs=2"],
}  # fmt: skip
IMAGE = "document.querySelector('.{}').querySelector('canvas').toDataURL()"


class Pages(dict[str, Path]):
    """Reports of runs of every kind, each trained when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        generator = np.random.default_rng(0)
        x = generator.integers(0, 256, (300, 16, 16, 3), dtype=np.uint8)
        np.savez(folder / "colour.npz", x=x, y=np.arange(300) % 30)

    def __missing__(self, name: str) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            small = ["trainer.threads=1", f"hydra.run.dir={name}"]
            assert main([*RUNS[name], *small]) == 0
        self[name] = self.folder / name / "report.html"
        return self[name]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Of runs in a folder of their own."""
    return Pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def digits(browser: Browser, pages: Pages) -> Browser:
    """It shows the report of a run on images in classes."""
    browser.prefer("light")
    browser.resize(1100, 900)
    browser.open(pages["digits"])
    return browser


# -- every page ------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", RUNS)
def test_a_page_draws_itself(browser, pages, name, scheme, width) -> None:
    """Without a word on the console, a request, or scrolling to the side."""
    browser.prefer(scheme)
    browser.resize(width, 800, phone=width < 500)
    browser.open(pages[name])
    assert browser.problems == []
    asked = [url for url in browser.requests if not url.startswith("data:")]
    assert asked == [pages[name].resolve().as_uri()]
    assert browser.tell("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('main *')].filter(e => !e.closest('svg') && "
    wide += f"e.getBoundingClientRect().right > {width} + 0.5).length"
    assert browser.tell(wide) == 0
    assert browser.tell("document.querySelectorAll('.panel svg path.line').length") >= 3
    assert browser.tell("document.querySelectorAll('.cloud > *').length") > 20
    empty = "[...document.images].filter(i => i.naturalWidth === 0).length"
    assert browser.tell(empty) == 0


@pytest.mark.parametrize(("scheme", "light"), [("light", True), ("dark", False)])
def test_a_page_is_as_light_as_wanted(browser, pages, scheme, light) -> None:
    """Ground and ink change places, and every class stays visible."""
    browser.prefer(scheme)
    browser.open(pages["digits"])

    def brightness(element: str, what: str) -> float:
        style = f"getComputedStyle(document.querySelector('{element}')).{what}"
        numbers = browser.tell(f"{style}.match(/[0-9.]+/g).slice(0, 3).map(Number)")
        return float(np.dot(numbers, [0.2126, 0.7152, 0.0722])) / 255

    ground, ink = brightness("body", "backgroundColor"), brightness("body", "color")
    assert (ground > 0.9, ink < 0.2) == (light, light)
    for i in range(10):
        point = f".legend .entry:nth-child({i + 1}) svg *"
        assert abs(brightness(point, "fill") - ground) > 0.2, i


# -- pointer and keys ------------------------------------------------------------------


def test_hovering_over_a_panel_tells_its_values(digits: Browser) -> None:
    """Those of the epoch under the pointer, in all panels; the best when it leaves."""
    x, y = place(digits, ".panel .frame")
    digits.mouse(x, y)
    told = digits.tell("[...document.querySelectorAll('.readout')].map(e=>e.innerText)")
    assert all(text.startswith(("epoch 3", "epoch 4")) for text in told), told
    assert "train" in told[0]
    assert "validation" in told[0]
    digits.mouse(5, 5)
    assert digits.tell("document.querySelector('.readout').innerText").startswith(
        "epoch 6 (best)"
    )


def test_the_scale_can_be_switched(digits: Browser) -> None:
    """Linear and logarithmic, with the button that holds pressed."""
    log = "document.querySelector('.panel svg').dataset.log"
    for scale, wanted in (("log", "true"), ("linear", "false")):
        digits.tell(f"document.querySelector('[data-scale={scale}]').click()")
        assert digits.tell(log) == wanted
        pressed = "document.querySelector('[aria-pressed=true]').dataset.scale"
        assert digits.tell(pressed) == scale
    assert digits.problems == []


def test_hovering_over_a_code_shows_its_example(digits: Browser, pages) -> None:
    """The image and the label of the point under the pointer, of every point tried."""
    seen = set()
    for i in (3, 50, 200, 350):
        x, y = place(digits, f".cloud > :nth-child({i})")
        digits.mouse(x, y)
        label = digits.tell("document.querySelector('.example b').innerText")
        colour = digits.tell(
            f"document.querySelector('.cloud > :nth-child({i})').style.fill"
        )
        wanted = colour.removeprefix("var(--class-").removesuffix(")")
        ring = digits.tell("document.querySelector('.ring').getAttribute('cx')")
        dot = digits.tell(
            f"document.querySelector('.cloud > :nth-child({i})').getAttribute('cx')"
        )
        if ring == dot:  # not covered by a nearer one
            assert label == wanted
        seen.add(digits.tell(IMAGE.format("example")))
    assert len(seen) == 4


def test_the_example_is_the_one_of_the_data(digits: Browser) -> None:
    """Pixel by pixel, that of the first test example."""
    from making import make

    _, built = make("model.code=2")
    wanted = built.data.test.gather(slice(1))[0, 0].mul(255).round().int().tolist()
    pixels = digits.tell(
        "(() => {const c = document.querySelector('.example canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return [...d].filter((_, i) => i % 4 === 0)})()"
    )
    assert pixels == [value for row in wanted for value in row]


def test_dragging_changes_what_is_decoded(digits: Browser) -> None:
    """And only dragging: a pointer that passes leaves the handle where it is."""
    x, y = place(digits, ".plot")
    before = digits.tell(IMAGE.format("decoded"))
    digits.mouse(x - 150, y - 100)
    assert digits.tell(IMAGE.format("decoded")) == before
    seen = {before}
    for dx, dy in ((120, 90), (-120, 90), (100, -110)):
        digits.drag((x, y), (x + dx, y + dy))
        seen.add(digits.tell(IMAGE.format("decoded")))
    assert len(seen) == 4
    told = digits.tell("document.querySelector('.decoded figcaption').innerText")
    assert "code 0" in told
    assert "code 1" in told


@pytest.mark.parametrize("way", [(37, -23), (61, 40), (-55, 18), (-80, -71)])
def test_what_is_decoded_is_what_the_model_decodes(
    digits: Browser, pages: Pages, way: tuple[int, int]
) -> None:
    """The grid's four codes around the handle, mixed by their nearness to it."""
    x, y = place(digits, ".plot")
    digits.drag((x, y), (x + way[0], y + way[1]))
    code = digits.tell(
        "[...document.querySelectorAll('.decoded figcaption span')].map(e => "
        "Number(e.innerText.split(': ')[1].replace('\u2212', '-')))"
    )
    pixels = digits.tell(
        "(() => {const c = document.querySelector('.decoded canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return [...d].filter((_, i) => i % 4 === 0)})()"
    )
    data = "JSON.parse(document.querySelector('.codes script').textContent)"
    frame, grid = digits.tell(f"(({{frame, grid}}) => [frame, grid])({data})")
    low, high = np.array(frame).T
    steps = (high - low) / (np.array(grid) - 1)
    cells = (np.array(code) - low) / steps
    model = aerun.load(pages["digits"].parent)
    mixed = np.zeros(64)
    for corner in np.ndindex(2, 2):
        around = np.floor(cells) + corner
        nearness = np.prod(1 - np.abs(cells - around))
        decoded = model.decode(low[None] + around * steps)
        mixed += nearness * decoded.ravel() * 255 / 16
    assert np.abs(np.array(pixels) - mixed).max() < 4.5  # 8 bits, mixed three times


def test_arrow_keys_move_the_handle(digits: Browser) -> None:
    """For those who have no pointer."""
    place(digits, ".plot")
    before = digits.tell(IMAGE.format("decoded"))
    for _ in range(5):
        digits.tell(
            "document.querySelector('.plot svg').dispatchEvent(new KeyboardEvent("
            "'keydown', {key: 'ArrowRight', bubbles: true}))"
        )
    assert digits.tell(IMAGE.format("decoded")) != before


def test_a_class_can_be_singled_out(digits: Browser) -> None:
    """The others fade, until it is chosen again."""
    faint = "document.querySelectorAll('.cloud > .faint').length"
    number = digits.tell("document.querySelectorAll('.cloud > *').length")
    for wanted in (True, False):
        digits.tell("document.querySelector('.legend .entry').click()")
        assert (0.8 * number < digits.tell(faint) < number) == wanted


def test_the_slider_shows_other_epochs(digits: Browser) -> None:
    """Another picture under another title."""
    image = "document.querySelector('.slides img').src"
    last = digits.tell(image)
    digits.tell(
        "(() => {const s = document.querySelector('.slides input'); s.value = 0;"
        "s.dispatchEvent(new Event('input'))})()"
    )
    assert digits.tell(image) != last
    caption = digits.tell("document.querySelector('.slides figcaption').innerText")
    assert caption == "epoch 1"


def test_vectors_are_told_by_their_values(browser: Browser, pages) -> None:
    """Names of columns, and numbers that move with the handle."""
    browser.resize(1100, 900)
    browser.open(pages["vectors"])
    names = "[...document.querySelectorAll('.example .name')].map(e => e.innerText)"
    assert browser.tell(names) == ["x", "y", "z"]
    numbers = "[...document.querySelectorAll('.decoded .number')].map(e=>e.innerText)"
    before = browser.tell(numbers)
    x, y = place(browser, ".plot")
    browser.drag((x, y), (x + 100, y + 30))
    assert len(before) == 3
    assert all(a != b for a, b in zip(before, browser.tell(numbers), strict=True))


def test_a_page_can_be_printed(digits: Browser, tmp_path: Path) -> None:
    """On a few sheets, light whatever the screen prefers."""
    digits.prefer("dark")
    digits.printed(tmp_path / "page.pdf")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= content.count(b"/Type /Page\n") <= 8
