"""PSNR, SSIM and AUROC against the libraries that are known for them."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import roc_auc_score

from aerun.evaluation.anomalies import auroc
from aerun.evaluation.quality import psnr, ssim, ssim_window


def _pairs(*shape: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.uniform(low, high, (6, *shape))
    noise = generator.normal(0, 0.2 * (high - low), x.shape)
    return x, x + noise * np.linspace(0.1, 2, 6).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [
        ((1, 8, 8), 0, 16),
        ((3, 12, 9), 0, 255),
        ((1, 5, 20), -1, 1),
        ((1, 28, 28), 1000, 1001),
    ],
)
def test_images_are_as_alike_as_scikit_image_finds(shape, low, high):
    """For grey and colour images, small ones, and values far from zero."""
    x, y = _pairs(*shape, low=low, high=high)
    window, wide = ssim_window(shape), high - low
    assert window == min(7, shape[1])
    found = ssim(torch.from_numpy(x), torch.from_numpy(y), wide)
    wanted = [
        structural_similarity(a, b, win_size=window, data_range=wide, channel_axis=0)
        for a, b in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    ratios = psnr(np.square(x - y).mean((1, 2, 3)), wide)
    wanted = [peak_signal_noise_ratio(a, b, data_range=wide)
              for a, b in zip(x, y, strict=True)]  # fmt: skip
    np.testing.assert_allclose(ratios, wanted, rtol=1e-9)


def test_an_image_is_most_like_itself():
    """Similarity 1 and an infinite ratio; too small a side leaves no window."""
    x = torch.from_numpy(_pairs(1, 8, 8, low=0, high=1)[0])
    torch.testing.assert_close(ssim(x, x, 1.0), torch.ones(6, dtype=torch.float64))
    assert np.isinf(psnr(np.zeros(2), 1.0)).all()
    assert [ssim_window((1, side, 30)) for side in (2, 3, 4, 6, 9)] == [
        None, 3, 3, 5, 7]  # fmt: skip


def test_the_area_under_the_curve_is_that_of_scikit_learn():
    """Ties count half; the error is the spread over repeated draws."""
    generator = np.random.default_rng(0)
    normal, others = generator.normal(0, 1, 80).round(1), generator.normal(1, 2, 30)
    others = others.round(1)
    labels = np.repeat([0, 1], [80, 30])
    wanted = roc_auc_score(labels, np.concatenate([normal, others]))
    assert auroc(normal, others).value == pytest.approx(wanted, abs=1e-12)
    found = [
        auroc(generator.normal(0, 1, 80), generator.normal(1, 2, 30))
        for _ in range(2000)
    ]
    spread = np.std([one.value for one in found])
    errors = np.mean([one.standard_error for one in found])
    assert errors == pytest.approx(spread, rel=0.05)
    assert auroc(normal[:1], others).standard_error is None
    assert auroc(normal, normal[:1] + 99).value == 1
