"""What simpler methods reach on the same data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """PCA fitted to the training part."""

    components: np.ndarray
    """Orthonormal rows, [k, D]."""
    mse: float
    """Mean squared error per element on the test part, scaled units."""


def mean_mse(train: np.ndarray, test: np.ndarray) -> float:
    """The error of always answering with the mean training example."""
    mean = train.mean(axis=0, dtype=np.float64)
    return float(np.square(test - mean).mean())


def pca(train: np.ndarray, test: np.ndarray, size: int) -> Principal | None:
    """PCA at the same code size.

    Args:
        train: Flattened training examples, [N, D], scaled units.
        test: Flattened test examples, [M, D].
        size: Size of the code, k.

    Returns:
        None when k is not smaller than D, or there are too few examples.
    """
    if size >= train.shape[1] or size > len(train) or len(train) < 2:
        return None
    from sklearn.decomposition import PCA

    # In single precision the covariance of data far from zero would be noise.
    centre = train.mean(axis=0, dtype=np.float64).astype(train.dtype)
    if not (train - centre).any():
        return None  # all examples are the same: there is no direction to find
    model = PCA(size, svd_solver="covariance_eigh").fit(train - centre)
    restored = model.inverse_transform(model.transform(test - centre))
    mse = float(np.square(restored - (test - centre), dtype=np.float64).mean())
    return Principal(components=model.components_, mse=mse)


def principal_angles(decoder: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Angles between a linear decoder's subspace and PCA's.

    Args:
        decoder: Decoder matrix, [D, k].
        components: Orthonormal rows, [k, D].

    Returns:
        Principal angles in degrees, ascending, [k].

    References:
        Bjorck & Golub, "Numerical methods for computing angles between linear
        subspaces" (1973); scipy.linalg.subspace_angles.
    """
    from scipy.linalg import subspace_angles

    return np.degrees(np.sort(subspace_angles(decoder, components.T)))


@torch.no_grad()
def linear_decoder(model: Any, size: int, like: torch.Tensor) -> np.ndarray | None:
    """The matrix [D, k] of a decoder that is affine, or None when it is not.

    Args:
        model: With ``decode``.
        size: Size of the code, k.
        like: Gives device and type.
    """
    unit = torch.eye(size, device=like.device, dtype=like.dtype)
    origin = model.decode(torch.zeros_like(unit[:1])).flatten(1)
    columns = model.decode(unit).flatten(1) - origin
    tripled = model.decode(3 * unit).flatten(1) - origin
    # Affine exactly when three times the code moves the output three times as far.
    if not torch.allclose(tripled, 3 * columns, rtol=1e-3, atol=1e-5):
        return None
    return columns.T.cpu().double().numpy()
