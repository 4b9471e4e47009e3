"""Figures of a code's units, and errors from corrupted inputs, against hand counts."""

import numpy as np
import pytest
import torch
from making import make

from aerun.evaluation import splits, units
from aerun.evaluation.splits import corrupted_errors
from aerun.evaluation.units import CodeUnits, code_units
from aerun.tasks.findings import final_figures

NOISES = ("masking", "gaussian", "salt_pepper", "uniform")


def _whole(built):
    """All test examples at once."""
    return built.data.test.gather(slice(None))


def _codes(built):
    with torch.no_grad():
        return built.objective.model.eval().encode(_whole(built)).numpy()


# -- units of the code ---------------------------------------------------------------


@pytest.mark.parametrize("batch", [1000, 50, 7])
@pytest.mark.parametrize("model", ["simple", "sparse", "k_sparse"])
def test_units_are_counted_over_the_whole_split(model, batch, monkeypatch):
    """Mean, dead ones, non-zeros and the smallest activation equal those of one go."""
    _, built = make(f"model={model}", "trainer.precision=float64")
    with torch.no_grad():
        built.objective.model.encoder.levels[-1].weight[:3] = 0
    codes = _codes(built)
    monkeypatch.setattr(splits, "_BATCH", batch)
    found = code_units(built.objective.model, built.data.test)
    np.testing.assert_allclose(found.activity, codes.mean(0), rtol=1e-9, atol=1e-12)
    assert found.num_dead == (np.ptp(codes, axis=0) < 1e-6).sum() >= 3
    assert found.num_nonzero == pytest.approx((codes != 0).sum(1).mean(), rel=1e-12)
    assert found.lowest == codes.min()
    np.testing.assert_array_equal(found.values, codes.flatten())


def test_a_unit_that_differs_in_one_batch_alone_is_not_dead(monkeypatch):
    """A unit that is constant within each batch may differ between batches."""
    _, built = make("model=simple")
    levels = {0: 1.0, 2: 2.0}
    calls = []

    def encode(x):
        calls.append(len(x))
        code = torch.zeros(len(x), 3)
        code[:, 1] = levels.get(len(calls) - 1, 0.0)
        return code

    monkeypatch.setattr(built.objective.model, "encode", encode)
    monkeypatch.setattr(splits, "_BATCH", 100)
    found = code_units(built.objective.model, built.data.test)
    assert calls == [100, 100, 100, 59]
    assert found.num_dead == 2
    np.testing.assert_allclose(found.activity, [0, 300 / 359, 0])
    assert found.num_nonzero == pytest.approx(200 / 359)


@pytest.mark.parametrize("most", [1, 450, 1000])
def test_a_histogram_is_of_whole_examples_up_to_a_number(most, monkeypatch):
    """The first ones that fit, at least one, all of their units."""
    _, built = make("model=simple", "trainer.precision=float64")
    codes = _codes(built)
    monkeypatch.setattr(splits, "_BATCH", 20)
    monkeypatch.setattr(units, "_SHOWN", most)
    found = code_units(built.objective.model, built.data.test)
    rows = max(most // codes.shape[1], 1)
    np.testing.assert_array_equal(found.values, codes[:rows].flatten())
    np.testing.assert_allclose(found.activity, codes.mean(0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("lowest", "nonzero", "sparse", "tells"),
    [
        (0.0, 10.0, False, True),
        (0.2, 10.0, False, True),
        (-0.1, 10.0, False, False),
        (-0.1, 9.0, False, False),
        (-0.1, 8.9, True, True),
        (0.0, 2.0, True, True),
    ],
)
def test_activity_is_told_where_signs_do_not_cancel(lowest, nonzero, sparse, tells):
    """Of codes that are never negative, and of those with more than a tenth zeros."""
    found = CodeUnits(
        activity=np.ones(10), values=np.ones(1), num_dead=0, num_nonzero=nonzero,
        lowest=lowest, size=10,
    )  # fmt: skip
    assert (found.sparse, found.tell_activity) == (sparse, tells)


def test_the_figures_of_a_sparse_model_are_those_of_its_units():
    """Mean activity and its distance from rho, by hand, at the end of a schedule."""
    _, built = make(
        "model=sparse", "regularizer.kl_sparsity.rho={start: 0.5, end: 0.03}"
    )
    metrics = final_figures(built, seed=0)
    means = _codes(built).mean(0)
    assert metrics.wanted_activity == 0.03
    assert metrics.metrics["test/mean_activity"] == pytest.approx(means.mean())
    away = np.abs(means - 0.03).mean()
    assert metrics.metrics["test/activity_off_rho"] == pytest.approx(away)
    assert "test/nonzero_units" not in metrics.metrics


def test_figures_of_activity_are_only_given_where_they_mean_something():
    """Non-zeros of a k-sparse code, rho with a sparsity alone; a vae has neither."""
    found = final_figures(make("model=k_sparse", "model.bottleneck.k=6")[1], seed=0)
    assert found.metrics["test/nonzero_units"] == 6
    assert found.wanted_activity is None
    assert "test/activity_off_rho" not in found.metrics
    other = final_figures(make("model=vae")[1], seed=0).metrics
    assert other["test/dead_units"] == 0
    assert not {"test/nonzero_units", "test/mean_activity"} & other.keys()


# -- corrupted inputs ----------------------------------------------------------------


def _errors(built, seed=0):
    values = built.training.knob_values(final=True)
    return corrupted_errors(built.objective, built.data.test, values, seed=seed)


@pytest.mark.parametrize("batch", [1000, 100, 7])
def test_errors_from_masked_inputs_are_those_by_hand(batch, monkeypatch):
    """Blanked where a uniform number is small, compared with what is clean."""
    _, built = make(
        "model=denoising", "trainer.precision=float64",
        "corruption.probability={start: 0, end: 0.4}", "corruption.clean_weight=0",
    )  # fmt: skip
    monkeypatch.setattr(splits, "_BATCH", batch)
    found = _errors(built, seed=3)
    generator = torch.Generator().manual_seed(3)
    model, squares, blanked = built.objective.model.eval(), [], []
    for x in _whole(built).split(batch):
        luck = torch.empty_like(x).uniform_(generator=generator)
        seen = torch.where(luck < 0.4, 0.0, x)
        with torch.no_grad():
            squares.append((model(seen).recon - x).square())
        blanked.append((seen - x).square())
    assert found.of_model == pytest.approx(float(torch.cat(squares).mean()))
    assert found.of_identity == pytest.approx(float(torch.cat(blanked).mean()))
    assert found.of_identity > 0.01


@pytest.mark.parametrize("corruption", NOISES)
def test_corrupted_errors_are_the_same_at_each_call(corruption):
    """They depend on the seed alone; not on the model's mode, and nor does it draw."""
    _, built = make("model=vae", f"corruption={corruption}")
    state = torch.get_rng_state()
    found = _errors(built)
    built.objective.train()
    assert _errors(built) == found
    assert _errors(built, seed=1) != found
    assert torch.equal(torch.get_rng_state(), state)
    assert not built.objective.training


@pytest.mark.parametrize("corruption", ["none", "gaussian"])
def test_errors_from_corrupted_inputs_are_found_where_there_is_a_corruption(corruption):
    """And nowhere else; noise of deviation 0.3 is an error of about 0.09."""
    more = [] if corruption == "none" else ["corruption.std=0.3"]
    _, built = make(f"corruption={corruption}", *more)
    metrics = final_figures(built, seed=0).metrics
    names = {"test/corrupted_mse", "identity/corrupted_mse"}
    if corruption == "none":
        assert not names & metrics.keys()
    else:
        assert metrics["identity/corrupted_mse"] == pytest.approx(0.09, rel=0.02)
        assert metrics["test/corrupted_mse"] == _errors(built).of_model


def test_units_that_never_win_are_dead_in_health_too():
    """The sentence counts units of the code, not of the level before the bottleneck."""
    _, built = make("model=k_sparse", "model.code=40", "model.bottleneck.k=3")
    with torch.no_grad():
        built.objective.model.encoder.levels[0].bias[10:] -= 100
    found = final_figures(built, seed=0)
    assert found.metrics["test/dead_units"] >= 30
    assert any("of 40 units of encoder level 1 are dead" in s for s in found.health)
