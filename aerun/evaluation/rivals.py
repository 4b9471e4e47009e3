"""Classifiers that need no autoencoder, from scikit-learn."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from aerun.data import Data
from aerun.evaluation.baselines import Principal, principal
from aerun.evaluation.splits import collect

_ITERATIONS = 1000  # of the logistic regression's solver, at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Rival:
    """A classifier by examples."""

    make: Callable[[], Any]
    """Gives it, with ``fit`` and ``predict`` as scikit-learn has them."""
    on_codes: bool
    """Whether it is given PCA codes instead of the examples."""
    words: str
    """What it is."""


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=_ITERATIONS)


def _nearest() -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1, algorithm="brute")


_REGRESSION = f"logistic regression (C = 1, at most {_ITERATIONS} iterations) on "

RIVALS: Mapping[str, Rival] = {
    "pca": Rival(make=_logistic, on_codes=True, words=f"{_REGRESSION}PCA codes"),
    "logistic": Rival(
        make=_logistic, on_codes=False, words=f"{_REGRESSION}the examples themselves"
    ),
    "nearest": Rival(
        make=_nearest, on_codes=False, words="the class of the nearest labelled example"
    ),
}
"""By the names of ``task.baselines``."""


class Rivals:
    """Those that were asked for, on one data set."""

    def __init__(self, names: Sequence[str], data: Data, code_size: int) -> None:
        """Prepare them.

        Args:
            names: Of ``RIVALS``.
            data: Scaled; PCA is fitted to its training part, without the labels.
            code_size: Of PCA.
        """
        self.train = data.train
        self.notes: list[str] = []
        """What was left out and why."""
        self._views: dict[str, tuple[Principal | None, np.ndarray]] = {}
        test = collect(lambda x: x.flatten(1), data.test) if names else np.empty(0)
        for name in dict.fromkeys(names):
            found = None
            if RIVALS[name].on_codes:
                found = principal(data.train, code_size)
                if found is None:
                    self.notes.append(
                        f"No PCA codes: {code_size} of them are no fewer than the "
                        "values of an example, or than the examples."
                    )
                    continue
            self._views[name] = (
                found,
                test if found is None else found.codes(test),
            )

    @property
    def words(self) -> dict[str, str]:
        """What each is."""
        return {name: RIVALS[name].words for name in self._views}

    def errors(
        self, chosen: Tensor, targets: Tensor, test_targets: Tensor
    ) -> Iterator[tuple[str, float]]:
        """The share of the test part that each labels wrongly.

        Args:
            chosen: Places of the labelled examples in the training part, [N].
            targets: Their classes, [N].
            test_targets: Those of the test part.
        """
        if not self._views:
            return
        from sklearn.exceptions import ConvergenceWarning

        x = self.train.gather(chosen).flatten(1).cpu().numpy()
        classes, wanted = targets.cpu().numpy(), test_targets.cpu().numpy()
        for name, (found, test) in self._views.items():
            view = x if found is None else found.codes(x)
            with warnings.catch_warnings():  # the definition says how far it goes
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = RIVALS[name].make().fit(view, classes)
            yield name, float((model.predict(test) != wanted).mean())
