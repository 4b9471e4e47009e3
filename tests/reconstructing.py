"""Fixtures: runs on images, a table and arrays, and new data to reconstruct."""

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from making import draw_nothing
from PIL import Image

from aerun.cli import main

Ask = Callable[..., Path]

FEW = ["trainer.epochs=2", "trainer.threads=1", "trainer.preview_every=0",
       "dataset.test=5", "dataset.validation=5"]  # fmt: skip

FILES = {  # name: (width, height), mode
    "a.jpg": ((20, 24), "RGB"),
    "a.png": ((31, 17), "RGB"),
    "deep/er/b.png": ((24, 20), "L"),
    "deep/dots.in.name.jpeg": ((8, 50), "RGB"),
    "söt 猫.png": ((40, 40), "RGB"),
    "loud.PNG": ((20, 24), "L"),
}


def pictures(folder: Path, files: dict[str, tuple[tuple[int, int], str]]) -> None:
    """Write image files of random pixels."""
    generator = np.random.default_rng(len(files))
    for name, ((width, height), mode) in files.items():
        channels = () if mode == "L" else (3,)
        pixels = generator.integers(0, 256, (height, width, *channels), dtype=np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs on coloured images, a table and arrays, and new data."""
    folder = tmp_path_factory.mktemp("runs")
    generator = np.random.default_rng(0)
    pictures(folder / "train", {f"{i}.png": ((20, 24), "RGB") for i in range(40)})
    pictures(folder / "new", FILES)
    pictures(folder / "one", {"only.jpg": ((9, 11), "RGB")})
    table = generator.normal((5, 100, 2000), (1, 10, 300), (40, 3))
    write_table(folder / "train.csv", ["length", "mass", "price"], table)
    turned = ["price", "note", "length", "mass"]
    write_table(folder / "new.csv", turned, table[:7, [2, 1, 0, 1]])
    images = generator.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
    np.save(folder / "images.npy", images)
    np.save(folder / "vectors.npy", generator.normal(3, 2, (40, 4)))
    with pytest.MonkeyPatch.context() as patch:
        work_in(folder, patch)
        draw_nothing(patch)
        for name, asked in {
            "coloured": ["dataset=image_folder", "dataset.path=train"],
            "rows": ["dataset=csv", "dataset.path=train.csv"],
            "arrays": ["dataset=array", "dataset.path=images.npy"],
            "noisy": ["dataset=array", "dataset.path=images.npy",
                      "corruption=gaussian", "corruption.std=5", "trainer.epochs=0"],
            "whitened": ["dataset=array", "dataset.path=images.npy",
                         "dataset.scale=zca", "model.output_activation=none"],
            "vectors": ["dataset=array", "dataset.path=vectors.npy", "model=vae",
                        "loss=mse", "model.output_activation=none"],
        }.items():  # fmt: skip
            assert main([f"hydra.run.dir={name}", *FEW, *asked]) == 0
    return folder


@pytest.fixture
def runs(trained_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to work in."""
    work_in(trained_runs, monkeypatch)
    return trained_runs


def work_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Without the settings of whoever runs the tests."""
    patch.chdir(folder)
    patch.delenv("AERUN_CONFIG_PATH", raising=False)
    patch.setenv("AERUN_CACHE", str(folder / "cache"))


def write_table(path: Path, names: list[str], rows: np.ndarray) -> None:
    """Write a .csv file whose numbers read back exactly."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows.tolist())


@pytest.fixture
def reconstructed(runs: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask for reconstructions; their folder. Nothing else of the run may change."""

    def ask(run: str, *overrides: str) -> Path:
        before = fingerprints(runs)
        assert main(["-q", "task=reconstruct", f"run={run}", *overrides]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        made = Path(printed.out.removesuffix("\n"))
        assert made.parent == runs / run
        kept = {
            name: sum_ for name, sum_ in fingerprints(runs).items()
            if made not in (runs / name).parents
        }  # fmt: skip
        assert kept == before
        return made

    return ask


def fingerprints(folder: Path) -> dict[str, str]:
    """Hashes of all files but those of the cache."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and folder / "cache" not in path.parents
    }


def paths_in(folder: Path) -> set[Path]:
    """Files and folders but the cache's."""
    return {p for p in folder.rglob("*") if folder / "cache" not in p.parents}
