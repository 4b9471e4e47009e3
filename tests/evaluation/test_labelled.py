"""Subsets of labelled examples, and figures over seeds."""

import numpy as np
import pytest
import torch
from scipy import stats

from aerun.data import Data
from aerun.errors import DataError
from aerun.evaluation import probes, rivals, splits
from aerun.evaluation.contest import PRETRAINED, SCRATCH, Contest, Score
from aerun.evaluation.labelled import balanced, places
from aerun.evaluation.repeated import Repeated
from aerun.evaluation.rivals import RIVALS, Rivals

TARGETS = np.random.default_rng(0).choice(5, 600, p=[0.5, 0.2, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("number", [5, 7, 50, 128])
def test_subsets_have_as_many_of_each_class(number):
    """Give or take one; no example twice; so is every beginning of them."""
    chosen = balanced(TARGETS, number, seed=0)
    assert len(set(chosen.tolist())) == len(chosen) == number
    for end in range(1, number + 1):
        counts = np.bincount(TARGETS[chosen[:end]], minlength=5)
        assert np.ptp(counts) <= 1, end


def test_subsets_differ_by_seed_alone():
    """Also in which class has one more; the same seed gives the same."""
    drawn = [balanced(TARGETS, 7, seed=seed) for seed in range(20)]
    assert np.array_equal(drawn[3], balanced(TARGETS, 7, seed=3))
    assert len({tuple(chosen) for chosen in drawn}) == 20
    larger = {tuple(np.bincount(TARGETS[chosen], minlength=5)) for chosen in drawn}
    assert len(larger) > 3


def test_every_example_of_a_class_can_be_drawn():
    """Up to the size of the smallest class; one more is refused, with what can be."""
    scarce = np.bincount(TARGETS)
    most = int(scarce.min()) * 5
    chosen = balanced(TARGETS, most, seed=0)
    kind = int(scarce.argmin())
    assert set(np.flatnonzero(kind == TARGETS)) <= set(chosen.tolist())
    with pytest.raises(DataError, match=f"at most {most} can be balanced"):
        balanced(TARGETS, most + 1, seed=0)


def test_classes_are_counted_from_0():
    """Labels that are not known have no place."""
    found = places(torch.tensor([3, 9, 7, 3, 0, 8]), [3, 7, 9])
    assert found.tolist() == [0, 2, 1, 0, -1, -1]


# -- over seeds ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, 5, 30])
def test_the_interval_is_that_of_a_paired_t_test(number):
    """As SciPy gives it, and "no gain" exactly where the test finds none at 5 %."""
    generator = np.random.default_rng(number)
    verdicts = set()
    for shift in np.linspace(-3, 3, 41):
        ours = generator.normal(size=number)
        theirs = ours + generator.normal(shift, 0.7, size=number)
        gain = Repeated(values=tuple(theirs)).less(Repeated(values=tuple(ours)))
        test = stats.ttest_rel(theirs, ours)
        wanted = test.confidence_interval(0.95)
        assert gain.interval == pytest.approx((wanted.low, wanted.high), rel=1e-9)
        assert gain.mean == pytest.approx(np.mean(theirs - ours))
        assert gain.deviation == pytest.approx(np.std(theirs - ours, ddof=1))
        assert (gain.verdict == "no gain") == (test.pvalue >= 0.05)
        verdicts.add(gain.verdict)
        if gain.verdict != "no gain":
            assert (gain.verdict == "gain") == (gain.mean > 0)
    assert verdicts == {"gain", "no gain", "loss"} or number == 2


def test_an_interval_that_ends_at_0_holds_it():
    """Equal nets are no gain, though the interval is a single point."""
    assert Repeated(values=(0.0, 0.0, 0.0)).verdict == "no gain"
    assert Repeated(values=(0.5, 0.5)).verdict == "gain"
    assert Repeated(values=(-0.5, -0.5)).verdict == "loss"


def _contest() -> Contest:
    errors = {(PRETRAINED, 10): (20, 21, 19), (SCRATCH, 10): (30, 33, 27),
              (PRETRAINED, 2000): (2, 3, 4), (SCRATCH, 2000): (3, 2, 4)}  # fmt: skip
    return Contest(
        [
            Score(labels=labels, seed=seed, contestant=who, error=error, steps=5)
            for (who, labels), each in reversed(errors.items())
            for seed, error in enumerate(each)
        ],
        {PRETRAINED: "ours", SCRATCH: "theirs"},
    )


def test_gains_are_of_pairs():
    """Seed by seed, for each number of labels; with all that is needed to read them."""
    figures = _contest().figures()
    assert list(figures) == [f"{name}/{labels}" for labels in (10, 2000) for name in
                             ("error/pretrained", "error/scratch", "gain")]  # fmt: skip
    assert figures["gain/10"]["seeds"] == [10, 12, 8]
    assert figures["gain/10"]["value"] == 10
    assert figures["gain/10"]["standard_deviation"] == 2
    assert figures["gain/10"]["verdict"] == "gain"
    assert figures["gain/10"]["unit"] == "points"
    assert figures["gain/2000"]["seeds"] == [1, -1, 0]
    assert figures["gain/2000"]["verdict"] == "no gain"
    assert figures["error/scratch/2000"]["value"] == 3
    assert figures["error/scratch/2000"]["unit"] == "%"
    assert "of this one trained encoder" in figures["gain/2000"]["definition"]
    assert "theirs, 2,000 labelled" in figures["error/scratch/2000"]["definition"]


def test_the_table_has_a_line_per_number_of_labels():
    """Means with deviations, and the gain with its interval and verdict."""
    head, first, second = _contest().table()
    assert head.split() == ["labels", PRETRAINED, SCRATCH, "gain", "(95%", "interval)"]
    low, high = _contest().gain(10).interval
    said = f"10.00 ({low:.2f} to {high:.2f})"
    assert " ".join(first.split()) == f"10 20.00 +- 1.00 30.00 +- 3.00 {said} gain"
    assert second.split()[0] == "2,000"
    assert second.endswith("no gain")


# -- classifiers without an autoencoder ------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> Data:
    from making import make

    return make("model=simple")[1].data


def test_rivals_are_those_of_scikit_learn(digits):
    """On the examples, and on PCA codes of the size of the code, in the same way."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    chosen = torch.from_numpy(balanced(digits.train.labels.numpy(), 100, seed=1))
    whole, test = (
        split.gather(slice(None)).flatten(1).numpy()
        for split in (digits.train, digits.test)
    )
    x, y = whole[chosen], digits.train.labels[chosen]
    codes = PCA(12).fit(whole)
    models = {
        "logistic": (LogisticRegression(max_iter=1000), x, test),
        "nearest": (KNeighborsClassifier(1), x, test),
        "pca": (LogisticRegression(max_iter=1000), *map(codes.transform, (x, test))),
    }
    asked = Rivals(["pca", "logistic", "nearest", "pca"], digits, 12)
    found = dict(asked.errors(chosen, y, digits.test.labels))
    assert list(found) == list(asked.words) == list(RIVALS)
    for name, (model, seen, asked) in models.items():
        wrong = model.fit(seen, y).predict(asked) != digits.test.labels.numpy()
        assert found[name] == pytest.approx(wrong.mean(), abs=0.003), name
    assert len(set(found.values())) == 3


def test_no_pca_of_as_many_codes_as_values(digits):
    """It is left out, with a reason; the others are there."""
    asked = Rivals(["pca", "nearest"], digits, 64)
    assert list(asked.words) == ["nearest"]
    assert asked.notes[0].startswith("No PCA codes: 64 of them")


def test_pca_codes_of_the_test_part_are_made_in_batches(digits, monkeypatch):
    """Only codes are collected of it and of the labelled examples, never pixels."""
    collected = []

    def collect(*arguments):
        collected.append(splits.collect(*arguments))
        return collected[-1]

    monkeypatch.setattr(rivals, "collect", collect)
    chosen = torch.arange(40)
    asked = Rivals(["pca"], digits, 5)
    ((_, error),) = asked.errors(
        chosen, digits.train.labels[chosen], digits.test.labels
    )
    assert 0 < error < 0.9
    assert [made.shape for made in collected] == [(len(digits.test), 5), (40, 5)]


def test_a_regression_that_does_not_converge_is_told_once(digits, monkeypatch):
    """With its name and the number of labels, however many seeds there are."""
    monkeypatch.setattr(probes, "ITERATIONS", 3)
    asked = Rivals(["logistic", "nearest"], digits, 5)
    for seed in range(2):
        chosen = torch.from_numpy(balanced(digits.train.labels.numpy(), 50, seed=seed))
        list(asked.errors(chosen, digits.train.labels[chosen], digits.test.labels))
    (note,) = asked.notes
    assert note.startswith("logistic: with 50 labels the logistic regression did not")
