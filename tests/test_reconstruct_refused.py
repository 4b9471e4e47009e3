"""task=reconstruct: what is refused before anything is written."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from reconstructing import paths_in

import aerun
from aerun.build import load_source
from aerun.cli import main
from aerun.errors import DataError

pytest_plugins = ["reconstructing"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "run: is missing; write run=DIR, or run=last"),
        (["run=last"], "run=last: there is no folder outputs/latest"),
        (["run=nowhere"], "run=nowhere: there is no folder nowhere"),
        (["run=new"], "run=new: "),
        (["run=empty"], "saved no weights yet"),
        (["run=rows", "dataset.path=absent.csv"],
         "dataset.path=absent.csv: absent.csv does not exist"),
        (["run=coloured", "dataset=image_folder", "dataset.path=absent"],
         "dataset.path=absent: absent does not exist"),
        (["run=coloured", "dataset=image_folder"], "dataset.path: is missing"),
        (["run=arrays", "dataset=array", "dataset.path=vectors.npy"],
         "examples of 4; the run's model takes 3x6x5"),
        (["run=arrays", "dataset=digits"],
         "examples of 1x8x8; the run's model takes 3x6x5"),
        (["run=rows", "dataset=image_folder", "dataset.path=new"],
         "has images; the run's model takes vectors of 3"),
        (["run=coloured", "dataset=csv", "dataset.path=new.csv"],
         "the run's model takes 3x24x20"),
        (["run=coloured", "dataset.pth=new"], "Did you mean 'dataset.path'?"),
        (["run=coloured", "dataset=nowhere"], "there is no dataset 'nowhere'"),
        (["run=rows", "dataset.scale=none"], "dataset.scale=none: is settled by the"),
        (["run=coloured", "dataset=image_folder", "dataset.path=new",
          "dataset.size=9"], "dataset.size=9: is settled by the run"),
        (["run=coloured", "dataset.colour=grey"],
         "dataset.colour=grey: is settled by the run"),
        (["run=rows", "dataset.columns=[mass]"], "columns=['mass']: is settled by"),
        (["run=rows", "dataset=csv", "dataset.path=new.csv",
          "dataset.exclude_columns=[note]"], "exclude_columns=['note']: is settled"),
        (["run=rows", "trainer.lr=3"], "trainer.lr=3: is settled by the run"),
        (["run=rows", "model=vae"], "model=vae: is settled by the run"),
        (["run=rows", "device=tpu"], "device=tpu: must be auto"),
        (["run=rows", "-m"], "-m: is not for task=reconstruct"),
        (["run=rows", "dataset.path=new.csv,train.csv"], "takes one value here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_reconstructed_is_refused(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """One message, exit code 2, nothing written anywhere."""
    (runs / "empty").mkdir(exist_ok=True)
    (runs / "empty/config.yaml").write_bytes((runs / "rows/config.yaml").read_bytes())
    before = paths_in(runs)
    assert main(["task=reconstruct", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert paths_in(runs) == before


@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="there is a GPU")
def test_a_gpu_that_is_absent_is_refused(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device that was asked for by name is never replaced."""
    assert main(["task=reconstruct", "run=rows", "device=cuda"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("aerun: device=cuda: there is no CUDA GPU here")


def test_other_columns_of_the_same_number_are_refused(runs: Path) -> None:
    """A data set of the user's own is not taken for the one that was trained on."""
    node = {"_target_": "aerun.data.plane", "num_examples": 9, "noise": 0.1}
    config = {"dataset": {**node, "points_seed": 0}}
    spec = aerun.load("rows").spec
    with pytest.raises(DataError, match=r"x, y, z; the run's .* length, mass, price"):
        load_source(config, spec)
    renamed = replace(spec, feature_names=("x", "y", "z"))
    assert load_source(config, renamed).train[0].shape == (9, 3)
