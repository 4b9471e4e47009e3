"""An ex-post density of codes: what to sample where a model has no prior."""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

log = logging.getLogger("aerun")

_MOST_AXES = 128  # a full covariance of more is slow to fit, and no better for it


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeDensity:
    """A mixture of Gaussians with full covariances, over codes of D numbers."""

    weights: np.ndarray
    """Of the components, [K], summing to 1."""
    means: np.ndarray
    """Of the components, [K, A], along the axes."""
    factors: np.ndarray
    """Cholesky factors of their covariances, [K, A, A]."""
    centre: np.ndarray
    """Mean of the codes, [D]."""
    axes: np.ndarray | None
    """Principal axes of the codes, [A, D]; None: the dimensions themselves, A = D."""
    kept: float
    """Share of the codes' variance that lies along the axes."""

    def sample(self, num_samples: int, *, seed: int) -> np.ndarray:
        """Codes [num_samples, D], the components mixed in random order."""
        generator = np.random.default_rng(seed)
        which = generator.choice(len(self.weights), num_samples, p=self.weights)
        points = generator.standard_normal((num_samples, self.means.shape[1]))
        for k, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            points[which == k] = mean + points[which == k] @ factor.T
        return self.centre + (points if self.axes is None else points @ self.axes)


def fit_density(codes: np.ndarray, *, num_components: int, seed: int) -> CodeDensity:
    """Fit a mixture to the codes of training examples.

    Codes of more than 128 numbers are described along their first 128 principal axes;
    off these, samples have the mean code.

    Args:
        codes: [N, D].
        num_components: K, at most N.
        seed: Of the initial components.

    References:
        Ghosh et al., "From variational to deterministic autoencoders" (2020), section
        4: 10 components with full covariances.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    centre = codes.mean(0, dtype=np.float64)
    axes, points, kept = _along_axes(codes, centre, seed)
    # In units of the codes' own size, what is added to a variance means the same.
    size = np.sqrt(np.square(points).mean()) or 1.0
    mixture = GaussianMixture(num_components, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said below
        mixture.fit(points / size)
    if not mixture.converged_:
        log.warning(
            "The mixture still improved after %d iterations; fewer components "
            "(task.num_components) are fitted sooner.",
            mixture.n_iter_,
        )
    return CodeDensity(
        weights=mixture.weights_ / mixture.weights_.sum(),
        means=mixture.means_ * size,
        factors=np.linalg.cholesky(mixture.covariances_) * size,
        centre=centre,
        axes=axes,
        kept=kept,
    )


def _along_axes(
    codes: np.ndarray, centre: np.ndarray, seed: int
) -> tuple[np.ndarray | None, np.ndarray, float]:
    """Axes [A, D] or None, points [N, A] along them, and the variance they hold."""
    from sklearn.decomposition import PCA

    if codes.shape[1] <= _MOST_AXES or len(codes) < 2:
        return None, codes - centre, 1.0
    number = min(_MOST_AXES, len(codes) - 1)
    with np.errstate(invalid="ignore"):  # shares of no variance, where all are the same
        found = PCA(number, svd_solver="randomized", random_state=seed).fit(codes)
    axes = found.components_.astype(np.float64)
    total = float(codes.var(0, dtype=np.float64, ddof=1).sum())
    kept = float(found.explained_variance_.sum()) / total if total > 0 else 1.0
    return axes, (codes - centre) @ axes.T, min(kept, 1.0)


@torch.no_grad()
def decoded_codes(model: nn.Module, x: Tensor) -> Tensor:
    """What a model decodes of examples [B, *shape], without sampling, [B, D].

    That is the code, but where a bottleneck lets only a part of the code through.
    """
    out = model(x)
    latent: Tensor = out.code if out.latent is None else out.latent
    return latent.flatten(1)
