"""Pictures of examples of any kind, in the units of the data."""

from typing import Any

import numpy as np

from aerun.data import Spec


def draw_rows(rows: dict[str, np.ndarray], spec: Spec, title: str) -> bytes:
    """Examples above what was made of them, [N, *shape] of each name; a PNG file."""
    if not spec.is_image:
        return draw_vectors(rows, spec, title)
    from aerun.reporting.images import image_grid

    low, high = spec.drawn_range
    return image_grid(rows, low=low, high=high, title=title)


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
