"""Grey values as probabilities, drawn once or at every use."""

import pytest
import torch
from making import make

import aerun
from aerun.draws import with_noise
from aerun.errors import BadUse
from aerun.evaluation.splits import evaluate, knob_tensors

VAE = ("model=vae", "trainer.epochs=1")


def test_fixed_values_are_zeros_and_ones_with_the_means_of_the_grey_ones():
    """The same ones every time; on average as bright as before."""
    _, grey = make(*VAE)
    _, first = make(*VAE, "dataset.binarize=fixed")
    _, again = make(*VAE, "dataset.binarize=fixed", "seed=1")
    x, y = first.data.train.gather(slice(None)), grey.data.train.gather(slice(None))
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(x, again.data.train.gather(slice(None)))
    assert (x.mean(0) - y.mean(0)).abs().max() < 0.06
    assert torch.equal(x[y == 0], torch.zeros_like(x[y == 0]))
    assert torch.equal(x[y == 1], torch.ones_like(x[y == 1]))


def test_dynamic_values_are_drawn_anew_and_figures_compare_with_the_grey_ones():
    """Targets are zeros and ones, mse is that of clean inputs."""
    _, built = make(*VAE, "dataset.binarize=dynamic")
    objective, x = built.objective.eval(), built.data.test.gather(slice(None))
    values = built.training.knob_values()
    knobs = knob_tensors(values, x)
    first, second = (
        with_noise(lambda draws: objective.terms(x, knobs, draws)[1], x, seed=seed)
        for seed in (0, 1)
    )
    assert set(first.target.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(first.seen, first.target)
    assert 0.05 < (first.target != second.target).double().mean() < 0.5
    with torch.no_grad():
        wanted = (objective.model(x).recon - x).square().mean()
    found = evaluate(objective, built.data.test, values, seed=0)
    assert found.mse == pytest.approx(float(wanted), rel=1e-5)


def test_values_that_are_no_probabilities_are_refused():
    """Before anything is trained, with what to do."""
    with pytest.raises(BadUse, match=r"dataset: needs data in \[0, 1\].*scale=unit"):
        aerun.run(["dataset.binarize=dynamic", "dataset.scale=standard"])
    with pytest.raises(BadUse, match=r"dataset\.binarize=fixed: .*use none"):
        aerun.run(["dataset=plane", "dataset.binarize=fixed"])
