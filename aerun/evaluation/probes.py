"""What simple methods, which know nothing of the model, find in codes."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

ITERATIONS = 1000
"""Of the logistic regression's solver, at most."""

INVERSE_PENALTIES = (1.0, 0.1, 0.01, 0.001)
"""Values of scikit-learn's C that a probe tries."""

_STARTS = 10  # of k-means, of which the best is kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """Rows with their labels."""

    rows: np.ndarray
    """[N, D]."""
    labels: np.ndarray
    """[N], integers."""


def logistic_regression(
    train: Labelled, *, inverse_penalty: float = 1.0
) -> tuple[Any, bool]:
    """Fit multinomial logistic regression.

    Args:
        train: Rows of at least two classes.
        inverse_penalty: scikit-learn's C: beside the sum of all rows' losses, the
            squared weights count 1/(2 C).

    Returns:
        It, with ``predict`` as scikit-learn has it, and whether it converged.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=ITERATIONS, C=inverse_penalty)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(train.rows, train.labels)
    converged = not any(w.category is ConvergenceWarning for w in caught)
    return model, converged


def linear_probe(
    train: Labelled, validation: Labelled, test: Labelled
) -> tuple[np.ndarray, bool]:
    """Which test rows logistic regression labels rightly, columns scaled by training.

    Codes of many units are easily learned by heart, so that its penalty matters: it is
    that of ``INVERSE_PENALTIES`` which labels most validation rows rightly, the first
    of equally good ones.

    Args:
        train: Rows of at least two classes.
        validation: Others, that choose.
        test: Others again.

    Returns:
        [N], bool, and whether the regression converged.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train.rows)
    train, validation, test = (
        replace(part, rows=scaler.transform(part.rows))
        for part in (train, validation, test)
    )
    fitted = (
        logistic_regression(train, inverse_penalty=inverse_penalty)
        for inverse_penalty in INVERSE_PENALTIES
    )
    probe, converged = max(
        fitted, key=lambda each: each[0].score(validation.rows, validation.labels)
    )
    right: np.ndarray = probe.predict(test.rows) == test.labels
    return right, converged


def nearest_neighbours(train: Labelled, test: Labelled, number: int) -> np.ndarray:
    """Which test rows the majority of the nearest training rows labels rightly, [N].

    Args:
        train: The neighbours, by Euclidean distance, columns as they are.
        test: Others.
        number: How many of them vote, at most all.
    """
    from sklearn.neighbors import KNeighborsClassifier

    vote = KNeighborsClassifier(min(number, len(train.rows)))
    vote.fit(train.rows, train.labels)
    right: np.ndarray = vote.predict(test.rows) == test.labels
    return right


def cluster_agreement(rows: Labelled, *, seed: int) -> float:
    """Normalised mutual information of k-means clusters and labels, in [0, 1].

    Args:
        rows: Are parted into as many clusters as there are labels.
        seed: Of the starts, of which the one with the tightest clusters is kept.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import normalized_mutual_info_score

    number = len(np.unique(rows.labels))
    with warnings.catch_warnings():
        # Fewer different rows than clusters: collapsed codes, and that is the answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(number, n_init=_STARTS, random_state=seed).fit_predict(rows.rows)
    return float(normalized_mutual_info_score(rows.labels, found))
