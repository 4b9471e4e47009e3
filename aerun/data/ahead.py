"""Batches of data that stay where they are stored: each made while a step computes."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from aerun.data.splits import Examples


def in_turn(
    split: Examples, order: Tensor, size: int, *, ahead: bool = True
) -> Generator[Tensor]:
    """Examples in an order, a batch at a time.

    Those that are read from a file or sent to a GPU are gathered one batch ahead, by a
    thread of their own; it ends when the iterator is closed. Two batches exist at a
    time. What a step computes with is the same either way.

    Args:
        split: Examples.
        order: Their places, [N].
        size: Of a batch; the last may be smaller.
        ahead: Whether that may be.

    Yields:
        Batches, [B, *shape], on the split's device.
    """
    if not (ahead and split.is_streamed):
        yield from map(split.gather, order.split(size))
        return
    # Places that lie on a GPU would have to wait for its steps to be looked at.
    wanted = order.cpu().split(size)
    gather = _gathering(split)
    with ThreadPoolExecutor(1, "aerun-batches") as thread:
        coming: Future[Callable[[], Tensor]] | None = None
        for places in wanted:
            following = thread.submit(gather, places)
            if coming is not None:
                yield coming.result()()
            coming = following
        if coming is not None:
            yield coming.result()()


def _gathering(split: Examples) -> Callable[[Tensor], Callable[[], Tensor]]:
    """How to begin with a batch in one thread, and to take it in another."""
    stream = _stream(split.device) if split.device.type == "cuda" else None

    def gather(places: Tensor) -> Callable[[], Tensor]:
        with nullcontext() if stream is None else torch.cuda.stream(stream):
            x = split.gather(places)
            sent = None if stream is None else stream.record_event()

        def take() -> Tensor:
            if sent is not None:
                steps = torch.cuda.current_stream(split.device)
                steps.wait_event(sent)
                x.record_stream(steps)  # whose memory it is from here on
            return x

        return take

    return gather


@cache
def _stream(device: torch.device) -> Any:
    """The one beside that of the steps: memory is reused within a stream alone."""
    return torch.cuda.Stream(device)
