"""task=evaluate: likelihoods, samples, codes beside a prior, attacks, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluating import Evaluated
from making import make

import aerun
from aerun.data import Split
from aerun.draws import with_noise
from aerun.evaluation import of_samples
from aerun.evaluation.distances import frechet_distance
from aerun.evaluation.judge import class_figures, judge
from aerun.evaluation.of_classes import entropy_error
from aerun.trained import trained_objective

pytestmark = [pytest.mark.slow, pytest.mark.shared]
pytest_plugins = ["evaluating"]

PARZEN = {"parzen", "parzen/train_images", "parzen/gaussian"}


@pytest.mark.parametrize("run", ["vae", "dynamic", "aae", "gsn", "stacked", "plane"])
def test_the_mse_is_that_of_the_summary(evaluated: Evaluated, run: str):
    """Its error is the deviation over examples by the root of their number."""
    entry = evaluated(run)["figures"]["mse"]
    assert entry["value"] == pytest.approx(evaluated.summary(run)["test/mse"], rel=1e-6)
    if run == "stacked":
        data = make("model=stacked")[1].data
        x = data.test.gather(slice(None)).numpy()
        recon = aerun.load(evaluated.run(run)).reconstruct(data.spec.unscaled(x)) / 16
        errors = np.square(recon - x).reshape(len(x), -1).mean(1)
        wanted = errors.std(ddof=1) / np.sqrt(len(x))
        assert entry["standard_error"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("run", ["vae", "dynamic", "fixed"])
def test_likelihoods_lie_above_their_bound(evaluated: Evaluated, run: str):
    """NLL(k) falls with k to below -ELBO, which is the loss of training."""
    figures = evaluated(run)["figures"]
    values = [figures[f"nll/{k}"]["value"] for k in (1, 10, 20)]
    errors = [figures[f"nll/{k}"]["standard_error"] for k in (1, 10, 20)]
    assert values[1] < values[0] + 3 * errors[0]
    assert values[2] < values[1] + errors[1]
    bound = -figures["elbo"]["value"]
    assert values[2] < bound
    assert values[0] == pytest.approx(bound, abs=4 * errors[0])
    loss = evaluated.summary(run)["test/loss"]
    assert bound == pytest.approx(loss, abs=5 * figures["elbo"]["standard_error"])


def test_what_is_no_likelihood_is_said(evaluated: Evaluated):
    """Of grey values it is a cross-entropy; how ones were drawn is named."""
    said = {
        run: evaluated(run)["figures"]["nll/20"]["definition"]
        for run in ("vae", "dynamic", "fixed")
    }
    assert said["vae"].startswith("cross-entropy, no likelihood of grey values")
    assert "binarised" not in said["vae"]
    for run in ("dynamic", "fixed"):
        assert said[run].startswith("-log p(x) with 20 importance samples")
        assert f"dataset.binarize={run}" in said[run]


def test_only_the_first_images_are_taken(evaluated: Evaluated):
    """``task.images`` of them, those of which larger requests take more."""
    few = evaluated("vae", "task.images=30")["figures"]
    many = evaluated("vae")["figures"]
    assert "30 test examples" in few["nll/1"]["definition"]
    assert "359 test examples" in many["nll/1"]["definition"]
    errors = [figures["nll/20"]["standard_error"] for figures in (few, many)]
    assert 2 < errors[0] / errors[1] < 6


def test_anchors_stand_beside_what_they_measure(evaluated: Evaluated):
    """They are the same for every model, and real images come out better."""
    runs = ("vae", "aae", "gsn", "fixed")
    figures = [evaluated(run)["figures"] for run in runs]
    for name in (*PARZEN - {"parzen"}, "frechet/floor", "test/sure", "judge/accuracy"):
        assert len({found[name]["value"] for found in figures}) == 1, name
    for found in figures:
        assert found["frechet"]["value"] > 3 * found["frechet/floor"]["value"]
        assert found["parzen"]["value"] < found["parzen/train_images"]["value"]
        assert found["judge/accuracy"]["value"] > 0.95
        assert 1 <= found["samples/classes"]["value"] <= 10
    assert len({found["parzen"]["value"] for found in figures}) == len(runs)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"shape": (64,)}, "it is for images."),
        ({"low": -1.0}, "the data lie in [-1, 1], not in [0, 1]."),
        ({"shape": (3, 64, 64)}, "an image has 12,288 values, more than 4,096."),
    ],
)
def test_parzen_windows_are_for_images_between_0_and_1(changes, said):
    """Of other data, or of images too large, a note says why there are none."""
    spec = replace(make("model=vae")[1].data.spec, **changes)
    assert of_samples._no_parzen(spec) == said


def test_samples_are_judged_in_the_units_of_the_data(evaluated: Evaluated):
    """Classes and distances are by hand those of what ``sample`` gives in Python."""
    found = evaluated("vae")["figures"]
    data = make("model=vae")[1].data
    samples = aerun.load(evaluated.run("vae")).sample(300, seed=0)
    judged = judge(data)
    wanted = class_figures(judged.probabilities(samples))
    assert found["samples/classes"]["value"] == wanted.num_classes
    assert found["samples/class_entropy"]["value"] == pytest.approx(wanted.entropy)
    assert found["samples/sure"]["value"] == wanted.share_sure
    assert found["samples/sure"]["standard_error"] == wanted.share_sure_error

    def features(split: Split, number: int) -> torch.Tensor:
        x = data.spec.unscaled(split.gather(slice(number)).double().numpy())
        return torch.from_numpy(judged.features(x))

    test = features(data.test, len(data.test))
    distance = frechet_distance(torch.from_numpy(judged.features(samples)), test)
    floor = frechet_distance(features(data.train, 300), test)
    assert found["frechet"]["value"] == pytest.approx(distance, rel=1e-3)
    assert found["frechet/floor"]["value"] == pytest.approx(floor, rel=1e-3)


def test_the_error_of_an_entropy_is_that_of_many_histograms():
    """The spread of entropies of as many labels, drawn again and again."""
    shares = [0.6, 0.25, 0.1, 0.05]
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(500, shares, 2000) / 500
    entropies = -(drawn * np.log(drawn)).sum(1)
    rows = np.repeat(np.eye(4), [300, 125, 50, 25], axis=0)
    error = entropy_error(rows, class_figures(rows).entropy)
    assert error == pytest.approx(entropies.std(), rel=0.05)


def test_codes_are_compared_with_the_prior(evaluated: Evaluated):
    """Their moments are by hand; those of a short training are not the prior's."""
    found = evaluated("aae")["figures"]
    data = make("model=aae")[1].data
    x = data.spec.unscaled(data.test.gather(slice(None)).numpy())
    codes = aerun.load(evaluated.run("aae")).encode(x)
    means, stds = codes.mean(0), codes.std(0, ddof=1)
    np.testing.assert_allclose(found["codes/mean"]["value"], means, rtol=1e-4)
    np.testing.assert_allclose(found["codes/std"]["value"], stds, rtol=1e-4)
    off = (means - found["prior/mean"]["value"]) / found["prior/std"]["value"]
    largest = means[np.abs(off).argmax()]
    assert found["codes/largest_mean"]["value"] == pytest.approx(largest, rel=1e-4)
    x = data.spec.unscaled(data.train.gather(slice(None)).numpy())
    means = aerun.load(evaluated.run("aae")).encode(x).mean(0)
    off = (means - found["prior/mean"]["value"]) / found["prior/std"]["value"]
    value = found["codes/largest_mean/train"]["value"]
    assert value == pytest.approx(means[np.abs(off).argmax()], rel=1e-4)
    beside = stds / found["prior/std"]["value"]
    for name, place in (("smallest", beside.argmin()), ("largest", beside.argmax())):
        value = found[f"codes/{name}_std"]["value"]
        assert value == pytest.approx(stds[place], rel=1e-4)
    np.testing.assert_allclose(found["prior/std"]["value"], 2, rtol=0.15)
    np.testing.assert_allclose(found["prior/mean"]["value"], 0, atol=0.5)
    assert found["mmd2"]["value"] > 10 * found["mmd2"]["standard_error"] > 0


def test_codes_of_a_posterior_are_drawn(evaluated: Evaluated):
    """Their variance is that of the means and of the posteriors around them."""
    found = evaluated("vae")["figures"]
    data = make("model=vae")[1].data
    x = data.spec.unscaled(data.test.gather(slice(None)).numpy())
    means = aerun.load(evaluated.run("vae")).encode(x)
    assert (np.array(found["codes/std"]["value"]) > 1.2 * means.std(0)).all()
    np.testing.assert_allclose(found["codes/std"]["value"], 1, atol=0.25)
    assert found["mmd2"]["value"] < 0.1
    assert "posteriors" in found["mmd2"]["definition"]


def test_a_run_with_an_attacker_is_attacked_as_hard(evaluated: Evaluated):
    """At the size of its training, or the one that is asked for."""
    own = evaluated("attacked")["figures"]
    assert "within 0.1 that" in own["attack/attacked"]["definition"]
    clean, noise, attacked = (
        own[f"attack/{name}"]["value"] for name in ("clean", "noise", "attacked")
    )
    assert clean == pytest.approx(own["mse"]["value"], rel=1e-6)
    assert clean < noise < attacked
    assert own["attack/excess"]["value"] == pytest.approx(attacked - clean)
    harder = evaluated("attacked", "task.eps=0.3")["figures"]
    assert "within 0.3 that" in harder["attack/attacked"]["definition"]
    assert harder["attack/attacked"]["value"] > 1.5 * attacked
    itself = evaluated("attacked", "task.target=attacked")["figures"]
    assert "mse against what the model was given" in itself["attack/attacked"][
        "definition"]  # fmt: skip
    assert itself["attack/noise"]["value"] != own["attack/noise"]["value"]
    few = evaluated("stacked", "task.eps=0.1", "task.images=7")["figures"]
    assert "mse of 7 test" in few["attack/clean"]["definition"]


def test_the_trained_attacker_is_measured_too(evaluated: Evaluated):
    """Its errors are by hand those of its last weights, less than a fresh attack's."""
    figures = evaluated("attacked")["figures"]
    objective = trained_objective(
        aerun.load(evaluated.run("attacked")).config, evaluated.run("attacked")
    )
    x = make("model=adversarial")[1].data.test.gather(slice(None))
    attacker = objective.regularizers["adversarial_input"].call
    with torch.no_grad():
        given = with_noise(lambda draws: attacker.attack(x, 0.1, draws), x, seed=0)
        recon = objective.model.eval()(given).recon
    value = figures["attack/adversarial_input"]["value"]
    assert value == pytest.approx(float((recon - x).square().mean()), rel=1e-4)
    assert value < figures["attack/attacked"]["value"]


def test_steps_of_a_chain_are_no_independent_samples(evaluated: Evaluated):
    """A note says what that does to the errors."""
    found = evaluated("gsn")
    assert "consecutive steps of chains" in found["figures"]["parzen"]["definition"]
    assert any("depend on each other" in note for note in found["notes"])
    assert not any("depend on each other" in n for n in evaluated("vae")["notes"])
