"""The plane of code space that a map shows, and the codes on it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class CodePlane:
    """Coordinates of codes of D numbers in A = min(D, 2) directions."""

    origin: np.ndarray
    """The code at coordinates 0, [D]."""
    axes: np.ndarray
    """Orthonormal directions, [A, D]."""
    names: tuple[str, ...]
    """Of the directions."""

    def project(self, codes: np.ndarray) -> np.ndarray:
        """Coordinates [N, A] of codes [N, D]."""
        return (codes - self.origin) @ self.axes.T

    def codes(self, points: np.ndarray) -> np.ndarray:
        """The codes [N, D] at coordinates [N, A]."""
        return self.origin + points @ self.axes


def plane_of(codes: np.ndarray) -> CodePlane:
    """The code itself, if it has one or two dimensions, else its main plane.

    Args:
        codes: One per example, [N, D], N >= 1, D >= 1, finite.

    Returns:
        For D > 2 the plane through the mean code along the first two principal
        components, whose names tell their shares of the variance.
    """
    num_dimensions = codes.shape[1]
    if num_dimensions <= 2:
        return CodePlane(
            origin=np.zeros(num_dimensions),
            axes=np.eye(num_dimensions),
            names=tuple(f"code {i}" for i in range(num_dimensions)),
        )
    origin, axes, shares = _principal_components(codes)
    names = tuple(f"component {i} ({share:.1%})" for i, share in enumerate(shares, 1))
    return CodePlane(origin=origin, axes=axes, names=names)


def _principal_components(
    codes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean [D], first two components [2, D] and their shares of variance [2]."""
    # Imported here: it takes longer than the drawing, and most maps do without.
    from sklearn.decomposition import PCA

    # Shares of no variance are 0 / 0, and one example has no components at all.
    if len(codes) < 2 or np.ptp(codes, axis=0).max() == 0:
        return codes[0], np.eye(2, codes.shape[1]), np.zeros(2)
    model = PCA(n_components=2, random_state=0).fit(codes)
    return model.mean_, model.components_, model.explained_variance_ratio_
