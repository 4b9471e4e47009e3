"""scikit-learn's bundled handwritten digits: real, small, always there."""

import numpy as np

from aerun.data.splits import Source


def digits() -> Source:
    """1,797 grey images of 8x8 pixels with 17 levels, ten classes; no network.

    References:
        Alpaydin & Kaynak, "Optical recognition of handwritten digits" (UCI, 1998).
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    return Source(
        train=(images, bunch.target.astype(np.int64)),
        bounds=(0, 16),
        classes=tuple(str(digit) for digit in range(10)),
    )
