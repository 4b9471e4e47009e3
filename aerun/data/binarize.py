"""Grey values as probabilities: examples of zeros and ones, drawn once."""

from dataclasses import replace
from typing import Literal

import numpy as np

from aerun.data.mapped import Mapped, block_slices
from aerun.data.splits import Arrays, Source
from aerun.errors import DataError

Binarize = Literal["none", "dynamic", "fixed"]


def binarized(source: Source, *, seed: int) -> Source:
    """Each element 1 with the probability that its value states, else 0.

    Args:
        source: Of which the possible values are known.
        seed: Of the draw; the same examples every time.

    Raises:
        DataError: The range is unknown, or the examples are read from a file.

    References:
        Salakhutdinov & Murray, "On the quantitative analysis of deep belief networks"
        (2008), for MNIST.
    """
    key = "dataset.binarize"
    if source.bounds is None:
        raise DataError("the range of the values is unknown; use none", key=key)
    parts = [part for part in (source.train, source.test) if part is not None]
    if any(isinstance(x, Mapped) for x, _ in parts):
        raise DataError("is for data in memory; use dynamic", key=key)
    low, high = source.bounds
    generator = np.random.default_rng(seed)

    def drawn(part: Arrays) -> Arrays:
        x = part[0]
        assert isinstance(x, np.ndarray)
        ones = np.empty(x.shape, dtype=np.uint8)
        for rows in block_slices(len(x), x.shape[1:], 4):
            luck = generator.random(x[rows].shape, dtype=np.float32)
            ones[rows] = (x[rows] - low) / (high - low) > luck
        return ones, part[1]

    return replace(
        source,
        train=drawn(source.train),
        test=None if source.test is None else drawn(source.test),
        bounds=(0.0, 1.0),
        content=None,
    )
