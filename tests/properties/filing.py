"""Data of the user's own in files: read, checked, and trained on for two steps."""

from pathlib import Path
from typing import Any

import numpy as np
from holding import carried_out, check_completed, check_message
from making import compose
from requesting import written

from aerun.build import load_data
from aerun.config.grammar import quoted
from aerun.data import Data
from aerun.errors import DataError

NAMES = [
    "a", "b", "c", "0", "1", "2", "-1", "1.0", "a b", "é", "日本", "$x$", "$", "a$_b",
    "<b>", "[x]", "a=b", "a,b", "'", '"', "\\", "{c}", "${seed}", "#", "%s", "None",
    "nan", "x" * 60, "a\nb", "\u202e", "\U0001f642", " a", "&amp;", "_", "__x", "~",
    "null",
]  # fmt: skip
"""Of columns, classes, folders: whatever people call things."""

SHORT = ["trainer.threads=1", "device=cpu", "trainer.max_steps=2", "trainer.epochs=1",
         "model.hidden=[4]", "model.code=2", "trainer.preview_every=0",
         "hydra.run.dir=run"]  # fmt: skip


def given_data(dataset: str, path: Path, **options: Any) -> Data | None:
    """Load data; None, where these are refused with a message.

    What is loaded is checked: finite numbers, labels that are numbers of classes.
    """
    config = compose(f"dataset={dataset}", "dataset.path=x")
    config["dataset"] |= {"path": str(path), **options}
    try:
        data = load_data(config)
    except DataError as error:
        refusal = error
    else:
        _check(data)
        return data
    assert str(refusal).strip(), "a refusal says why"
    assert refusal.key.partition(".")[0] == "dataset"
    return None


def _check(data: Data) -> None:
    spec = data.spec
    record = spec.record()
    numbers = [spec.low, spec.high, spec.stored_low, spec.stored_high]
    assert np.isfinite([*numbers, *spec.shift, *spec.scale]).all(), record
    assert all(scale > 0 for scale in spec.scale), record
    for split in (data.train, data.validation, data.test):
        assert len(split) > 0
        batch = split.gather(slice(4))
        assert batch.shape[1:] == spec.shape
        assert batch.isfinite().all(), f"{batch} {record}"
        if split.labels is not None:
            assert len(split.labels) == len(split)
            classes = 10**9 if spec.classes is None else len(spec.classes)
            assert 0 <= int(split.labels.min()) <= int(split.labels.max()) < classes


def trained_on(dataset: str, path: Path, *more: str, **options: Any) -> None:
    """Train two steps on data; if it is refused, nothing is left of it."""
    given = [f"dataset.{key}={written(value)}" for key, value in options.items()]
    request = [f"dataset={dataset}", f"dataset.path={quoted(str(path))}", *given]
    outcome = carried_out(*request, *SHORT, *more)
    if outcome.code == 2:
        check_message(outcome.err)
    check_completed(outcome, "run")
    assert outcome.code != 1 or " became " in outcome.err, outcome.err
