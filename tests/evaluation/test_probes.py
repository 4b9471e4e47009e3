"""What logistic regression finds in codes, whose penalty validation rows choose."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aerun.evaluation import probes
from aerun.evaluation.probes import Labelled, linear_probe


def _rows(number: int, columns: int, seed: int) -> Labelled:
    """Two classes apart in the first column; the others are noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(number) % 2
    rows = random.normal(size=(number, columns))
    rows[:, 0] += 2 * labels
    return Labelled(rows=rows, labels=labels)


def _scikit_learns_own(train: Labelled) -> Pipeline:
    regression = LogisticRegression(max_iter=1000)
    return make_pipeline(StandardScaler(), regression).fit(train.rows, train.labels)


def test_codes_of_many_units_are_not_learned_by_heart() -> None:
    """Among many columns a strong penalty finds the one that counts."""
    train, validation = _rows(400, 300, 0), _rows(400, 300, 1)
    test = _rows(2000, 300, 2)
    free = _scikit_learns_own(train)
    right, converged = linear_probe(train, validation, test)
    assert converged
    assert right.mean() > free.score(test.rows, test.labels) + 0.005


def test_of_equally_good_penalties_scikit_learns_own_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here of all four, as one validation row tells nothing."""
    train, test = _rows(60, 300, 0), _rows(2000, 300, 2)
    nothing = Labelled(rows=np.zeros((1, 300)), labels=np.array([7]))
    right, _ = linear_probe(train, nothing, test)
    own = _scikit_learns_own(train)
    assert (right == (own.predict(test.rows) == test.labels)).all()
    monkeypatch.setattr(probes, "INVERSE_PENALTIES", (0.001,))
    strongest, _ = linear_probe(train, nothing, test)
    assert (right != strongest).any()
