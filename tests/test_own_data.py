"""The user's own data: one command and no code, from files to pictures."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aerun
from aerun.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.shared]

SMALL = ("experiment=smoke", "trainer.threads=1", "model.hidden=[16]", "model.code=4")
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AERUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AERUN_CONFIG_PATH", raising=False)
    return tmp_path


def images(folder: str, *shape: int, number: int = 12, classes: int = 0) -> str:
    """A folder of random images."""
    for i in range(number):
        place = Path(folder, f"class {i % classes}" if classes else "")
        place.mkdir(parents=True, exist_ok=True)
        pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")
    return folder


def parts(folder: str) -> str:
    """A folder with the parts train and test inside."""
    images(f"{folder}/train", 9, 8, classes=2)
    images(f"{folder}/test", 9, 8, classes=2, number=4)
    return folder


def array(name: str, **more: Any) -> str:
    """Grey images of 16x16 in bytes, alone or with labels."""
    x = RANDOM.integers(0, 256, (40, 16, 16), dtype=np.uint8)
    if more:
        np.savez(name, x=x, **more)
    else:
        np.save(name, x)
    return name


def rows(name: str, *, number: int = 40, start: int = 0) -> str:
    """A table of 30 columns and a text label."""
    with open(name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"Größe {i}" for i in range(30)), "kind"])
        for i in range(start, start + number):
            writer.writerow([*RANDOM.normal(size=30).round(4), "abc"[i % 3]])
    return name


KINDS: dict[str, tuple[str, Callable[[], list[str]], list[int]]] = {
    "grey": ("image_folder", lambda: [images("my scans", 28, 20)], [1, 28, 20]),
    "colour": ("image_folder", lambda: [images("fotos", 64, 48, 3)], [3, 64, 48]),
    "odd": ("image_folder", lambda: [images("画像", 33, 47, 3)], [3, 33, 47]),
    "classes": ("image_folder", lambda: [images("c", 9, 8, classes=3)], [1, 9, 8]),
    "parts": ("image_folder", lambda: [parts("p")], [1, 9, 8]),
    "size": (
        "image_folder",
        lambda: [images("mix", 9, 8), "dataset.size=[6,7]"],
        [1, 6, 7],
    ),
    "npy": ("array", lambda: [array("x.npy")], [1, 16, 16]),
    "npz": ("array", lambda: [array("x.npz", y=np.arange(40) % 4)], [1, 16, 16]),
    "test": (
        "array",
        lambda: [array("x.npy"), f"dataset.test_path={array('t.npy')}"],
        [1, 16, 16],
    ),
    "csv": ("csv", lambda: [rows("t.csv"), "dataset.label=kind"], [30]),
    "csv test": (
        "csv",
        lambda: [
            rows("t.csv"),
            "dataset.label=kind",
            f"dataset.test_path={rows('u.csv', number=9)}",
            "model.output_activation=none",  # test rows lie beyond those trained on
        ],
        [30],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_own_data_train_with_one_command(kind: str) -> None:
    """Every kind of file gives a run with pictures and a model in its units."""
    dataset, files, shape = KINDS[kind]
    path, *more = files()
    data = [f"dataset={dataset}", f"dataset.path='{path}'", *more]
    assert main([*data, *SMALL, "hydra.run.dir=run"]) == 0
    assert (Path("run") / "reconstructions.png").stat().st_size > 1000
    trained = aerun.load("run")
    assert trained.config["data"]["shape"] == shape
    recon = trained.reconstruct(RANDOM.random((2, *shape)))
    assert recon.shape == (2, *shape)
    assert np.isfinite(recon).all()


def test_a_bad_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with own data is told before a directory is made."""
    images("mine", 9, 8)
    Path("mine/broken.png").write_text("hello")
    assert main(["dataset=image_folder", "dataset.path=mine", *SMALL]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("aerun: dataset.path")
    assert printed.err.count("\n") == 1
    assert "mine/broken.png is no readable image" in printed.err
    assert not Path("outputs").exists()


def test_an_unknown_home_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """``~somebody`` that does not exist is a path that does not exist."""
    for dataset in ("image_folder", "csv", "array"):
        path = "dataset.path='~nobody-here/x'"
        assert main([f"dataset={dataset}", path, *SMALL]) == 2
        assert "~nobody-here/x does not exist; give" in capsys.readouterr().err


# -- whitening, as a run ---------------------------------------------------------------

WHITE = ["dataset=digits", "dataset.scale=zca", "model.output_activation=none", *SMALL]


def test_whitened_data_train_and_come_back() -> None:
    """The whitening is kept with the weights; what is loaded works in stored units."""
    more = ["trainer.epochs=30", "trainer.max_steps=null", "trainer.lr=0.01"]
    larger = ["model.hidden=[64]", "model.code=40", "model.activation=none"]
    assert main([*WHITE, *more, *larger, "hydra.run.dir=run"]) == 0
    assert Path("run/checkpoints/whitening.safetensors").stat().st_size > 64 * 64 * 8
    from aerun.data import digits

    x = digits().train[0][:50].astype(np.float64)
    recon = aerun.load("run").reconstruct(x)
    assert recon.shape == x.shape
    # In stored units: far nearer than the mean image is.
    assert np.square(recon - x).mean() < 0.5 * np.square(x.mean(0) - x).mean()


def test_a_whitened_run_is_resumed() -> None:
    """Continued from its files it ends where it would have ended."""
    request = [*WHITE, "trainer.max_steps=null"]
    assert main([*request, "trainer.epochs=3", "hydra.run.dir=whole"]) == 0
    assert main([*request, "trainer.epochs=1", "hydra.run.dir=run"]) == 0
    assert main(["task=resume", "run=run", "trainer.epochs=3"]) == 0
    x = RANDOM.random((5, 1, 8, 8)) * 16
    whole, resumed = (aerun.load(name, weights="last") for name in ("whole", "run"))
    np.testing.assert_array_equal(whole.reconstruct(x), resumed.reconstruct(x))
