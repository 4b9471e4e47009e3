"""Distances between two sets of codes or features."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
_MEDIAN_OF = 2000  # rows of which the median distance is taken
_ROWS = 200  # compared with all others at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Discrepancy:
    """An estimate of the squared maximum mean discrepancy."""

    squared: float
    """MMD^2, without unit, unbiased: around 0, also below, for equal distributions."""
    standard_error: float
    """Of ``squared``, by a jackknife over blocks of rows."""
    bandwidths: tuple[float, ...]
    """Of the kernels, in units of the codes."""


def squared_distances(rows: Tensor, others: Tensor) -> Tensor:
    """|r - o|^2 between all rows [N, D] and others [M, D], [N, M], >= 0.

    By one matrix product: in double precision where rows may nearly coincide.
    """
    norms = rows.square().sum(1)[:, None] + others.square().sum(1)
    return torch.addmm(norms, rows, others.T, alpha=-2).clamp_(min=0)


def median_distance(rows: Tensor) -> float:
    """Median distance between different rows [N, D], of the first 2000, in their unit.

    References:
        Gretton et al., "A kernel two-sample test" (2012), section 8.
    """
    return float(torch.nn.functional.pdist(rows[:_MEDIAN_OF].double()).median())


@torch.no_grad()
def discrepancy(
    codes: Tensor,
    prior: Tensor,
    *,
    bandwidths: Sequence[float] | None = None,
    blocks: int = 20,
) -> Discrepancy:
    """Squared maximum mean discrepancy between codes and samples of a prior.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y) over different rows (the unbiased
    U-statistic), k the average over bandwidths s of exp(-|x - y|^2 / (2 s^2)). Its
    expectation is 0 exactly where the distributions are equal, and at most 2.

    The standard error is a jackknife over blocks, each left out of both sets in turn;
    where the distributions are equal it is up to 1.5 times too large. Rows have to be
    in random order.

    Args:
        codes: Rows [N, D].
        prior: Rows [M, D].
        bandwidths: Of the kernels, in units of the codes; None for the median distance
            between prior samples times 1/4, 1/2, 1, 2 and 4.
        blocks: Of rows, at most as many as there are pairs of rows.

    References:
        Gretton et al., "A kernel two-sample test" (2012), lemma 6; for the standard
        error, Arvesen, "Jackknifing U-statistics" (1969).
    """
    codes, prior = codes.double(), prior.double()
    if bandwidths is None:
        middle = median_distance(prior)
        bandwidths = [middle * scale for scale in _SCALES]
    blocks = max(1, min(blocks, len(codes) // 2, len(prior) // 2))
    x, y = codes.tensor_split(blocks), prior.tensor_split(blocks)
    sums = _Sums(
        within_x=_block_sums(x, x, bandwidths),
        within_y=_block_sums(y, y, bandwidths),
        between=_block_sums(x, y, bandwidths),
        size_x=torch.tensor([len(block) for block in x]).double(),
        size_y=torch.tensor([len(block) for block in y]).double(),
    )
    everything = torch.ones(1, blocks, dtype=torch.float64)
    left_out = everything - torch.eye(blocks, dtype=torch.float64)
    partial = sums.statistic(left_out)
    squares = (partial - partial.mean()).square().sum()
    return Discrepancy(
        squared=float(sums.statistic(everything)),
        standard_error=float((squares * (blocks - 1) / blocks).sqrt()),
        bandwidths=tuple(bandwidths),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sums:
    """Kernel values summed over pairs of rows, for all pairs of blocks."""

    within_x: Tensor
    """[blocks, blocks], without pairs of a row with itself."""
    within_y: Tensor
    """Likewise."""
    between: Tensor
    """[blocks of x, blocks of y]."""
    size_x: Tensor
    """Rows of each block, [blocks]."""
    size_y: Tensor
    """Likewise."""

    def statistic(self, kept: Tensor) -> Tensor:
        """MMD^2 of some of the blocks, by rows of 0 and 1 [..., blocks], [...]."""

        def total(sums: Tensor) -> Tensor:
            return torch.einsum("kb,bc,kc->k", kept, sums, kept)

        n, m = kept @ self.size_x, kept @ self.size_y
        within = total(self.within_x) / (n * (n - 1))
        within = within + total(self.within_y) / (m * (m - 1))
        return within - 2 * total(self.between) / (n * m)


def _block_sums(
    rows: Sequence[Tensor], others: Sequence[Tensor], bandwidths: Sequence[float]
) -> Tensor:
    """Sums over pairs of rows for all pairs of blocks, on the CPU.

    Of one set with itself, pairs of a row with itself are left out.
    """
    sums = torch.zeros(len(rows), len(others), dtype=torch.float64)
    sizes = [len(block) for block in others]
    everything, start = torch.cat(tuple(others)), 0
    for total, block in zip(sums, rows, strict=True):
        for some in block.split(_ROWS):
            kernel = _kernel(squared_distances(some, everything), bandwidths)
            if rows is others:
                kernel.diagonal(start).zero_()
            start += len(some)
            parts = kernel.sum(0).split(sizes)
            total += torch.stack([part.sum() for part in parts]).cpu()
    return sums


def _kernel(squares: Tensor, bandwidths: Sequence[float]) -> Tensor:
    """The mixture of RBF kernels of squared distances [N, M], [N, M], in (0, 1]."""
    total = torch.zeros_like(squares)
    for bandwidth in bandwidths:
        total += (squares / (-2 * bandwidth**2)).exp_()
    return total / len(bandwidths)


def frechet_distance(features: Tensor, others: Tensor) -> float:
    """Squared Frechet distance of two Gaussians fitted to features.

    Biased upwards by the finite number of rows, so that it has no standard error of
    use: compare with the distance between two halves of real data.

    Args:
        features: Rows [N, D].
        others: Rows [M, D].

    Returns:
        Units of the features squared, >= 0; what "FID" is of Inception features.

    References:
        Heusel et al., "GANs trained by a two time-scale update rule" (2017).
    """
    return gaussian_frechet_distance(*_moments(features), *_moments(others))


def gaussian_frechet_distance(
    mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor
) -> float:
    """Squared Frechet (2-Wasserstein) distance of two Gaussians.

    |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)). With S = R R^T the last trace is the sum
    of singular values of R^T R', which needs no root of an asymmetric product and is
    accurate also where covariances are singular.

    Args:
        mean: [D].
        covariance: [D, D], positive semidefinite.
        other_mean: [D].
        other_covariance: [D, D].

    Returns:
        Units of the variables squared, >= 0.

    References:
        Dowson & Landau, "The Frechet distance between multivariate normal
        distributions" (1982).
    """
    squares = (mean - other_mean).square().sum()
    crossed = _root(covariance).T @ _root(other_covariance)
    shared = torch.linalg.svdvals(crossed).sum()
    traces = covariance.trace() + other_covariance.trace()
    return max(0.0, float(squares + traces - 2 * shared))


def _moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D] and covariance [D, D], divided by N - 1."""
    rows = rows.double()
    return rows.mean(0), torch.cov(rows.T).reshape(rows.shape[1], -1)


def _root(covariance: Tensor) -> Tensor:
    """R with R R^T the covariance, [D, D]."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()
