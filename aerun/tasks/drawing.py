"""Pictures of examples of any kind, in the units of the data."""

from typing import Any

import numpy as np
import torch

from aerun.data import Spec, Split
from aerun.evaluation.splits import reconstructions

_EXTREMES = 10  # examples with the smallest errors, and as many with the largest


def draw_rows(rows: dict[str, np.ndarray], spec: Spec, title: str) -> bytes:
    """Examples above what was made of them, [N, *shape] of each name; a PNG file."""
    if not spec.is_image:
        return draw_vectors(rows, spec, title)
    from aerun.reporting.images import image_grid

    low, high = spec.drawn_range
    return image_grid(rows, low=low, high=high, title=title)


def draw_extremes(model: Any, test: Split, errors: np.ndarray) -> bytes:
    """Examples with the smallest and largest errors, and what was made of them.

    Args:
        model: In evaluation.
        test: Scaled, [N, *shape].
        errors: Of each, [N].

    Returns:
        A PNG file; of vectors only the worst are shown.
    """
    spec, order = test.spec, np.argsort(errors, kind="stable")
    rows: dict[str, np.ndarray] = {}

    def show(places: np.ndarray, given: str, answer: str) -> None:
        x = test.gather(torch.from_numpy(places))
        pair = {given: x, answer: reconstructions(model, x)}
        for name, values in pair.items():
            rows[name] = spec.unscaled(values.cpu().double().numpy())

    worst, number = order[-_EXTREMES:][::-1], f"{len(errors):,} test examples"
    if not spec.is_image:
        show(worst.copy(), "worst", "reconstruction")
        return draw_vectors(rows, spec, f"Largest errors of {number}")
    best = order[:_EXTREMES]
    show(best, f"best: {errors[best].mean():.3g}", "reconstruction")
    show(worst.copy(), f"worst: {errors[worst].mean():.3g}", "reconstruction ")
    title = f"Smallest and largest squared errors of {number}"
    return draw_rows(rows, spec, title)


def draw_samples(samples: np.ndarray, spec: Spec, title: str) -> bytes:
    """Samples [N, *shape] in order, line by line; a PNG file."""
    if not spec.is_image:
        return draw_vectors({"sample": samples}, spec, title)
    from aerun.reporting.images import sample_grid

    low, high = spec.drawn_range
    return sample_grid(samples, low=low, high=high, title=title)


def title_of_samples(model: Any) -> str:
    """What a model's own samples are: steps of a chain, or codes of its prior."""
    chain = hasattr(model, "transition")
    return "A chain in order" if chain else "Samples of the prior, decoded"


def draw_vectors(rows: dict[str, np.ndarray], spec: Spec, title: str) -> bytes:
    """Vectors [N, D] of each name; a PNG file."""
    from aerun.reporting.images import vector_grid

    names = None if spec.feature_names is None else list(spec.feature_names)
    return vector_grid(rows, feature_names=names, title=title)
