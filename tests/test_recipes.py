"""Every command and every piece of code on the pages in docs/ does what they say."""

import csv
import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import promised
import promised_sweeps
import pytest
import torch
from PIL import Image

from aerun.cli import main

DOCS = Path(__file__).parents[1] / "docs"
DATA = os.environ.get("AERUN_DATA", "data")
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}

HAS_MNIST = (Path(DATA) / "MNIST").is_dir()
MARKS = {
    "On a GPU": [
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
    ],
    "The field's data sets": [
        pytest.mark.mnist,
        pytest.mark.skipif(not HAS_MNIST, reason="needs MNIST under $AERUN_DATA"),
    ],
    **promised.MARKS,
}


def _recipes() -> list:
    """Page, heading and text of every recipe, those marked that need something."""
    found = []
    for page, text in sorted(PAGES.items()):
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
                   "task=compare"}  # fmt: skip
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


def _own_photos(folder: Path, run: Path, printed: str) -> None:
    config = (run / "config.yaml").read_text()
    assert "- 3\n  - 12\n  - 16" in config
    assert "china" in config
    assert (run / "reconstructions.png").is_file()
    assert (run / "latent.png").is_file()
    (scans,) = folder.glob("cache/*.u8")
    assert scans.stat().st_size == 80 * 24 * 24, "grey, without the broken one"


def _a_folder(folder: Path, run: Path, printed: str) -> None:
    made = run / "reconstruct"
    for photo in folder.glob("holiday/*/*.jpg"):
        name = photo.relative_to(folder / "holiday").with_suffix(".png")
        with Image.open(photo) as before, Image.open(made / "images" / name) as after:
            assert after.size == before.size
    with open(made / "errors.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["example"] for row in rows][:2] == ["china/07.jpg", "china/15.jpg"]
    assert all(float(row["mse"]) > 0 for row in rows)
    assert (made / "comparison.png").is_file()
    assert main(["task=reconstruct", "run=last"]) == 0
    assert (run / "reconstruct_2/errors.csv").is_file(), "beside the first"


def _own_table(folder: Path, run: Path, printed: str) -> None:
    first, second = sorted(folder.glob("outputs/2*/*_linear_csv*"))
    assert "- depth" in (first / "config.yaml").read_text()
    kept = (second / "config.yaml").read_text()
    assert "- width" in kept
    assert "- depth" not in kept


def _own_arrays(folder: Path, run: Path, printed: str) -> None:
    assert len(list(folder.glob("outputs/2*/*_array*/summary.json"))) == 3


def _whitening(folder: Path, run: Path, printed: str) -> None:
    assert list(run.glob("**/whitening*")), "kept with the run"


def _field(folder: Path, run: Path, printed: str) -> None:
    assert "_target_: aerun.data.mnist" in (run / "config.yaml").read_text()


def _one_run(folder: Path, run: Path, printed: str) -> None:
    assert (run / "reconstructions.png").is_file()


def _own_model(folder: Path, run: Path, printed: str) -> None:
    assert "_target_: my_model.Convolutional" in (run / "config.yaml").read_text()


def _own_parts(folder: Path, run: Path, printed: str) -> None:
    config = (run / "config.yaml").read_text()
    assert "std: 0.2" in config
    assert "sharpness: 9" in config
    (waves,) = folder.glob("outputs/2*/*_waves")
    columns = (waves / "metrics.csv").read_text().splitlines()[0]
    assert "train/decorrelated" in columns


def _inspect(folder: Path, run: Path, printed: str) -> None:
    assert "parameters of the model" in printed
    assert "per epoch of" in printed
    assert not (folder / "outputs").exists(), "writes nothing"


def _sweep(folder: Path, run: Path, printed: str) -> None:
    found = folder.glob("outputs/sweeps/*/*/*/summary.json")
    assert {path.parent.name for path in found} == {"0", "1", "2", "3"}


def _resume(folder: Path, run: Path, printed: str) -> None:
    (only,) = folder.glob("outputs/2*/*")
    assert json.loads((only / "summary.json").read_text())["epochs"] == 2


def _other_weights(folder: Path, run: Path, printed: str) -> None:
    older, newer = sorted(folder.glob("outputs/2*/*_vae_digits*"))
    assert "init_from: null" in (older / "config.yaml").read_text()
    assert str(older) in (newer / "config.yaml").read_text()


def _scripts(folder: Path, run: Path, printed: str) -> None:
    assert printed == f"{run.resolve() / 'reconstruct'}\n"
    assert (run / "reconstruct/errors.csv").is_file()


def _completion(folder: Path, run: Path, printed: str) -> None:
    assert all(shell in printed for shell in ("bash", "zsh", "fish"))


PROMISES = {
    "Sparse, denoising and contractive, in any combination": promised.variants,
    "Layer by layer": promised.levels,
    "Samples, and walks through the codes": promised.samples,
    "Codes as arrays": promised.codes,
    "Comparing runs": promised.comparison,
    "What a run is worth": promised.worth,
    "A classifier with few labels": promised.classifier,
    "Your own photos": _own_photos,
    "Reconstructing a folder": _a_folder,
    "Your own table": _own_table,
    "Your own arrays": _own_arrays,
    "Whitening": _whitening,
    "The field's data sets": _field,
    "Looking before training": _inspect,
    "A sweep": _sweep,
    "Stopping and resuming": _resume,
    "Starting from another run's weights": _other_weights,
    "From Python": _one_run,
    "On a GPU": _one_run,
    "In scripts": _scripts,
    "Tab completion": _completion,
    "A model": _own_model,
    "A loss, a regularizer, a corruption, a bottleneck, a data set": _own_parts,
    "Parts in an installed package": _own_model,
    "TensorBoard": promised.tensorboard,
    "A tracker of your own": promised.mlflow,
    "As ONNX files": promised.onnx,
    "A search": promised.search,
    "Options of a search": promised.searches,
    "A search that was stopped": promised.nothing,
    **promised_sweeps.PROMISES,
    "On the cores of one machine": promised.clusters,
    "As on a cluster, on one machine": promised.clusters,
    "On Slurm": promised.slurm,
    "On Ray": promised.clusters,
}


# -- the pages themselves --------------------------------------------------------------


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_is_short_and_its_links_exist(page):
    """At most 200 lines, of which every link leads somewhere."""
    text = PAGES[page]
    assert len(text.splitlines()) <= 200
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (DOCS / link).is_file(), link


def test_the_data_sets_lie_where_the_recipes_say():
    """Folders and files in the table are those that are looked for."""
    from aerun.data import celeba, cifar10, fashion_mnist, kmnist, mnist, olivetti, svhn

    rows = [r for r in PAGES["recipes"].splitlines() if r.startswith("| `")]
    for source in (celeba, cifar10, fashion_mnist, kmnist, mnist, olivetti, svhn):
        name = f"`{source.__name__}`"
        (row,) = [r for r in rows if name in r]
        module = __import__(source.__module__, fromlist=["FILES"])
        assert module.FILES.folder in row
