"""What the page on variants says that its commands leave."""

import json
from pathlib import Path


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
