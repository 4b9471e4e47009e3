"""What the pages say that commands leave: variants, trackers, ONNX files, verifying."""

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

PACKAGES = {
    "As ONNX files": ("onnx", "onnxscript", "onnxruntime"),
    "TensorBoard": ("tensorboard",),
    "A tracker of your own": ("mlflow",),
    "A search": ("optuna",),
    "Options of a search": ("optuna",),
    "As one model": ("greenlet",),
    "As on a cluster, on one machine": ("submitit",),
    "On Ray": ("ray",),
}
"""Optional ones, which recipes need."""

MARKS = {
    title: [
        pytest.mark.skipif(find_spec(name) is None, reason=f"needs {name}")
        for name in names
    ]
    for title, names in PACKAGES.items()
}


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


def tensorboard(folder: Path, run: Path, printed: str) -> None:
    """A log of all curves, in which the run went on."""
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    log = EventAccumulator(str(run / "tensorboard")).Reload()
    assert [event.value for event in log.Scalars("epoch")] == [1, 2]
    assert len(log.Scalars("test/mse")) == 1
    assert "final/latent" in log.Tags()["images"]


def mlflow(folder: Path, run: Path, printed: str) -> None:
    """One run there, with every row once, the options and the pictures."""
    from mlflow import MlflowClient

    client = MlflowClient(str(folder / "mlruns"))
    kept = client.get_run((run / "mlflow.txt").read_text())
    assert client.get_experiment(kept.info.experiment_id).name == "digits"
    assert kept.info.status == "FINISHED"
    assert kept.data.params["model.code"] == "16"
    with open(run / "metrics.csv", encoding="utf-8") as file:
        rows = [(int(r["step"]), float(r["val/loss"])) for r in csv.DictReader(file)]
    assert len(rows) == 2
    past = client.get_metric_history(kept.info.run_id, "val/loss")
    assert [(each.step, each.value) for each in past] == rows
    pictures = client.list_artifacts(kept.info.run_id, "pictures")
    assert "pictures/latent.png" in [file.path for file in pictures]


def onnx(folder: Path, run: Path, printed: str) -> None:
    """Three files and what is to be known of them, in both units."""
    for name, units in (("export", "scaled"), ("export_2", "data")):
        said = json.loads((run / name / "export.json").read_text())
        assert said["units"] == units
        for file in ("encoder.onnx", "decoder.onnx", "autoencoder.onnx"):
            assert said["files"][file]["largest_difference"] <= 1e-5
            assert (run / name / file).is_file()


def comparison(folder: Path, run: Path, printed: str) -> None:
    """Two comparisons of one sweep, each with every file that the page names."""
    made = sorted(folder.glob("outputs/comparisons/*/*"))
    assert len(made) == 2
    for each in made:
        names = {path.name for path in each.iterdir()}
        assert names == {"comparison.md", "comparison.csv", "runs.csv", "curves.png",
                         "comparison.json", "reconstructions.png",
                         "report.html"}  # fmt: skip
        rows = (each / "comparison.csv").read_text().splitlines()
        assert len(rows) == 1 + 2 + 2, "a head, groups, PCA"


def worth(folder: Path, run: Path, printed: str) -> None:
    """All figures that the page names."""
    made = json.loads((run / "evaluate/evaluation.json").read_text())
    named = ["mse", "psnr", "ssim", "pca/mse", "loss/kl", "linear_probe", "neighbours",
             "linear_probe/pca", "neighbours/input", "clusters/nmi",
             "invariance/code_shift", "invariance/jacobian_norm", "nll/1",
             "nll/10", "nll/500", "elbo", "mmd2", "codes/mean", "prior/std",
             "parzen", "parzen/train_images", "parzen/gaussian", "samples/classes",
             "test/classes", "frechet", "frechet/floor", "attack/attacked"]  # fmt: skip
    assert set(named) < made["figures"].keys()
    assert "binarised once" in printed
    assert (run / "evaluate/best_worst.png").is_file()
    assert (run / "evaluate/errors.csv").is_file()


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


def verified(folder: Path, run: Path, printed: str) -> None:
    """The verdict, and what was made again."""
    for name, rows in (("verify", 1), ("verify_2", 1)):  # of one epoch in all
        said = json.loads((run / name / "verification.json").read_text())
        assert said["verdict"] == "exact"
        made = (run / name / "metrics.csv").read_text().splitlines()
        assert len(made) == 1 + rows
    steps = json.loads((run / "checkpoints/first_steps.json").read_text())
    assert 0 < len(steps["steps"]) <= 20
    assert "matches bit for bit" in printed


PROMISES = {
    "Sparse, denoising and contractive, in any combination": variants,
    "Layer by layer": levels,
    "Samples, and walks through the codes": samples,
    "Codes as arrays": codes,
    "Comparing runs": comparison,
    "What a run is worth": worth,
    "A classifier with few labels": classifier,
    "TensorBoard": tensorboard,
    "A tracker of your own": mlflow,
    "As ONNX files": onnx,
    "Verifying a run": verified,
}
