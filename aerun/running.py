"""A statistic of batches that is remembered from one to the next."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_unseen: ContextVar[bool] = ContextVar("unseen", default=False)


@contextmanager
def unseen() -> Iterator[None]:
    """Within, nothing is remembered: for a second look at the same batch."""
    before = _unseen.set(True)
    try:
        yield
    finally:
        _unseen.reset(before)


def remembers() -> bool:
    """Whether statistics of batches are remembered here."""
    return not _unseen.get()


class RunningMean(nn.Module):
    """The plain mean of the first values, an exponential one after them.

    Buffers alone: it is saved and resumed with the weights, and a dry run leaves it
    as it was.
    """

    def __init__(self, size: int, momentum: float) -> None:
        """Begin with none.

        Args:
            size: Of a value, [size].
            momentum: What the mean keeps of itself at each value, in [0, 1).
        """
        super().__init__()
        self.momentum = momentum
        self.value: Tensor
        self.register_buffer("value", torch.zeros(size))
        self.number: Tensor
        self.register_buffer("number", torch.zeros(()))

    @torch.no_grad()
    def see(self, value: Tensor) -> None:
        """Take a value [size] into account, unless ``unseen``."""
        if _unseen.get():
            return
        self.number.add_(1)
        weight = (1 / self.number).clamp(min=1 - self.momentum)
        self.value.add_((value.detach().to(self.value) - self.value) * weight)
