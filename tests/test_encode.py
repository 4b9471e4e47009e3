"""task=encode: codes, reconstructions and errors in the order of the examples."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reconstructing import FILES, Ask

import aerun
from aerun.cli import main
from aerun.data.archive import ArchiveWriter
from aerun.tasks import encode as module
from aerun.tasks import on_run

pytest_plugins = ["reconstructing"]


@pytest.fixture
def encoded(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask for codes: their folder, and what the archive holds as NumPy reads it."""

    def ask(run: str, *overrides: str) -> Any:
        capsys.readouterr()
        assert main(["-q", "task=encode", f"run={run}", *overrides]) == 0
        made = Path(capsys.readouterr().out.removesuffix("\n"))
        with np.load(made / "codes.npz", allow_pickle=False) as archive:
            return made, dict(archive)

    return ask


def test_a_run_encodes_its_own_examples(runs: Path, encoded: Ask) -> None:
    """In their order, as ``encode`` and ``reconstruct`` in Python give them."""
    made, found = encoded("vectors")
    x, model = np.load("vectors.npy"), aerun.load("vectors")
    assert found.keys() == {"codes", "errors", "reconstructions"}
    np.testing.assert_allclose(found["codes"], model.encode(x), rtol=1e-5)
    recon = model.reconstruct(x)
    np.testing.assert_allclose(found["reconstructions"], recon, rtol=1e-5)
    scaled = model.spec.scaled(recon) - model.spec.scaled(x)
    np.testing.assert_allclose(found["errors"], (scaled**2).mean(1), rtol=1e-4)
    assert [path.name for path in made.iterdir()] == ["codes.npz"]


def test_other_images_are_encoded_with_their_names(runs: Path, encoded: Ask) -> None:
    """Reconstructions are pixels; there is a row for each file, by its name."""
    made, found = encoded("coloured", "dataset.path=new", "task.table=true")
    assert sorted(found["names"]) == sorted(FILES)
    assert found["reconstructions"].dtype == np.uint8
    assert found["reconstructions"].shape[:2] == (len(FILES), 3)
    with open(made / "codes.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["example"] for row in rows] == found["names"].tolist()
    codes = [[float(row[f"code_{i}"]) for i in range(found["codes"].shape[1])]
             for row in rows]  # fmt: skip
    np.testing.assert_allclose(codes, found["codes"], rtol=1e-6)
    assert [float(row["mse"]) for row in rows] == found["errors"].tolist()


def test_labels_and_parts_stand_beside_the_codes(alone: Path, encoded: Ask) -> None:
    """Of a data set with classes and an original test set."""
    x = np.random.default_rng(0).random((50, 6))
    np.savez("mine.npz", x=x[:40], y=np.arange(40) % 3, x_test=x[40:], y_test=[2] * 10)
    few = ["trainer.epochs=1", "model.code=2", "model.output_activation=none"]
    asked = ["dataset=array", "dataset.path=mine.npz", "hydra.run.dir=run"]
    assert main([*asked, *few]) == 0
    made, found = encoded("run", "task.reconstructions=false", "task.table=true")
    assert found.keys() == {"codes", "errors", "labels", "part"}
    assert found["labels"].tolist() == [*(i % 3 for i in range(40)), *[2] * 10]
    assert found["part"].tolist() == ["train"] * 40 + ["test"] * 10
    head = (made / "codes.csv").read_text().splitlines()[0]
    assert head == "example,label,part,code_0,code_1,mse"


def test_blocks_do_not_change_what_is_written(runs, encoded, monkeypatch) -> None:
    """Three examples at a time, or all at once."""
    _, whole = encoded("vectors")
    monkeypatch.setattr(on_run, "_BLOCK", 3)
    made, found = encoded("vectors")
    assert made.name != "encode"
    for name, values in whole.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)


def test_what_fails_leaves_no_half_of_an_archive(runs, monkeypatch) -> None:
    """Neither a file nor a folder."""

    def fail(*arguments: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(module._Encoding, "_codes", fail)
    before = {path.name for path in Path("vectors").iterdir()}
    assert main(["task=encode", "run=vectors"]) == 1
    assert {path.name for path in Path("vectors").iterdir()} == before


def test_an_archive_of_too_few_rows_is_refused(tmp_path) -> None:
    """Its header would promise more than there is."""
    with (
        pytest.raises(ValueError, match="3 rows in blocks of an array of 4"),
        ArchiveWriter(tmp_path / "a.npz") as archive,
    ):
        archive.write("x", [np.ones((3, 2))], shape=(4, 2), dtype=np.dtype("f4"))
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_refused(runs, capsys) -> None:
    """Examples of another shape, before a folder is made."""
    before = {path.name for path in Path("vectors").iterdir()}
    assert main(["task=encode", "run=vectors", "dataset.path=images.npy"]) == 2
    assert "the run's model takes 4" in capsys.readouterr().err
    assert {path.name for path in Path("vectors").iterdir()} == before
