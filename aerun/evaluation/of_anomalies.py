"""Figures of a model as a detector of what it was not trained on."""

from collections.abc import Iterator

from torch import Tensor

from aerun.evaluation.anomalies import auroc
from aerun.evaluation.entries import SCALED, Figure, Finding, average


def anomaly_figures(
    normal: Tensor, anomalies: Tensor, *, kind: str
) -> Iterator[Finding]:
    """How well the error of its reconstruction tells an anomaly.

    Args:
        normal: Mean squared errors of test examples of the kind trained on, [N].
        anomalies: Of others, [M].
        kind: What these are, in words.
    """
    found = auroc(normal.numpy(), anomalies.numpy())
    yield average(
        anomalies,
        name="anomaly/mse",
        unit=SCALED,
        definition=f"squared error of reconstructions of {len(anomalies):,} {kind}",
    )
    yield Figure(
        name="anomaly/auroc",
        value=found.value,
        standard_error=found.standard_error,
        unit="share",
        definition=f"how often one of {len(anomalies):,} {kind} has a larger squared "
        f"error than one of {len(normal):,} of the run's test examples",
    )
