"""What the pages on recipes and on parts of one's own say that commands leave."""

import csv
import json
from pathlib import Path

import yaml
from PIL import Image

from aerun.cli import main


def own_photos(folder: Path, run: Path, printed: str) -> None:
    """Pictures of the run, whose images are small and grey where that was asked for."""
    config = (run / "config.yaml").read_text()
    assert "- 3\n  - 12\n  - 16" in config
    assert "china" in config
    assert (run / "reconstructions.png").is_file()
    assert (run / "latent.png").is_file()
    (scans,) = folder.glob("cache/*.u8")
    assert scans.stat().st_size == 80 * 24 * 24, "grey, without the broken one"


def a_folder(folder: Path, run: Path, printed: str) -> None:
    """Images of their old sizes, an error for each, and nothing overwritten."""
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


def own_table(folder: Path, run: Path, printed: str) -> None:
    """The columns that were chosen."""
    first, second = sorted(folder.glob("outputs/2*/*_linear_csv*"))
    assert "- depth" in (first / "config.yaml").read_text()
    kept = (second / "config.yaml").read_text()
    assert "- width" in kept
    assert "- depth" not in kept


def own_arrays(folder: Path, run: Path, printed: str) -> None:
    """A run of each kind of file."""
    assert len(list(folder.glob("outputs/2*/*_array*/summary.json"))) == 3


def whitening(folder: Path, run: Path, printed: str) -> None:
    """The whitening itself."""
    assert list(run.glob("**/whitening*")), "kept with the run"


def field(folder: Path, run: Path, printed: str) -> None:
    """The data set that was named."""
    assert "_target_: aerun.data.mnist" in (run / "config.yaml").read_text()


def one_run(folder: Path, run: Path, printed: str) -> None:
    """A run with its picture."""
    assert (run / "reconstructions.png").is_file()


def own_model(folder: Path, run: Path, printed: str) -> None:
    """The model of the file."""
    assert "_target_: my_model.Convolutional" in (run / "config.yaml").read_text()


def own_run(folder: Path, run: Path, printed: str) -> None:
    """Codes, and reconstructions, of a model that was trusted."""
    assert (run / "encode/codes.npz").is_file()
    assert list(run.glob("reconstruct/*"))


def own_parts(folder: Path, run: Path, printed: str) -> None:
    """Their options, and their column in the curves."""
    config = (run / "config.yaml").read_text()
    assert "std: 0.2" in config
    assert "sharpness: 9" in config
    (waves,) = folder.glob("outputs/2*/*_waves")
    columns = (waves / "metrics.csv").read_text().splitlines()[0]
    assert "train/decorrelated" in columns


def inspect(folder: Path, run: Path, printed: str) -> None:
    """Sizes and times, and no file."""
    assert "parameters of the model" in printed
    assert "per epoch of" in printed
    assert not (folder / "outputs").exists(), "writes nothing"


def sweep(folder: Path, run: Path, printed: str) -> None:
    """Four runs."""
    found = folder.glob("outputs/sweeps/*/*/*/summary.json")
    assert {path.parent.name for path in found} == {"0", "1", "2", "3"}


def resume(folder: Path, run: Path, printed: str) -> None:
    """One run, which went on."""
    (only,) = folder.glob("outputs/2*/*")
    assert json.loads((only / "summary.json").read_text())["epochs"] == 2


def other_weights(folder: Path, run: Path, printed: str) -> None:
    """A second run, which names the first."""
    older, newer = sorted(folder.glob("outputs/2*/*_vae_digits*"))
    assert "init_from: null" in (older / "config.yaml").read_text()
    assert str(older) in (newer / "config.yaml").read_text()


def scripts(folder: Path, run: Path, printed: str) -> None:
    """The directory on a line, and what is in it."""
    assert printed == f"{run.resolve() / 'reconstruct'}\n"
    assert (run / "reconstruct/errors.csv").is_file()


def completion(folder: Path, run: Path, printed: str) -> None:
    """What each shell is to be told."""
    assert all(shell in printed for shell in ("bash", "zsh", "fish"))


def automatic(folder: Path, run: Path, printed: str) -> None:
    """Every choice is in config.yaml, and inspect says how long a step takes."""
    for path in folder.glob("outputs/*-*/*_vae_digits"):
        trainer = yaml.safe_load((path / "config.yaml").read_text())["trainer"]
        assert trainer["precision"] in ("float32", "float64")
        assert (trainer["threads"], trainer["compile"]) == (1, False)
    assert "ms per step" in printed


PROMISES = {
    "Your own photos": own_photos,
    "Reconstructing a folder": a_folder,
    "Your own table": own_table,
    "Your own arrays": own_arrays,
    "Whitening": whitening,
    "The field's data sets": field,
    "Looking before training": inspect,
    "A sweep": sweep,
    "Stopping and resuming": resume,
    "Starting from another run's weights": other_weights,
    "From Python": one_run,
    "On a GPU": one_run,
    "Threads, precision, compiler": automatic,
    "In scripts": scripts,
    "Tab completion": completion,
    "A model": own_model,
    "A loss, a regularizer, a corruption, a bottleneck, a data set": own_parts,
    "Runs that use them": own_run,
    "Parts in an installed package": own_model,
}
