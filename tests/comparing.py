"""Runs that were never trained: what a directory would tell of them."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from making import compose

from aerun.build import load_data
from aerun.evaluation.recorded import RecordedRun
from aerun.resolving import resolve

ROWS = [
    {"epoch": 1, "step": 5, "val/loss": 4.0, "val/mse": 0.4},
    {"epoch": 2, "step": 10, "val/loss": 3.0, "val/mse": 0.3},
]


@cache
def _resolved(overrides: tuple[str, ...]) -> dict[str, Any]:
    config = compose(*overrides)
    return resolve(config, load_data(config).spec)


def config_of(*overrides: str, **changes: Any) -> dict[str, Any]:
    """A resolved config on the digits, changed by dotted keys (__ for the dot)."""
    config = deepcopy(_resolved(overrides))
    for key, value in changes.items():
        *path, last = key.split("__")
        node = config
        for name in path:
            node = node[name]
        node[last] = value
    return config


def run_of(
    *overrides: str,
    seed: int = 0,
    mse: float = 0.5,
    metrics: dict[str, Any] | None = None,
    status: str = "completed",
    rows: Any = ROWS,
    name: str = "run",
    typed: tuple[str, ...] | None = None,
    **changes: Any,
) -> RecordedRun:
    """A run as its directory would tell of it; overrides are what was typed."""
    config = config_of(*overrides, **changes)
    config["seed"] = seed
    chosen = dict(text.split("=") for text in overrides)
    groups = ("model", "dataset", "loss", "corruption", "trainer")
    choices = {"model": "simple", "dataset": "digits", "loss": "mse"}
    choices |= {key: value for key, value in chosen.items() if key in groups}
    found = {"test/loss": 64 * mse, "test/mse": mse, "pca/mse": 0.25}
    return RecordedRun(
        directory=Path(f"/runs/{name}_{seed}"),
        config=config,
        choices=choices,
        typed=tuple(chosen) if typed is None else typed,
        summary={"status": status, "metrics": found if metrics is None else metrics},
        rows=tuple(rows),
    )


def write_run(folder: Path, run: RecordedRun) -> Path:
    """Leave what there would be of a run in a folder."""
    (folder / ".hydra").mkdir(parents=True)
    choices = {**run.choices, "task": "train", "hydra/launcher": "basic"}
    record = {"hydra": {"runtime": {"choices": choices}}}
    (folder / ".hydra/hydra.yaml").write_text(yaml.safe_dump(record))
    typed = [f"{key}=1" for key in run.typed]
    (folder / ".hydra/overrides.yaml").write_text(yaml.safe_dump(typed))
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(run.config)))
    (folder / "summary.json").write_text(json.dumps(run.summary))
    if run.rows:
        lines = [",".join(run.rows[0])]
        lines += [",".join(map(str, row.values())) for row in run.rows]
        (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    return folder
