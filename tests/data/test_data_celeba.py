"""CelebA: photographs are cut, shrunk and kept once."""

import io
import os
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets
import torchvision.datasets.utils
from making import compose
from PIL import Image
from publishing import Web, count_hashing, lay

from aerun.build import load_data
from aerun.data import obtain
from aerun.data.mapped import Mapped
from aerun.errors import DataError

CELEBA = import_module("aerun.data.celeba")
ZIP, PARTITION = "img_align_celeba.zip", "list_eval_partition.txt"


def photograph(level: int) -> bytes:
    """Blue around a middle, 148 pixels wide and high, of grey; the right half lighter.

    The halves differ by 40.
    """
    image = Image.new("RGB", (178, 218), (0, 0, 255))
    image.paste((level,) * 3, (15, 35, 89, 183))
    image.paste((level + 40,) * 3, (89, 35, 163, 183))
    return jpeg(image)


def jpeg(image: Image.Image) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


def album(photographs: dict[str, bytes], parts: list[int]) -> dict[str, bytes]:
    """The two files, the archive with members that nobody asks for."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../evil.jpg", b"x")
        archive.writestr("img_align_celeba/", b"")
        for name, content in photographs.items():
            archive.writestr(f"img_align_celeba/{name}", content)
    lines = [f"{i + 1:06d}.jpg {part}\n" for i, part in enumerate(parts)]
    return {ZIP: file.getvalue(), PARTITION: "".join(lines).encode()}


PARTS = [0, 0, 2, 1, 0, 2, 1]


@pytest.fixture
def faces(tmp_path: Path, cache: Path, web: Web, publish: Callable) -> str:
    """The root of seven photographs, ever brighter, in three parts."""
    contents = {f"{i + 1:06d}.jpg": photograph(30 * i) for i in range(len(PARTS))}
    files = album(contents, PARTS)
    publish(CELEBA, files)
    lay(tmp_path / "root/celeba", files)
    return str(tmp_path / "root")


def test_photographs_are_cut_and_shrunk(faces: str) -> None:
    """The middle alone is seen, in order; the validation part is trained on."""
    source = CELEBA.celeba(root=faces, size=[16, 8], crop=148)
    for (images, labels), indices in (
        (source.train, [0, 1, 3, 4, 6]),
        (source.test, [2, 5]),
    ):
        assert isinstance(images, Mapped)
        assert images.shape == (len(indices), 3, 16, 8)
        assert labels is None
        levels = 30.0 * np.asarray(indices)[:, None, None, None]
        inner = images[:][:, :, 1:-1, 1:-1] - levels
        np.testing.assert_allclose(inner[..., :2], 0, atol=3)
        np.testing.assert_allclose(inner[..., -2:], 40, atol=3)
    assert source.bounds == (0, 255)


def test_without_a_tight_crop_the_surroundings_are_seen(faces: str) -> None:
    """The square is in the middle: with all 178 pixels the sides are equally blue."""
    source = CELEBA.celeba(root=faces, size=[178, 178], crop=178)
    red, _, blue = source.train[0][4:5][0].astype(int)
    # Of the last photograph (180), the middle is 148 of 178 pixels each way.
    assert np.abs(red[:, [7, -8]]).max() < 5
    assert np.abs(blue[[7, -8]] - 255).max() < 5
    assert np.abs(red[20:-20, 20:80] - 180).max() < 5
    assert np.abs(red[20:-20, -80:-20] - 220).max() < 5


def test_decoding_happens_once(faces: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second request reads what the first one kept; other pixels are made anew."""
    first = CELEBA.celeba(root=faces, size=[8, 8], crop=148)

    def refuse(*_: Any) -> Any:
        raise AssertionError("decoded again")

    monkeypatch.setattr(CELEBA, "_decode", refuse)
    again = CELEBA.celeba(root=faces, size=[8, 8], crop=148)
    np.testing.assert_array_equal(first.train[0][:], again.train[0][:])
    assert first.content == again.content
    for size, crop in (([8, 4], 148), ([8, 8], 100)):
        with pytest.raises(AssertionError, match="decoded again"):
            CELEBA.celeba(root=faces, size=size, crop=crop)


def test_one_number_is_a_square(faces: str) -> None:
    """As in ``dataset.size=64``."""
    square = CELEBA.celeba(root=faces, size=8, crop=148)
    assert square.train[0].shape == (5, 3, 8, 8)
    assert square.content == CELEBA.celeba(root=faces, size=[8, 8], crop=148).content


def test_another_decoder_decodes_anew(
    faces: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions of PIL may differ a little; the data are the same to a run."""
    first = CELEBA.celeba(root=faces, size=[8, 8], crop=148)
    monkeypatch.setattr("PIL.__version__", "0.1")
    again = CELEBA.celeba(root=faces, size=[8, 8], crop=148)
    assert again.content == first.content
    assert len(list(cache.glob("*.u8"))) == 4


def test_the_content_follows_files_and_options(
    faces: str, tmp_path: Path, publish: Callable
) -> None:
    """Its hash moves with size, crop and each of the files."""
    ask = {"root": faces, "size": [8, 8], "crop": 148}
    contents = [
        CELEBA.celeba(**ask).content,
        CELEBA.celeba(**{**ask, "size": [8, 4]}).content,
        CELEBA.celeba(**{**ask, "size": [4, 8]}).content,
        CELEBA.celeba(**{**ask, "crop": 100}).content,
    ]
    files = {n: (tmp_path / "root/celeba" / n).read_bytes() for n in (ZIP, PARTITION)}
    files[PARTITION] = files[PARTITION].replace(b"000001.jpg 0", b"000001.jpg 2")
    publish(CELEBA, files)
    lay(tmp_path / "root/celeba", files)
    contents.append(CELEBA.celeba(**ask).content)
    assert len(set(contents)) == 5


def test_the_archive_is_hashed_once(
    faces: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was verified is not read again at the next start."""
    monkeypatch.setattr(obtain, "_LARGE", 1000)
    hashed = count_hashing(monkeypatch)
    for _ in range(2):
        CELEBA.celeba(root=faces, size=[8, 8], crop=148)
    assert hashed == [ZIP, PARTITION, PARTITION]


@pytest.mark.parametrize(
    ("changed", "key", "said"),
    [
        ({"crop": 179}, "dataset.crop", "give 178 or less"),
        ({"size": [8]}, "dataset.size", "or one number for both"),
        ({"size": [8, 8, 3]}, "dataset.size", "or one number for both"),
    ],
)
def test_impossible_options_are_told_first(
    tmp_path: Path, web: Web, changed: dict[str, Any], key: str, said: str
) -> None:
    """Before anything is downloaded, the option is named, and what it may be."""
    ask = {"root": str(tmp_path), "size": [8, 8], "crop": 148}
    with pytest.raises(DataError, match=said) as caught:
        CELEBA.celeba(**{**ask, **changed})
    assert caught.value.key == key
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (None, "img_align_celeba/000002.jpg"),
        (b"no picture", "cannot identify"),
        (photograph(9)[:700], "truncated"),
        (jpeg(Image.new("RGB", (178, 217))), r"\(178, 217\) pixels"),
    ],
)
def test_an_archive_that_cannot_be_decoded_is_told(
    tmp_path: Path, cache: Path, publish: Callable, second: bytes | None, problem: str
) -> None:
    """An absent, damaged or odd photograph is named; nothing half made is kept."""
    contents = {"000001.jpg": photograph(0), "000003.jpg": photograph(9)}
    if second is not None:
        contents["000002.jpg"] = second
    files = album(contents, [0, 0, 2])
    publish(CELEBA, files)
    lay(tmp_path / "celeba", files)
    with pytest.raises(DataError, match=problem) as caught:
        CELEBA.celeba(root=str(tmp_path), size=[8, 8], crop=148)
    assert ZIP in str(caught.value)
    assert [path for path in cache.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.usefixtures("web", "cache")
@pytest.mark.parametrize("line", [b"../000001.jpg 0", b"000001.jpg 3", b"000001.jpg"])
def test_a_partition_names_photographs_only(
    tmp_path: Path, publish: Callable, line: bytes
) -> None:
    """Any other line is told by its number."""
    files = album({"000001.jpg": photograph(0)}, [0])
    files[PARTITION] += line + b"\n"
    publish(CELEBA, files)
    lay(tmp_path / "celeba", files)
    with pytest.raises(DataError, match=f"{PARTITION} has a line 2 unlike"):
        CELEBA.celeba(root=str(tmp_path), size=[8, 8], crop=148)


def test_few_photographs_wait_in_memory(
    faces: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading stops a few photographs ahead of what was asked for; order is kept."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    read: list[str] = []
    original = zipfile.ZipFile.read

    def counted(self: zipfile.ZipFile, name: str) -> bytes:
        read.append(name)
        return original(self, name)

    monkeypatch.setattr(zipfile.ZipFile, "read", counted)
    names = [f"{i % 7 + 1:06d}.jpg" for i in range(50)]
    decoded = CELEBA._decode(tmp_path / "root/celeba" / ZIP, names, (4, 4), 148)
    images = [next(decoded)]
    assert len(read) == 5
    images += decoded
    levels = [image[0, 2, 0] for image in images]
    np.testing.assert_allclose(levels, [30 * (i % 7) for i in range(50)], atol=3)


def test_photographs_come_from_the_drive(
    faces: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absent files are asked for by torchvision's identifiers and hashes."""
    files = {n: (tmp_path / "root/celeba" / n).read_bytes() for n in (ZIP, PARTITION)}
    asked = {}

    def give(drive: str, folder: Path, name: str, md5: str) -> None:
        asked[name] = drive
        lay(Path(folder), {name: files[name]})

    place = torchvision.datasets.utils
    monkeypatch.setattr(place, "download_file_from_google_drive", give)
    root = tmp_path / "new"
    assert len(CELEBA.celeba(root=str(root), size=[8, 8], crop=148).train[0]) == 5
    known = {name: drive for drive, _, name in torchvision.datasets.CelebA.file_list}
    assert asked == {name: known[name] for name in (ZIP, PARTITION)}
    assert {path.name for path in (root / "celeba").iterdir()} == {ZIP, PARTITION}


def test_the_hashes_are_torchvisions() -> None:
    """The table is that of torchvision."""
    known = {name: md5 for _, md5, name in torchvision.datasets.CelebA.file_list}
    assert CELEBA.FILES.digests == {n: f"md5:{known[n]}" for n in (ZIP, PARTITION)}


def test_prepared_photographs_stay_in_their_file(faces: str) -> None:
    """The option's own size and crop reach the source; batches are scaled to [0, 1]."""
    data = load_data(
        compose("dataset=celeba", f"dataset.root={faces}", "dataset.validation=1")
    )
    assert data.spec.shape == (3, 64, 64)
    assert (len(data.train), len(data.validation), len(data.test)) == (4, 1, 2)
    batch = data.test.gather(slice(None))
    expected = [(30 * 2 + 20) / 255, (30 * 5 + 20) / 255]
    np.testing.assert_allclose(batch.mean((1, 2, 3)), expected, atol=0.02)
