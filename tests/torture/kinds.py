"""The runs that are hurt: small, but each with all the state that its kind can have."""

from typing import Any

import pytest
from hurting import Kind

COMMON = (
    "dataset.limit=300", "trainer.batch_size=50", "trainer.preview_every=0",
    "trainer.threads=1", "device=cpu", "trainer.checkpoint_every=3",
)  # fmt: skip

LEVEL = 20
"""Epochs of a level."""

KINDS = {
    # A schedule, a corruption, noise in the model, averaged weights and early stopping
    # are all at work; early stopping never ends the run before its last epoch.
    "train": Kind(
        (
            *COMMON, "model=vae", "model.hidden=[16]", "model.code=3",
            "corruption=gaussian", "trainer.epochs=60", "trainer.scheduler=cosine",
            "corruption.std={start: 0.1, end: 0.3, steps: 150}",
            "regularizer.kl.weight={start: 0, end: 1, steps: 200}",
            "trainer.patience=100", "trainer.ema=0.99",
        )
    ),
    # Two levels and all together; the code's running mean is a state of its own.
    "greedy": Kind(
        (
            *COMMON, "model=stacked", "model.hidden=[24]", "model.code=12",
            "model.code_activation=sigmoid", "regularizer=[kl_sparsity]",
            "regularizer.kl_sparsity.momentum=0.9", "corruption=masking",
            "trainer=greedy", f"trainer.epochs={LEVEL}", "trainer.finetune_epochs=10",
            "trainer.ema=0.9",
        )
    ),
    "phased": Kind(
        (
            *COMMON, "model=stacked", "model.hidden=[24]", "model.code=12",
            "corruption=salt_pepper", "trainer=phased", f"trainer.epochs={LEVEL}",
            "trainer.finetune_epochs=10", "trainer/optimizer=sgd",
        )
    ),
    "aae": Kind((*COMMON, "model=aae", "model.hidden=[16]", "model.code=2",
                 "trainer.epochs=40")),
    "gsn": Kind((*COMMON, "model=gsn", "model.hidden=[24]", "model.code=24",
                 "trainer.epochs=25")),
    "sweep": Kind(
        (
            "-m", *COMMON, "seed=0,1,2", "model.hidden=[16]", "model.code=3",
            "corruption=gaussian", "trainer.epochs=20",
        ),
        place="hydra.sweep.dir",
        jobs=("0", "1", "2"),
    ),
}  # fmt: skip


def short(*values: object) -> Any:
    """A case that belongs to make test-all too."""
    return pytest.param(*values, marks=pytest.mark.shared)


def long(*values: object) -> Any:
    """A case of make torture alone."""
    return pytest.param(*values, marks=pytest.mark.torture)
