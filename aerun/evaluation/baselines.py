"""What simpler methods reach on the same data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aerun.data import Split
from aerun.evaluation.splits import collect

_COVARIANCE = 4096  # elements per example up to which the covariance is solved exactly
_EXACT = 600 * 2**20  # bytes of examples that PCA by the covariance may hold
_SAMPLED = 96 * 2**20  # of examples too large for that, which the solver copies


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """PCA fitted to examples of the training part."""

    components: np.ndarray
    """Orthonormal rows, [k, D]."""
    centre: np.ndarray
    """Mean of those examples, [D]."""
    num_examples: int
    """To which it was fitted."""

    def codes(self, x: np.ndarray) -> np.ndarray:
        """Components [N, k] of flattened examples [N, D], scaled units."""
        found: np.ndarray = (x - self.centre) @ self.components.T
        return found

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Squared error of each element of flattened examples, [N, D], scaled units."""
        with np.errstate(over="ignore", invalid="ignore"):  # health says it
            centred = x - self.centre
            restored = (centred @ self.components.T) @ self.components
            off = np.subtract(restored, centred, out=restored)
            squares: np.ndarray = np.square(off)
        return squares

    def reconstruct(self, x: np.ndarray, size: int) -> np.ndarray:
        """What the first ``size`` components keep of examples, [N, D]."""
        first = self.components[:size]
        restored: np.ndarray = (x - self.centre) @ first.T @ first + self.centre
        return restored


def principal(train: Split, size: int) -> Principal | None:
    """PCA of a training part, of as many of its examples as fit into memory.

    Args:
        train: Examples, scaled.
        size: Size of the code, k.

    Returns:
        None where there is none, as for ``pca``.
    """
    elements = train.gather(slice(1)).numel()
    some = train.first(pca_examples(elements))
    return pca(collect(lambda x: x.flatten(1), some), size)


def pca_examples(size: int) -> int:
    """To how many examples of so many elements PCA can be fitted in memory."""
    return (_EXACT if size <= _COVARIANCE else _SAMPLED) // (4 * size)


def pca(train: np.ndarray, size: int) -> Principal | None:
    """PCA at the same code size.

    Args:
        train: Flattened training examples, [N, D], scaled units; overwritten.
        size: Size of the code, k.

    Returns:
        None when k is not smaller than D, or there are too few examples.
    """
    num_elements = train.shape[1]
    if size >= num_elements or size > len(train) or len(train) < 2:
        return None
    from sklearn.decomposition import PCA

    # In single precision the covariance of data far from zero would be noise.
    centre = train.mean(axis=0, dtype=np.float64).astype(train.dtype)
    train -= centre
    if not train.any():
        return None  # all examples are the same: there is no direction to find
    solver = "covariance_eigh" if num_elements <= _COVARIANCE else "randomized"
    if len(train) < num_elements <= _COVARIANCE:
        solver = "full"  # of the smaller side
    with np.errstate(invalid="ignore"):  # shares of a variance that underflows
        model = PCA(size, svd_solver=solver, random_state=0).fit(train)
    return Principal(
        components=model.components_,
        centre=centre + model.mean_,
        num_examples=len(train),
    )


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
