"""MNIST: the official files when they are there, one clear message when not."""

import os
import shutil
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from publishing import Web

from aerun.data import mnist
from aerun.errors import DataError

ROOT = Path(os.environ.get("AERUN_DATA", "data")).expanduser()
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture
def root() -> Path:
    """The folder that holds the official files."""
    return ROOT


@pytest.fixture
def no_network(web: Web) -> None:
    """Let every download break off, some files half written."""
    web.down = URLError("Error downloading train-images-idx3-ubyte.gz")


@pytest.mark.mnist
def test_the_official_files_are_read(root: Path) -> None:
    """Sizes, first labels and the sum of all pixels are those of the data set."""
    source = mnist(root=str(root))
    assert source.test is not None
    for (images, labels), size, first, mean in (
        (source.train, 60_000, [5, 0, 4, 1, 9], 33.3184),
        (source.test, 10_000, [7, 2, 1, 0, 4], 33.7912),
    ):
        assert images.shape == (size, 1, 28, 28)
        assert images.dtype == np.uint8
        assert labels is not None
        assert labels[:5].tolist() == first
        assert images.mean() == pytest.approx(mean, abs=1e-3)
    assert source.bounds == (0, 255)


@pytest.mark.mnist
@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("no_network")
def test_a_damaged_file_is_found(root: Path, tmp_path: Path, name: str) -> None:
    """One flipped byte is noticed, and the file is named and left where it is."""
    shutil.copytree(root / "MNIST" / "raw", tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(DataError, match=name) as caught:
        mnist(root=str(tmp_path))
    assert "damaged" in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.usefixtures("no_network")
def test_absent_files_without_network_give_one_message(tmp_path: Path) -> None:
    """The message names the folder and two ways out; nothing is left behind."""
    with pytest.raises(DataError) as caught:
        mnist(root=str(tmp_path / "nowhere"))
    message = str(caught.value)
    assert str(tmp_path / "nowhere" / "MNIST" / "raw") in message
    for part in ("dataset=digits", "dataset.root", "$AERUN_DATA", "Error downloading"):
        assert part in message
    assert caught.value.key == "dataset.root"
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError(), HTTPException(""), OSError(28, "No space left on device")]
)
def test_every_failed_download_is_told(
    tmp_path: Path, web: Web, error: Exception
) -> None:
    """Also an error without words becomes a data error."""
    web.down = error
    with pytest.raises(DataError, match="dataset=digits"):
        mnist(root=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_network")
def test_only_what_is_absent_is_named(tmp_path: Path) -> None:
    """Of a folder with three files, the message names the fourth."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in FILES[:3]:
        (folder / name).write_bytes(b"")
    with pytest.raises(DataError) as caught:
        mnist(root=str(tmp_path))
    assert FILES[3] in str(caught.value)
    assert f"lacks {FILES[3]} and" in str(caught.value)
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES[:3])
