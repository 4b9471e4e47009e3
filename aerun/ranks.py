"""Several processes that train one run together, each on its share of every batch.

All of them hold the same weights, draw the same order and the noise of the whole batch,
and make the same steps; only the gradient is computed in shares and summed. So a state
knows nothing of how many there were.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from aerun.errors import BadUse, Terminated
from aerun.launched import is_first, num_ranks
from aerun.signals import STOPPING

_PATIENCE = timedelta(hours=6)  # what one of them evaluates and draws, the others await


class Ranks:
    """This process among those that share a run."""

    def __init__(self) -> None:
        """Take place and number from the process group, which exists."""
        self.rank, self.number = dist.get_rank(), dist.get_world_size()
        self.wish: Callable[[], int | None] = lambda: None
        """Tells the signal that asked this process to stop, or None."""
        self.signum: int | None = None
        """The signal that asked one of them to stop, as all of them know."""
        self._heard: Tensor | None = None

    def part(self, size: int) -> tuple[slice, float]:
        """Which of the examples of a batch are this one's, and its share of them.

        A batch smaller than the number of processes is taken whole by each of them.
        """
        if size < self.number:
            return slice(None), 1 / self.number
        ends = [size * rank // self.number for rank in (self.rank, self.rank + 1)]
        return slice(*ends), (ends[1] - ends[0]) / size

    @contextmanager
    def sharing(self, share: float) -> Iterator[None]:
        """Within, ``batch_mean`` is that of the whole batch."""
        global _shared
        _shared = share
        try:
            yield
        finally:
            _shared = None

    @torch.no_grad()
    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sums over all processes, of tensors of one type; wishes to stop go along.

        The same bits in each of them.
        """
        wish = self.wish()
        asked = tensors[0].new_tensor([float(wish == signum) for signum in STOPPING])
        flat = torch.cat([*(t.reshape(-1) for t in tensors), asked])
        dist.all_reduce(flat)
        *sums, heard = flat.split([*(t.numel() for t in tensors), len(asked)])
        self._heard = heard
        if not flat.is_cuda:  # for a GPU one would have to wait at every step
            self.listen()
        return [s.view_as(t) for s, t in zip(sums, tensors, strict=True)]

    def listen(self) -> None:
        """Learn of wishes to stop; to be called by all at the same step."""
        if self._heard is not None:
            for signum, count in zip(STOPPING, self._heard.tolist(), strict=True):
                self.signum = int(signum) if count else self.signum

    @torch.no_grad()
    def spread(self, tensors: Sequence[Tensor]) -> None:
        """Put what the first process holds in place in all of them."""
        for tensor in tensors:
            dist.broadcast(tensor, src=0)

    def wait(self) -> None:
        """Until all have come here."""
        dist.all_reduce(torch.zeros(1))

    def told(self, value: Any) -> Any:
        """What the first process says; others give what is not heard."""
        said = [value]
        dist.broadcast_object_list(said, src=0)
        return said[0]


_shared: float | None = None
_ranks: Ranks | None = None


def current() -> Ranks | None:
    """This process among several, or None where it is alone."""
    return _ranks


def batch_mean(values: Tensor) -> Tensor:
    """Mean over the examples of a batch, [B, ...] -> [...], also of those elsewhere.

    A statistic of a batch that is not linear in it must be made of such means: where
    several processes share a batch, each has only its part.
    """
    mean = values.mean(0)
    if _shared is None:
        return mean
    whole: Tensor = _Sum.apply(mean * _shared)
    return whole


class _Sum(torch.autograd.Function):
    """The sum over all processes; each adds what it knows to the gradient of all."""

    @staticmethod
    def forward(values: Tensor) -> Tensor:
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


@contextmanager
def together(device: str) -> Iterator[Ranks | None]:
    """Within, the processes that ``torchrun`` started know each other; None: only one.

    On GPUs each takes the one of its number on this machine.

    Args:
        device: That was asked for.

    Raises:
        BadUse: There are not as many such devices as processes.
        Terminated: The first process has ended, and told why.
    """
    global _ranks
    if num_ranks() == 1:
        yield None
        return
    backend = "gloo"
    if device in ("auto", "cuda") and torch.cuda.is_available():
        backend = "cpu:gloo,cuda:nccl"
        _take_gpu()
    elif device not in ("auto", "cpu"):
        raise BadUse(
            f"device={device}: several processes take device=cuda, each a GPU of its "
            "own, or device=cpu."
        )
    dist.init_process_group(backend, timeout=_PATIENCE)
    _ranks = Ranks()
    try:
        yield _ranks
    except RuntimeError as error:
        if is_first() or "closed by peer" not in str(error):
            raise
        raise Terminated from None
    finally:
        _ranks = None
        dist.destroy_process_group()


def _take_gpu() -> None:
    here, number = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if here > number:
        raise BadUse(
            f"{here} processes were started for {number} GPUs; start "
            f"--nproc-per-node={number}, or add device=cpu."
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
