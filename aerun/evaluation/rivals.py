"""Classifiers that need no autoencoder, from scikit-learn."""

from collections.abc import Callable, Mapping

import numpy as np

Rival = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(labelled examples [N, D], their classes [N], others [M, D]) -> classes [M]."""

_ITERATIONS = 1000  # of the logistic regression's solver, at most


def logistic(x: np.ndarray, classes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Multinomial logistic regression with scikit-learn's penalty, C = 1."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=_ITERATIONS).fit(x, classes)
    found: np.ndarray = model.predict(others)
    return found


def nearest(x: np.ndarray, classes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The class of the nearest labelled example."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(1, algorithm="brute").fit(x, classes)
    found: np.ndarray = model.predict(others)
    return found


RIVALS: Mapping[str, tuple[Rival, bool, str]] = {
    "pca": (logistic, True, "logistic regression on PCA codes"),
    "logistic": (logistic, False, "logistic regression on the examples"),
    "nearest": (nearest, False, "the class of the nearest labelled example"),
}
"""By the name that ``task.baselines`` calls them: the classifier, whether it is given
PCA codes instead of the examples, and both in words."""
