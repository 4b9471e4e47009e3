"""Mean and variance of each element over data that need not fit into memory."""

from collections.abc import Iterable

import numpy as np


class Moments:
    """Running mean and variance, in double precision."""

    def __init__(self, blocks: Iterable[np.ndarray] = ()) -> None:
        """Begin with some blocks of rows, [n, D] each."""
        self.number = 0
        self.mean = np.zeros(())
        self._squares = np.zeros(())
        for block in blocks:
            self.see(block)

    def see(self, block: np.ndarray) -> None:
        """Take rows [n, D] into account.

        References:
            Chan, Golub & LeVeque, "Algorithms for computing the sample variance",
            The American Statistician 37 (1983).
        """
        mean = block.mean(axis=0, dtype=np.float64)
        squares = np.square(block - mean).sum(axis=0)
        before, self.number = self.number, self.number + len(block)
        delta = mean - self.mean
        self.mean = self.mean + delta * (len(block) / self.number)
        weight = before * len(block) / self.number
        self._squares = self._squares + squares + np.square(delta) * weight

    @property
    def variance(self) -> np.ndarray:
        """Of each element, divided by the number of rows, [D]."""
        return self._squares / self.number
