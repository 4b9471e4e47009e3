"""Figures of a finished run against independent computations."""

import dataclasses

import numpy as np
import pytest
import torch
from making import make
from sklearn.decomposition import PCA

from aerun.data.plane import axes
from aerun.evaluation import baselines, splits
from aerun.evaluation.chains import Roaming
from aerun.evaluation.health import Evidence, health, of_games
from aerun.evaluation.prior import PriorMatch
from aerun.evaluation.splits import evaluate
from aerun.evaluation.units import LevelUnits, PosteriorUnits, level_units
from aerun.tasks.findings import final_figures


def _evaluate(built, batch, monkeypatch):
    monkeypatch.setattr(splits, "_BATCH", batch)
    values = built.training.knob_values()
    return evaluate(built.objective, built.data.test, values, seed=0)


@pytest.mark.parametrize("overrides", [("model=simple",), ("+regularizer=[l1]",)])
def test_averages_do_not_depend_on_the_batch_size(overrides, monkeypatch):
    """Each example weighs the same, also in a short last batch."""
    _, built = make(*overrides, "trainer.precision=float64")
    whole = _evaluate(built, 1000, monkeypatch)
    parts = _evaluate(built, 7, monkeypatch)
    assert whole.terms == pytest.approx(parts.terms, rel=1e-12)
    assert whole.mse == pytest.approx(parts.mse, rel=1e-12)


def test_a_batch_statistic_is_taken_over_the_whole_split(monkeypatch):
    """A regularizer that is no average of examples is computed once, over all codes."""
    _, built = make("+regularizer=[l1]", "trainer.precision=float64")
    part = built.objective.regularizers["l1"]
    part.call = lambda out, model: out.code.std()
    found = _evaluate(built, 50, monkeypatch)
    with torch.no_grad():
        codes = built.objective.model.encode(built.data.test.gather(slice(None)))
    assert found.terms["l1"] == pytest.approx(float(codes.std()), rel=1e-10)


def test_mse_is_from_clean_inputs_without_sampling():
    """Corruption and a random bottleneck do not enter the comparable figure."""
    _, built = make("model=vae", "corruption=gaussian", "trainer.precision=float64")
    x = built.data.test.gather(slice(None))
    knobs = built.training.knob_values()
    found = evaluate(built.objective, built.data.test, knobs, seed=0)
    with torch.no_grad():
        recon = built.objective.model.eval()(x).recon
    assert found.mse == pytest.approx(float((recon - x).square().mean()), rel=1e-10)
    again = evaluate(built.objective, built.data.test, knobs, seed=0)
    assert found == again


def test_pca_is_scikit_learns_and_null_when_it_would_not_compress():
    """The baseline's error equals a plain PCA's; k >= D has none."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 10)) @ generator.normal(size=(10, 10))
    found = baselines.pca(x[:150].copy(), 3)
    model = PCA(3, svd_solver="full").fit(x[:150])
    restored = model.inverse_transform(model.transform(x[150:]))
    expected = np.square(restored - x[150:])
    np.testing.assert_allclose(found.errors(x[150:]), expected, rtol=1e-6, atol=1e-9)
    assert baselines.pca(x[:150].copy(), 10) is None
    assert baselines.pca(x[:5].copy(), 6) is None


def test_pca_of_data_far_from_zero_is_exact():
    """In single precision, with a mean of 10,000, it equals double precision's."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 10)) @ generator.normal(size=(10, 10)) + 1e4
    model = PCA(3, svd_solver="full").fit(x[:200])
    restored = model.inverse_transform(model.transform(x[200:]))
    expected = np.mean((restored - x[200:]) ** 2)
    single = x.astype(np.float32)
    found = baselines.pca(single[:200].copy(), 3)
    assert found.errors(single[200:]).mean() == pytest.approx(expected, rel=1e-3)
    assert baselines.pca(single[:1].copy(), 1) is None


def test_mse_is_from_clean_inputs_also_under_a_corruption_without_noise(monkeypatch):
    """What blanks the input does not enter the comparable figure."""
    _, built = make("corruption=gaussian", "trainer.precision=float64")
    built.objective.corruption.call = lambda x, draws, *, std: x * 0
    found = _evaluate(built, 1000, monkeypatch)
    x = built.data.test.gather(slice(None))
    with torch.no_grad():
        recon = built.objective.model.eval()(x).recon
    assert found.mse == pytest.approx(float((recon - x).square().mean()), rel=1e-10)


def test_principal_angles_ignore_the_basis_and_see_a_rotation():
    """The same plane in another basis has angle 0; one tilted by 30 degrees, 30."""
    components = np.eye(4)[:2]
    mixed = components.T @ np.asarray([[2.0, 1.0], [0.5, -3.0]])
    assert baselines.principal_angles(mixed, components) == pytest.approx(0, abs=1e-5)
    tilt = np.radians(30)
    tilted = np.asarray([[1, 0, 0, 0], [0, np.cos(tilt), np.sin(tilt), 0]]).T
    assert baselines.principal_angles(tilted, components)[-1] == pytest.approx(30)


def test_only_an_affine_decoder_has_a_matrix():
    """A linear model's decoder matrix is its weight; a deep one has none."""
    like = torch.zeros(1)
    linear = make("model=linear")[1].objective.model
    matrix = baselines.linear_decoder(linear, 2, like)
    weight = linear.decoder.levels[0].weight.detach().numpy()
    np.testing.assert_allclose(matrix, weight, atol=1e-6)
    assert baselines.linear_decoder(make()[1].objective.model, 3, like) is None


def test_a_linear_autoencoder_finds_the_known_plane_and_never_beats_pca():
    """In 3-D its error is PCA's, above it on the training part, and its plane right."""
    config, built = make(
        "experiment=lecture/pca", "dataset=plane",
        "trainer.lr=0.1", "trainer.epochs=40", "trainer.optimizer.beta2=0.99",
    )  # fmt: skip
    list(built.training)
    metrics = final_figures(built, seed=0).metrics
    assert metrics["test/mse"] == pytest.approx(metrics["pca/mse"], rel=0.01)
    assert metrics["pca/largest_angle"] < 1
    x = built.data.train.gather(slice(None)).double().numpy()
    model = PCA(2).fit(x)
    optimum = np.mean((model.inverse_transform(model.transform(x)) - x) ** 2)
    assert metrics["train/mse"] >= optimum * (1 - 1e-4)
    assert metrics["train/mse"] == pytest.approx(optimum, rel=0.01)
    like = torch.zeros(1)
    decoder = baselines.linear_decoder(built.objective.model, 2, like)
    known = axes()[:, :2].T
    assert baselines.principal_angles(decoder, known)[-1] < 2
    assert config["dataset"]["noise"] == 0.1


def _evidence(**changes):
    fine = Evidence(
        train_mse=0.02, test_mse=0.021, mean_mse=0.07, recon_variance=0.05,
        data_variance=0.07, levels=[], posterior=None, num_train=1000, num_test=300,
        prior=None, roaming=None, averaged=False,
    )  # fmt: skip
    return dataclasses.replace(fine, **changes)


def _posterior(active, size=10):
    variance = np.r_[np.ones(active), np.zeros(size - active)]
    return PosteriorUnits(kl=variance * 2, mean_variance=variance)


def _match(mean, std):
    """Of two dimensions the second is not the prior's, which has std 5."""
    return PriorMatch(
        mean=np.array([0.0, mean]), std=np.array([5.0, std]),
        prior_mean=np.zeros(2), prior_std=np.full(2, 5.0),
    )  # fmt: skip


def test_a_discriminator_that_has_won_or_lost_is_said_with_what_to_try():
    """Of the last epoch's accuracy; in between nothing is wrong."""
    won, lost, even = (
        list(of_games({"epoch": 3, "adversarial_prior_accuracy": accuracy}))
        for accuracy in (0.99, 0.2, 0.6)
    )
    assert "has won" in won[0]
    assert "regularizer.adversarial_prior.rate" in won[0]
    assert "has lost" in lost[0]
    assert even == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"posterior": _posterior(0), "averaged": True}, "loss.reduction=sum"),
        ({"posterior": _posterior(0)}, "posterior has collapsed"),
        ({"posterior": _posterior(3)}, "Only 3 of 10 code dimensions are active"),
        (
            {"prior": _match(0.1, 1.0)},
            "dimension 1 has mean 0.1 and std 1, the prior 0",
        ),
        ({"roaming": Roaming(within=0.2, variance=0.07)}, "does not mix: 20% of"),
        ({"roaming": Roaming(within=0.9, variance=0.006)}, "nearly all alike"),
        ({"recon_variance": 0.0001}, "reconstructions are constant"),
        ({"test_mse": 0.07, "train_mse": 0.07}, "no better than answering"),
        ({"train_mse": 0.001}, "training data are memorised"),
        ({"data_variance": 0.0}, "All test examples are the same"),
        (
            {"levels": [LevelUnits(level=2, num_units=10, num_dead=4, saturated=None)]},
            "4 of 10 units of encoder level 2 are dead",
        ),
        (
            {"levels": [LevelUnits(level=1, num_units=10, num_dead=0, saturated=0.95)]},
            "level 1 is saturated: 95%",
        ),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(changes, sentence):
    """One sentence per trouble, and none for a healthy run."""
    assert health(_evidence()) == []
    mixing = Roaming(within=0.9, variance=0.07)
    assert health(_evidence(roaming=mixing)) == []
    (said,) = health(_evidence(**changes))
    assert sentence in said


def test_few_test_examples_say_nothing_of_units():
    """One sentence instead of many about what one or two examples cannot show."""
    dead = [LevelUnits(level=2, num_units=10, num_dead=10, saturated=1.0)]
    wrong = {"levels": dead, "data_variance": 0.0, "posterior": _posterior(0)}
    (said,) = health(_evidence(**wrong, num_test=1))
    assert said.startswith("There is 1 test example: too few")
    assert len(health(_evidence(**wrong, num_test=10))) == 4


def test_a_healthy_posterior_and_a_perfect_reconstruction_raise_no_alarm():
    """All dimensions active, training error zero to rounding: nothing to say."""
    assert health(_evidence(posterior=_posterior(10))) == []
    assert health(_evidence(train_mse=0.0, test_mse=0.0)) == []


def test_dead_and_saturated_units_are_counted():
    """A unit whose weights are zero is dead; one driven to its ends is saturated."""
    _, built = make("model.activation=tanh")
    level = built.objective.model.encoder.levels[0]
    with torch.no_grad():
        level.weight[:5] = 0
        level.bias[5:] = 100
    first, *_ = level_units(built.objective.model, built.data.test)
    assert (first.level, first.num_units) == (1, 128)
    assert first.num_dead == 128
    assert first.saturated == pytest.approx(123 / 128)
    last = level_units(built.objective.model, built.data.test)[-1]
    assert last.saturated is None
