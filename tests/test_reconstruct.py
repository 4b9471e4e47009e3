"""task=reconstruct: everything comes back in the form in which it came."""

import csv
import io
import logging
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from making import compose
from PIL import Image
from reconstructing import FILES, Ask, pictures

import aerun
from aerun.cli import main
from aerun.data.writing import places_for
from aerun.logs import log_file, set_up_console
from aerun.wiring import make as make_part

pytest_plugins = ["reconstructing"]

MADE = {
    "a.jpg.png": (20, 24),
    "a.png.png": (31, 17),
    "deep/er/b.png": (24, 20),
    "deep/dots.in.name.png": (8, 50),
    "söt 猫.png": (40, 40),
    "loud.png": (20, 24),
}


def errors(folder: Path) -> dict[str, float]:
    """The rows of errors.csv."""
    with open(folder / "errors.csv", encoding="utf-8", newline="") as file:
        return {row["example"]: float(row["mse"]) for row in csv.DictReader(file)}


def files_in(folder: Path) -> set[str]:
    """Relative paths of the files."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found}


def by_hand(run: Path, examples: np.ndarray) -> np.ndarray:
    """Errors in scaled units of examples in [0, 255]."""
    model = aerun.load(run)
    off = (model.reconstruct(examples) - examples) / 255
    return np.square(off).reshape(len(off), -1).mean(1)


# -- images ----------------------------------------------------------------------------


def test_images_come_back_under_their_names_in_their_sizes(
    runs: Path, reconstructed: Ask
) -> None:
    """PNG files of 8 bits, whatever the format, size, colour and folder was."""
    made = reconstructed("coloured", "dataset=image_folder", "dataset.path=new")
    images = {f"images/{name}" for name in MADE}
    assert files_in(made) == {*images, "errors.csv", "comparison.png"}
    for name, size in MADE.items():
        with Image.open(made / "images" / name) as image:
            assert (image.format, image.size, image.mode) == ("PNG", size, "RGB")
            assert np.asarray(image).dtype == np.uint8
    assert errors(made).keys() == FILES.keys()


def test_the_errors_are_those_of_the_model(runs: Path, reconstructed: Ask) -> None:
    """errors.csv has each example's mse, in the order of the data, and is by hand."""
    made = reconstructed("coloured", "dataset=image_folder", "dataset.path=new")
    with Image.open(runs / "new" / "a.jpg") as image:
        pixels = np.asarray(image).transpose(2, 0, 1)[None]
    with Image.open(runs / "new" / "loud.PNG") as image:
        grey = np.asarray(image.convert("RGB")).transpose(2, 0, 1)[None]
    wanted = by_hand(runs / "coloured", np.concatenate([pixels, grey]))
    found = errors(made)
    assert [found["a.jpg"], found["loud.PNG"]] == pytest.approx(wanted, rel=1e-5)
    recon = aerun.load(runs / "coloured").reconstruct(pixels)[0].transpose(1, 2, 0)
    written = np.asarray(Image.open(made / "images/a.jpg.png"))
    assert np.abs(written - recon).max() <= 0.5 + 1e-4


def test_a_second_time_overwrites_nothing(runs: Path, reconstructed: Ask) -> None:
    """Each time has a folder of its own, numbered from the second on."""
    shutil.copytree(
        runs / "coloured", runs / "copy", ignore=shutil.ignore_patterns("reconstruct*")
    )
    asked = ("copy", "dataset=image_folder", "dataset.path=one")
    made = [reconstructed(*asked) for _ in range(3)]
    assert [path.name for path in made] == [
        "reconstruct",
        "reconstruct_2",
        "reconstruct_3",
    ]
    assert files_in(made[0]) == files_in(made[2])


def test_one_image_is_enough(reconstructed: Ask) -> None:
    """A single image in a folder, larger or smaller than those trained on."""
    made = reconstructed("coloured", "dataset=image_folder", "dataset.path=one")
    assert files_in(made) == {"images/only.png", "errors.csv", "comparison.png"}
    with Image.open(made / "images/only.png") as image:
        assert image.size == (9, 11)


def test_no_output_replaces_another(
    runs: Path, reconstructed: Ask, tmp_path: Path
) -> None:
    """Images called like other outputs, like each other or by no UTF-8 all come."""
    odd = os.fsdecode(b"gr\xfcn.png")
    names = ["comparison.png", "errors.csv.png", "x.jpg", "x.png", "x.jpg.png", odd]
    for part in ("one", "two"):
        pictures(tmp_path / part / "new", dict.fromkeys(names, ((5, 4), "RGB")))
    asked = [f"dataset.{key}='{tmp_path}/{part}/new'"
             for key, part in (("path", "one"), ("test_path", "two"))]  # fmt: skip
    made = reconstructed("coloured", "dataset=image_folder", *asked)
    stems = ["comparison", "errors.csv", "x.jpg", "x.png", "x.jpg.png", odd[:-4]]
    images = {f"images/{p}/{s}.png" for p in ("train", "test") for s in stems}
    assert files_in(made) == {*images, "errors.csv", "comparison.png"}
    told = errors(made)
    assert len(told) == 12
    assert {"train/x.jpg", "test/x.jpg", "test/gr\\udcfcn.png"} < told.keys()
    with Image.open(made / "comparison.png") as image:
        assert image.size > (100, 100), "the picture, not one of the images"


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (["a.jpg", "b.jpg"], ["a.png", "b.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.png", "a.png.png", "a.jpg.png.png"]),
        (["a.jpg", "a.png/b.jpg"], ["a.jpg.png", "a.png/b.png"]),
        (
            ["a.jpg", "a.png/b.jpg", "a.jpg.png/b.jpg"],
            ["a.jpg_2.png", "a.png/b.png", "a.jpg.png/b.png"],
        ),
    ],
)
def test_every_image_has_a_place_of_its_own(
    names: list[str], places: list[str]
) -> None:
    """Whatever the names, none is that of another or of a folder."""
    assert places_for(names) == places


def test_a_log_takes_names_that_are_no_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and the terminal show them with escapes."""
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    logger = logging.getLogger("aerun")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(sys, "stdout", terminal)
    set_up_console(logging.INFO)
    with log_file(tmp_path / "aerun.log"):
        logger.info("worst is %s", os.fsdecode(b"gr\xfcn.png"))
    for shown in ((tmp_path / "aerun.log").read_bytes(), terminal.buffer.getvalue()):
        assert b"gr\\udcfcn.png" in shown


def test_without_new_data_the_runs_own_are_taken(reconstructed: Ask) -> None:
    """All of them: training, validation and test examples alike."""
    made = reconstructed("coloured")
    assert errors(made).keys() == {f"{i}.png" for i in range(40)}
    made = reconstructed("coloured", "dataset.path=one")
    assert errors(made).keys() == {"only.jpg"}


def test_the_last_run_can_be_named_so(runs: Path, reconstructed: Ask) -> None:
    """``run=last`` is the newest run under outputs."""
    (runs / "outputs").mkdir()
    (runs / "outputs/latest").symlink_to("../rows")
    try:
        assert reconstructed("rows", "run=last").parent.name == "rows"
    finally:
        shutil.rmtree(runs / "outputs")


# -- tables and arrays -----------------------------------------------------------------


def test_a_table_comes_back_in_its_units(runs: Path, reconstructed: Ask) -> None:
    """The columns that the model takes, whatever their order in the new file."""
    made = reconstructed("rows", "dataset=csv", "dataset.path=new.csv")
    assert files_in(made) == {"reconstructions.csv", "errors.csv", "comparison.png"}
    with open(made / "reconstructions.csv", newline="") as file:
        names, *rows = csv.reader(file)
    with open(runs / "new.csv", newline="") as file:
        given = list(csv.DictReader(file))
    assert set(names) == {"length", "mass", "price"}
    columns = ["length", "mass", "price"]
    x = np.array([[float(row[name]) for name in columns] for row in given])
    recon = aerun.load(runs / "rows").reconstruct(x)
    found = np.array(rows, dtype=float)[:, [names.index(name) for name in columns]]
    np.testing.assert_allclose(found, recon, rtol=1e-5)
    spread = np.ptp(np.loadtxt(runs / "train.csv", delimiter=",", skiprows=1), axis=0)
    wanted = np.square((recon - x) / spread).mean(1)
    assert list(errors(made).values()) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("run", ["arrays", "whitened", "vectors"])
def test_an_array_comes_back_as_it_was_laid_out(
    runs: Path, reconstructed: Ask, run: str
) -> None:
    """Shape, type and the place of the channels are those of the file."""
    name = "vectors.npy" if run == "vectors" else "images.npy"
    given = np.load(runs / name)[:9]
    np.save(runs / "few.npy", given)
    made = reconstructed(run, "dataset=array", "dataset.path=few.npy")
    (runs / "few.npy").unlink()
    assert files_in(made) == {"reconstructions.npy", "errors.csv", "comparison.png"}
    found = np.load(made / "reconstructions.npy")
    assert (found.shape, found.dtype) == (given.shape, given.dtype)
    x = given if run == "vectors" else given.transpose(0, 3, 1, 2)
    recon = aerun.load(runs / run).reconstruct(x)
    recon = recon if run == "vectors" else recon.transpose(0, 2, 3, 1).clip(0, 255)
    assert np.abs(found - recon).max() <= (1e-5 if run == "vectors" else 0.5 + 1e-4)


def test_a_denoising_model_is_given_the_image_itself(
    runs: Path, reconstructed: Ask
) -> None:
    """The noise of training is not drawn: it is for the new data to bring their own."""
    made = reconstructed("noisy")
    images = np.load(runs / "images.npy").transpose(0, 3, 1, 2)
    wanted = by_hand(runs / "noisy", images)
    assert list(errors(made).values()) == pytest.approx(wanted, rel=1e-5)


def test_other_units_are_warned_of(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers between 0 and 1 are no pixels of 8 bits; they are taken as they are."""
    np.save(runs / "floats.npy", np.random.default_rng(0).random((3, 6, 5, 3)))
    asked = ["task=reconstruct", "run=arrays", "dataset.path=floats.npy"]
    assert main(asked) == 0
    printed = capsys.readouterr()
    assert (
        "stored as float64, those of the run as uint8 between 0 and 255" in printed.err
    )
    assert "3 examples, mse " in printed.out


@pytest.mark.parametrize(
    "shape", [(3, 4, 5), (4, 5, 3), (3, 3, 3), (4, 5, 1), (1, 4, 5), (4, 5), (6,)]
)
def test_an_array_written_reads_back_the_same(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    """Whatever the layout, also where every axis could be that of the channels."""
    given = np.random.default_rng(0).normal(size=(7, *shape)).astype(np.float32)
    np.save(tmp_path / "given.npy", given)
    config = compose("dataset=array", f"dataset.path={tmp_path / 'given.npy'}")
    source = make_part(config["dataset"])
    x = source.train[0]
    source.write(tmp_path, [x[:4], x[4:]])
    np.testing.assert_array_equal(np.load(tmp_path / "reconstructions.npy"), given)
