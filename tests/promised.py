"""What the page on variants says that its commands leave."""

import json
from pathlib import Path

import numpy as np


def variants(folder: Path, run: Path, printed: str) -> None:
    """Pictures of their own, and errors from both kinds of input."""
    assert (run / "samples.png").is_file()
    sparse = next(folder.glob("outputs/*-*/*_sparse_digits"))
    assert (sparse / "activity.png").is_file()
    denoising = next(folder.glob("outputs/*-*/*_stacked_digits"))
    metrics = json.loads((denoising / "summary.json").read_text())["metrics"]
    assert metrics["test/corrupted_mse"] != metrics["test/mse"]
    assert 0 < metrics["identity/corrupted_mse"] < 1
    assert "from corrupted inputs" in printed


def levels(folder: Path, run: Path, printed: str) -> None:
    """Rows of every level, and of all together at the end."""
    rows = (run / "metrics.csv").read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == {"level_1", "level_2", "level_3"}
    (greedy,) = folder.glob("outputs/*-*/*_stacked_digits")
    assert "finetune" in (greedy / "metrics.csv").read_text()


def samples(folder: Path, run: Path, printed: str) -> None:
    """Samples as stored, and all pictures of the codes."""
    made = run / "sample"
    assert np.load(made / "samples.npy").shape == (100, 1, 8, 8)
    pictures = {path.stem for path in made.glob("*.png")}
    assert pictures == {"samples", "interpolations", "traversals", "manifold"}
    assert f"Look at {made.resolve() / 'samples.png'}" in printed


def codes(folder: Path, run: Path, printed: str) -> None:
    """All 1797 digits in their order, as arrays and as a table."""
    made = run / "encode"
    with np.load(made / "codes.npz") as arrays:
        assert arrays["codes"].shape == (1797, 3)
        assert arrays["reconstructions"].shape == (1797, 1, 8, 8)
        assert arrays["errors"].shape == arrays["labels"].shape == (1797,)
    assert len((made / "codes.csv").read_text().splitlines()) == 1798


def worth(folder: Path, run: Path, printed: str) -> None:
    """All figures that the page names."""
    made = json.loads((run / "evaluate/evaluation.json").read_text())
    named = ["nll/1", "nll/10", "nll/500", "elbo", "mmd2", "codes/mean", "prior/std",
             "parzen", "parzen/train_images", "parzen/gaussian", "samples/classes",
             "test/classes", "frechet", "frechet/floor", "attack/attacked"]  # fmt: skip
    assert set(named) < made["figures"].keys()
    assert "binarised once" in printed


def classifier(folder: Path, run: Path, printed: str) -> None:
    """Rows of both nets and of what was asked for beside them; a second folder."""
    found = json.loads((run / "classify/classification.json").read_text())
    named = {name.split("/")[1] for name in found["figures"] if "error" in name}
    assert named == {"pretrained", "scratch", "pca", "logistic", "nearest"}
    rows = (run / "classify/classification.csv").read_text().splitlines()
    assert len(rows) == 1 + 4 * 5 * 5
    assert (run / "classify/curve.png").is_file()
    ten = json.loads((run / "classify_2/classification.json").read_text())
    assert len(ten["figures"]["gain/100"]["seeds"]) == 10
    assert ten["protocol"]["freeze"] == 1
