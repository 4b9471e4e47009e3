"""Markov chains: noise step by step, and statistics of what they visit."""

import itertools

import numpy as np
import pytest
import torch
from making import make

from aerun.draws import Draws, DryDraws, draw
from aerun.evaluation.chains import mixing, roaming, walk


def test_a_walk_is_the_chain_with_noise_drawn_step_by_step():
    """The same means as of a chain whose noise was drawn beforehand, in order."""
    _, built = make("model=gsn", "model.hidden=[20]", "model.code=10")
    model, x = built.objective.model.eval(), built.data.train.gather(slice(3))
    means = torch.stack(list(walk(model, x, 6, seed=2)))
    dry, generator = DryDraws(x), torch.Generator().manual_seed(2)
    model.chain(x, 6, dry)
    noise = draw(dry.requests, generator, x.dtype)
    with torch.no_grad():
        assert torch.equal(means, model.chain(x, 6, Draws(noise)))


class Stubborn:
    """Chains that stay where they started but for noise of a given size."""

    def __init__(self, std):
        self.std = std

    def eval(self):
        """As a module."""

    def start(self, x):
        """Where they stand."""
        return x

    def transition(self, state, draws):
        """Noise around the start."""
        return state + self.std * draws.ask("normal", *state.shape), state


@pytest.mark.parametrize("std", [0.0, 1.0, 3.0])
def test_chains_that_stay_have_little_variance_within(std):
    """Within std^2, in all std^2 and the variance of where they start."""
    _, built = make("dataset.scale=standard")
    split = built.data.test
    found = roaming(Stubborn(std), split, seed=0)
    starts = split.gather(torch.linspace(0, len(split) - 1, 20).long())
    between = float(starts.var(0, correction=0).mean())
    assert found.variance == pytest.approx(between + std**2, rel=0.05)
    assert found.within == pytest.approx(std**2 / (between + std**2), rel=0.05)


def test_what_is_no_chain_does_not_roam():
    """Nothing is said of it, and one chain alone has no share."""
    _, built = make("model=vae")
    assert roaming(built.objective.model, built.data.test, seed=0) is None
    one = built.data.test.first(1)
    for split, std in ((one, 0.0), (one, 0.01), (built.data.test, 0.0)):
        found = roaming(Stubborn(std), split, seed=0)
        assert np.isnan(found.within) == (split is one)


def test_mixing_of_one_chain_by_hand():
    """Classes, shares, lengths of stays and changes of a short chain."""
    found = mixing(np.array([0, 0, 0, 2, 2, 0, 3, 3, 3, 3]), 5)
    assert found.num_visited.tolist() == [3]
    np.testing.assert_allclose(found.occupancy, [0.4, 0, 0.2, 0.4, 0])
    np.testing.assert_allclose(found.stay, [2, np.nan, 2, 4, np.nan])
    assert found.change_rate == pytest.approx([3 / 9])


def test_mixing_of_several_chains_never_joins_two():
    """Stays are counted within a chain; a chain that stays put says so."""
    labels = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]])
    found = mixing(labels, 3)
    assert found.num_visited.tolist() == [1, 2, 2]
    np.testing.assert_allclose(found.occupancy, [1 / 3, 2 / 3, 0])
    assert found.change_rate == pytest.approx([0, 1 / 3, 3 / 3])
    np.testing.assert_allclose(found.stay, [4 / 3, 8 / 4, np.nan])


def test_mixing_agrees_with_runs_counted_one_by_one():
    """On random chains, with itertools as the oracle."""
    labels = np.random.default_rng(0).integers(0, 4, size=(200, 7))
    found = mixing(labels, 4)
    runs = [(key, len(list(run))) for chain in labels.T
            for key, run in itertools.groupby(chain.tolist())]  # fmt: skip
    for number in range(4):
        lengths = [length for key, length in runs if key == number]
        assert found.stay[number] == pytest.approx(np.mean(lengths))
    assert found.change_rate.mean() == pytest.approx((len(runs) - 7) / (199 * 7))
    # Independent labels of 4 classes change three times out of four.
    assert found.change_rate.mean() == pytest.approx(0.75, abs=0.03)


def test_a_chain_of_one_step_has_no_rate_of_change():
    """One class for one step; nothing is divided by zero."""
    found = mixing(np.array([1]), 2)
    assert np.isnan(found.change_rate)
    assert found.stay[1] == 1


@pytest.mark.parametrize("labels", [[], [0, 3], [-1, 0]])
def test_labels_that_are_no_classes_are_refused(labels):
    """Nothing is said of no steps, nor of classes that there are not."""
    with pytest.raises(ValueError, match="class"):
        mixing(np.array(labels, dtype=int), 3)
