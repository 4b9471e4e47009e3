"""Points near a plane in space, the first picture of a lecture on autoencoders."""

import numpy as np

from aerun.data.splits import Source
from aerun.options import Count, Natural, NonNegative

STANDARD_DEVIATIONS = (2.0, 1.0)
"""Of the points along the two axes of the plane."""


def plane(*, num_examples: Count, noise: NonNegative, points_seed: Natural) -> Source:
    """Gaussian points near a tilted plane through (1, 2, 3).

    Args:
        num_examples: Number of points.
        noise: Standard deviation across the plane.
        points_seed: Draws the points.

    Returns:
        Points [N, 3], whose covariance ``covariance(noise)`` is known.
    """
    generator = np.random.default_rng(points_seed)
    deviations = np.asarray([*STANDARD_DEVIATIONS, noise])
    normal = generator.standard_normal((num_examples, 3)) * deviations
    points = normal @ axes().T + np.asarray([1.0, 2.0, 3.0])
    return Source(train=(points, None), feature_names=("x", "y", "z"))


def axes() -> np.ndarray:
    """Orthonormal columns [3, 3]: two axes of the plane, and its normal."""
    along = np.asarray([2.0, 1.0, 2.0]) / 3
    across = np.asarray([-2.0, 2.0, 1.0]) / 3
    return np.stack([along, across, np.cross(along, across)], axis=1)


def covariance(noise: float) -> np.ndarray:
    """The exact covariance [3, 3] of the points."""
    variances = np.square([*STANDARD_DEVIATIONS, noise])
    return axes() @ np.diag(variances) @ axes().T
