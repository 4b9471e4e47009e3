"""Every command and every piece of code on the pages in docs/ does what they say."""

import os
import re
import shlex
from pathlib import Path

import numpy as np
import promised
import promised_recipes
import promised_sweeps
import pytest
import torch
from making import draw_nothing
from PIL import Image

from aerun.cli import main

DOCS = Path(__file__).parents[1] / "docs"
DATA = os.environ.get("AERUN_DATA", "data")
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
REPRODUCED = ("lecture", "results", "gallery")
"""Pages whose commands take long; tests/reproduce looks at them."""

MARKS = {
    "On a GPU": [
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
    ],
    "The field's data sets": [
        pytest.mark.mnist,
    ],
    **promised.MARKS,
}


def _recipes() -> list:
    """Page, heading and text of every recipe, those marked that need something."""
    found = []
    for page, text in sorted(PAGES.items()):
        if page in REPRODUCED:
            continue
        for section in text.split("\n## ")[1:]:
            title, _, body = section.partition("\n")
            marks = MARKS.get(title, ())
            found.append(pytest.param(page, title, body, marks=marks, id=title))
    return found


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


# -- what the pages assume -------------------------------------------------------------


@pytest.fixture
def reader(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data that the pages speak of, and the files that they show."""
    monkeypatch.setenv("AERUN_CONFIG_PATH", "")  # put back after a recipe's export
    monkeypatch.setenv("AERUN_DATA", str(Path(DATA).absolute()))
    monkeypatch.syspath_prepend(str(alone))
    _photos(alone)
    generator = np.random.default_rng(0)
    rows = generator.normal(170, 10, (60, 3)).round(1).tolist()
    table = [f"{a},{b},{c},{'ab'[i % 2]}" for i, (a, b, c) in enumerate(rows)]
    (alone / "table.csv").write_text("\n".join(["height,width,depth,kind", *table]))
    np.save(alone / "vectors.npy", generator.random((60, 7)))
    faces = generator.integers(0, 256, (60, 8, 6, 3), dtype=np.uint8)
    np.save(alone / "faces.npy", faces)
    np.save(alone / "more_faces.npy", faces[:20])
    labels = np.arange(60) % 3
    np.savez(
        alone / "faces.npz", x=faces, y=labels, x_test=faces[:9], y_test=labels[:9]
    )
    shown = PAGES["own_parts"] + PAGES["trackers"]
    shown += PAGES["sweeps"] + PAGES["clusters"]
    for block in _blocks(shown, "(?:python|yaml)"):
        for part in re.split(r"^# (?=\S+\.(?:py|yaml)$)", block, flags=re.MULTILINE):
            name, _, content = part.partition("\n")
            if name:
                (alone / name).parent.mkdir(parents=True, exist_ok=True)
                (alone / name).write_text(content)
    return alone


def _photos(folder: Path) -> None:
    """Pieces of two real photographs in two classes, some of them another size."""
    from sklearn.datasets import load_sample_image

    for kind in ("china", "flower"):
        photo = load_sample_image(f"{kind}.jpg")
        for number in range(40):
            top, left = 48 * (number // 10), 64 * (number % 10)
            piece = Image.fromarray(photo[top : top + 48, left : left + 64])
            if number % 10 == 9:
                piece = piece.resize((96, 72))
            place = "holiday" if number % 8 == 7 else "photos"
            path = folder / place / kind / f"{number:02}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            piece.save(path)
            (folder / "scans").mkdir(exist_ok=True)
            piece.save(folder / f"scans/{kind}{number}.png")
    (folder / "scans/broken.png").write_bytes(b"no image")
    (folder / "scans/notes.txt").write_text("no image either")


def _install(folder: Path, toml: str) -> None:
    """What an installation of a project with these entry points leaves on the path."""
    (group,) = re.findall(r'entry-points\."(.+)"', toml)
    ((name, package),) = re.findall(r'(\w+) = "(.+)"', toml)
    place = folder.joinpath(*package.split("."))
    place.parent.mkdir()
    (place.parent / "__init__.py").write_text("")
    (folder / "my_conf").rename(place)
    known = folder / "my_project-1.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Name: my-project\nVersion: 1\n")
    (known / "entry_points.txt").write_text(f"[{group}]\n{name} = {package}\n")


# -- carrying them out -----------------------------------------------------------------


def _carry_out(block: str, monkeypatch, capsys) -> None:
    """The lines of a shell block, in this process."""
    variables: dict[str, str] = {}
    for line in block.splitlines():
        assert line.startswith(("aerun ", "export ", "run=$(aerun ")), line
        for name, value in variables.items():
            line = line.replace(f"${name}", shlex.quote(value))
        name, _, inside = line.partition("=$(")
        command = inside.removesuffix(")") if inside else line
        words = shlex.split(command, comments=True)
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
            continue
        capsys.readouterr()
        assert main(_smaller(words[1:])) == 0, line
        if inside:
            variables[name] = capsys.readouterr().out.removesuffix("\n")
            assert Path(variables[name]).is_dir()


def _smaller(arguments: list[str]) -> list[str]:
    """The same request with little to do."""
    if arguments[0].startswith("--") and arguments[0] != "--config-dir":
        return arguments
    arguments = [re.sub(r"(\.trials=\d)0", r"\1", word) for word in arguments]
    as_they_are = {"task=reconstruct", "task=encode", "task=sample", "task=export",
                   "task=compare", "task=verify"}  # fmt: skip
    if as_they_are & set(arguments):
        return arguments
    if "task=classify" in arguments:
        return [*arguments, "task.steps=10"]
    if "task=evaluate" in arguments:
        return [*arguments, "task.centres=100", "task.steps=20"]
    if "task=resume" in arguments:
        return [re.sub(r"epochs=\d+", "epochs=2", word) for word in arguments]
    given = " ".join(arguments)
    limit = [] if "dataset.limit=" in given else ["dataset.limit=60"]
    arguments = [word.replace("[24,32]", "[12,16]") for word in arguments]
    small = ["trainer.epochs=1", "trainer.threads=1", "trainer.preview_every=0"]
    return [*arguments, *small, *limit]


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("page", "title", "text"), _recipes())
def test_a_recipe_works(reader, monkeypatch, capsys, page, title, text):
    """Its commands end well and leave the files, and print the lines, it speaks of."""
    if title in promised_sweeps.UNPICTURED:
        draw_nothing(monkeypatch)
    for block in _blocks(text, "toml"):
        _install(reader, block)
    for block in _blocks(text, "sh"):
        _carry_out(block, monkeypatch, capsys)
    printed = capsys.readouterr().out
    for block in _blocks(text, "python"):
        if not re.match(r"# \S+\.py\n", block):
            names: dict[str, object] = {}
            exec(block.replace("epochs=3", "epochs=1"), names)
            shape = {"images": (1, 1, 8, 8), "scaled": (5, 1, 8, 8)}
            assert names["codes"].shape in ((1, 8), (5, 16))
            assert all(names[n].shape == shape[n] for n in names.keys() & shape.keys())
    assert title in PROMISES, "say here what the new recipe promises"
    PROMISES[title](reader, reader / "outputs/latest", printed)


PROMISES = {
    **promised_recipes.PROMISES,
    **promised.PROMISES,
    **promised_sweeps.PROMISES,
}


# -- the pages themselves --------------------------------------------------------------


def _places(text: str) -> set[str]:
    """Where links into a page may lead: its headings, and what it names itself."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    shortened = {re.sub(r"[^\w -]", "", each).lower() for each in headings}
    named = re.findall(r'<a id="(\w+)"></a>', text)
    return {each.replace(" ", "-") for each in shortened}.union(named)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_is_short_and_its_links_exist(page):
    """At most 200 lines, of which every link leads somewhere."""
    text = PAGES[page]
    assert len(text.splitlines()) <= 200
    for link in re.findall(r"\]\((?!http)([^)]+)\)", text):
        file, _, place = link.partition("#")
        assert not file or (DOCS / file).is_file(), link
        assert not place or place in _places(PAGES[Path(file or page).stem]), link


def test_the_data_sets_lie_where_the_recipes_say():
    """Folders and files in the table are those that are looked for."""
    from aerun.data import celeba, cifar10, fashion_mnist, kmnist, mnist, olivetti, svhn

    rows = [r for r in PAGES["recipes"].splitlines() if r.startswith("| `")]
    for source in (celeba, cifar10, fashion_mnist, kmnist, mnist, olivetti, svhn):
        name = f"`{source.__name__}`"
        (row,) = [r for r in rows if name in r]
        module = __import__(source.__module__, fromlist=["FILES"])
        assert module.FILES.folder in row
