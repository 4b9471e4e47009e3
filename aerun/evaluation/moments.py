"""Mean and variance of each element over data that need not fit into memory."""

from collections.abc import Iterable

import torch
from torch import Tensor


class Moments:
    """Running mean and variance, joined in double precision."""

    def __init__(self, blocks: Iterable[Tensor] = ()) -> None:
        """Begin with some blocks of rows, [n, D] each."""
        self.number = 0
        self.mean = torch.zeros((), dtype=torch.float64)
        """Of each element, [D], on the CPU."""
        self._squares = torch.zeros((), dtype=torch.float64)
        for block in blocks:
            self.see(block)

    def see(self, block: Tensor) -> None:
        """Take rows [n, D] into account.

        References:
            Chan, Golub & LeVeque, "Algorithms for computing the sample variance",
            The American Statistician 37 (1983).
        """
        # About one of them: a rounded mean would leave a variance where there is none.
        origin = block[:1]
        off = block - origin
        centre = off.mean(0)
        squares = off.sub_(centre).square_().sum(0).cpu().double()
        before, self.number = self.number, self.number + len(block)
        mean = origin[0].cpu().double() + centre.cpu().double()
        delta = mean - self.mean
        self.mean = self.mean + delta * (len(block) / self.number)
        weight = before * len(block) / self.number
        self._squares = self._squares + squares + delta.square() * weight

    @property
    def variance(self) -> Tensor:
        """Of each element, divided by the number of rows, [D], on the CPU."""
        return self._squares / self.number
