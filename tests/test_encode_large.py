"""task=encode: a set of images larger than what memory should be spent on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_large_folder import PEAK, ask, need_room

# It measures memory, whoever else works on the cores.
pytestmark = [pytest.mark.slow, pytest.mark.shared]

NUMBER, SIDE = 100_000, 64
BLOCK = 5_000
FEW = ["model.hidden=[16]", "model.code=8", "trainer.max_steps=5", "trainer.threads=1"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of images in colour, and a run that has seen some of them."""
    place = tmp_path_factory.mktemp("encoded")
    need_room(place, 4e9)
    generator = np.random.default_rng(0)
    images = np.lib.format.open_memmap(
        place / "images.npy", "w+", np.uint8, (NUMBER, 3, SIDE, SIDE)
    )
    for start in range(0, NUMBER, BLOCK):
        coarse = generator.integers(0, 256, (BLOCK, 3, 4, 4), dtype=np.uint8)
        images[start : start + BLOCK] = coarse.repeat(16, 2).repeat(16, 3)
    del images
    few = np.load(place / "images.npy", mmap_mode="r")[:2000]
    np.save(place / "few.npy", few)
    ask(place, PEAK, "peak", "dataset=array", "dataset.path=few.npy", *FEW,
        "hydra.run.dir=run")  # fmt: skip
    yield place
    shutil.rmtree(place)


def test_codes_of_many_images_fit_into_memory(place: Path) -> None:
    """1.2 GB of them take less than 2 GB more than the model and the program."""
    asked = ["task=encode", "run=run", "dataset=array"]
    least = ask(place, PEAK, "peak", *asked, "dataset.path=few.npy")
    peak = ask(place, PEAK, "peak", *asked, "dataset.path=images.npy")
    print(f"{peak / 1e9:.2f} GB, {least / 1e9:.2f} GB for few")  # noqa: T201
    assert peak - least < 2e9
    with np.load(place / "run/encode_2/codes.npz") as made:
        assert made["codes"].shape == (NUMBER, 8)
        assert made["errors"].shape == (NUMBER,)
    assert (place / "run/encode_2/codes.npz").stat().st_size > NUMBER * 3 * SIDE**2
