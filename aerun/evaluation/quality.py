"""How alike an image and its reconstruction are, beside the squared error."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as everywhere

SSIM_WINDOW = 7
"""Pixels along the side of the window; less in smaller images."""

_C1, _C2 = 0.01**2, 0.03**2  # of the square of the range


def psnr(errors: np.ndarray, value_range: float) -> np.ndarray:
    """Peak signal-to-noise ratio 10 log10(range^2 / mse), dB.

    Args:
        errors: Mean squared error of each image, [N].
        value_range: Largest possible value less the smallest, in the same unit.

    Returns:
        [N]; infinite without an error.
    """
    with np.errstate(divide="ignore"):
        ratios: np.ndarray = 10 * np.log10(value_range**2 / errors)
    return ratios


def ssim_window(shape: tuple[int, ...]) -> int | None:
    """Side of the window for images [C, H, W]: odd; None where none fits."""
    side = min(SSIM_WINDOW, *shape[1:])
    side -= 1 - side % 2
    return side if side >= 3 else None


def ssim(x: Tensor, y: Tensor, value_range: float) -> Tensor:
    """Structural similarity of images, averaged over pixels and channels.

    Means, variances and covariances (unbiased) are those of a square window with equal
    weights; windows lie wholly inside the image.

    Args:
        x: Images, [B, C, H, W], their sides at least 3.
        y: Others, likewise.
        value_range: Largest possible value less the smallest.

    Returns:
        [B]; 1 where the two are equal.

    References:
        Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error
        visibility to structural similarity" (2004).
    """
    window = ssim_window(tuple(x.shape[1:]))
    assert window is not None, "the caller asks ssim_window first"
    # Variances are differences of squares; about a mean less is lost.
    about = x.mean(dim=(1, 2, 3), keepdim=True)

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, window, stride=1)

    a, b = x - about, y - about
    ma, mb = mean(a), mean(b)
    unbiased = window**2 / (window**2 - 1)
    variances = unbiased * (mean(a * a) - ma * ma + mean(b * b) - mb * mb)
    covariance = unbiased * (mean(a * b) - ma * mb)
    ma, mb = ma + about, mb + about
    c1, c2 = _C1 * value_range**2, _C2 * value_range**2
    luminance = (2 * ma * mb + c1) / (ma * ma + mb * mb + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).mean(dim=(1, 2, 3))
