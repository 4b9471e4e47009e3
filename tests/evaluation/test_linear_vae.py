"""A trained linear variational autoencoder, about which theory tells everything."""

import numpy as np
import pytest
import torch
from making import make

from aerun.evaluation.likelihood import importance_log_likelihood, loss_log_likelihood
from aerun.evaluation.splits import knob_tensors
from aerun.evaluation.units import posterior_units

# A direction is used if its eigenvalue is above the decoder's variance. None of these
# lies within 0.7 to 1.4 times of a variance that is tried.
EIGENVALUES = np.array([10, 4.5, 2.0, 0.9, 0.4, 0.18, 0.08])
VARIANCES = {3.0: 2, 0.6: 4, 0.12: 6}


def _save_examples(path, number=4000, elements=10):
    """Examples [number, elements] whose covariance has exactly these eigenvalues."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(number, len(EIGENVALUES)))
    left, _, right = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    axes, _ = np.linalg.qr(generator.normal(size=(elements, len(EIGENVALUES))))
    white = left @ right * np.sqrt(number)
    np.save(path, white * np.sqrt(EIGENVALUES) @ axes.T + 1.0)


def _trained(tmp_path, variance, **changes):
    _save_examples(tmp_path / "x.npy")
    asked = {
        "dataset": "array", "dataset.path": tmp_path / "x.npy", "dataset.scale": "none",
        "dataset.test": 0.1, "dataset.validation": 0.02, "model": "vae",
        "model.hidden": "[]", "model.code": 8, "loss": "gaussian",
        "loss.variance": variance, "trainer.epochs": 200, "trainer.batch_size": 200,
        "trainer.lr": 0.02, "trainer/scheduler": "cosine",
    } | changes  # fmt: skip
    _, built = make(*(f"{key}={value}" for key, value in asked.items()))
    list(built.training)
    return built


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(("variance", "number"), VARIANCES.items())
def test_as_many_dimensions_are_active_as_eigenvalues_pay(tmp_path, variance, number):
    """Those above the decoder's variance, no more and no fewer.

    References:
        Lucas, Tucker, Grosse & Norouzi, "Don't blame the ELBO!" (2019), theorem 1.
    """
    built = _trained(tmp_path, variance)
    units = posterior_units(built.objective.model, built.data.test)
    assert units.num_active == number
    # Half the log of their ratio is what such a dimension carries.
    ratios = EIGENVALUES[variance < EIGENVALUES] / variance
    found = np.sort(units.kl)[::-1][:number]
    np.testing.assert_allclose(found, np.log(ratios) / 2, atol=0.1)


def test_importance_samples_make_up_for_an_encoder_that_is_off(tmp_path):
    """5000 of them give log N(x; b, W W^T + v I) to 0.01 nat."""
    built = _trained(tmp_path, 0.6, **{"trainer.epochs": 30})
    objective, x = built.objective.double(), built.data.test.gather(slice(200)).double()
    model = objective.model
    with torch.no_grad():
        model.encoder.levels[-1].bias.add_(0.1)
    values = knob_tensors(built.training.knob_values(final=True), x)
    found = importance_log_likelihood(
        model, x, loss_log_likelihood(objective.loss, model, values),
        ks=(1, 5000), seed=0,
    )  # fmt: skip
    (level,) = model.decoder.levels
    weight, offset = level.weight.detach(), level.bias.detach()
    covariance = weight @ weight.T + 0.6 * torch.eye(10, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(offset, covariance).log_prob(x)
    assert float(found.mean[1]) == pytest.approx(float(exact.mean()), abs=0.01)
    assert float(found.mean[0]) < float(exact.mean()) - 0.1
