"""Classifiers that need no autoencoder, from scikit-learn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aerun.data import Data
from aerun.evaluation.baselines import Principal, principal
from aerun.evaluation.probes import ITERATIONS, Labelled, logistic_regression
from aerun.evaluation.splits import collect


@dataclass(frozen=True, kw_only=True, slots=True)
class Rival:
    """A classifier by examples."""

    fit: Callable[[Labelled], tuple[Any, bool]]
    """Gives it, with ``predict`` as scikit-learn has it, and whether it converged."""
    on_codes: bool
    """Whether it is given PCA codes instead of the examples."""
    words: str
    """What it is."""


def _nearest(train: Labelled) -> tuple[Any, bool]:
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(1, algorithm="brute")
    return model.fit(train.rows, train.labels), True


_REGRESSION = f"logistic regression (C = 1, at most {ITERATIONS} iterations) on "

RIVALS: Mapping[str, Rival] = {
    "pca": Rival(
        fit=logistic_regression, on_codes=True, words=f"{_REGRESSION}PCA codes"
    ),
    "logistic": Rival(
        fit=logistic_regression,
        on_codes=False,
        words=f"{_REGRESSION}the examples themselves",
    ),
    "nearest": Rival(
        fit=_nearest, on_codes=False, words="the class of the nearest labelled example"
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
        """What was left out and why, and what did not converge."""
        self._names = list(dict.fromkeys(names))
        self._views: dict[bool, Callable[[Tensor], Tensor]] = {False: _flat}
        if any(RIVALS[name].on_codes for name in names):
            found = principal(data.train, code_size)
            if found is None:
                self.notes.append(
                    f"No PCA codes: {code_size} of them are no fewer than the "
                    "values of an example, or than the examples."
                )
                self._names = [n for n in self._names if not RIVALS[n].on_codes]
            else:
                self._views[True] = _codes_by(found)
        self._tests = {
            on_codes: collect(self._views[on_codes], data.test)
            for on_codes in {RIVALS[name].on_codes for name in self._names}
        }

    @property
    def words(self) -> dict[str, str]:
        """What each is."""
        return {name: RIVALS[name].words for name in self._names}

    def errors(
        self, chosen: Tensor, targets: Tensor, test_targets: Tensor
    ) -> Iterator[tuple[str, float]]:
        """The share of the test part that each labels wrongly.

        Args:
            chosen: Places of the labelled examples in the training part, [N].
            targets: Their classes, [N].
            test_targets: Those of the test part.
        """
        some = self.train.at(chosen.numpy())
        rows = {
            on_codes: collect(self._views[on_codes], some) for on_codes in self._tests
        }
        classes, wanted = targets.cpu().numpy(), test_targets.cpu().numpy()
        for name in self._names:
            on_codes = RIVALS[name].on_codes
            train = Labelled(rows=rows[on_codes], labels=classes)
            model, converged = RIVALS[name].fit(train)
            if not converged:
                self._note(
                    f"{name}: with {len(classes):,} labels the logistic regression "
                    f"did not converge in {ITERATIONS} iterations."
                )
            found = model.predict(self._tests[on_codes])
            yield name, float((found != wanted).mean())

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _flat(x: Tensor) -> Tensor:
    return x.flatten(1)


def _codes_by(found: Principal) -> Callable[[Tensor], Tensor]:
    """PCA codes [B, k] of examples [B, *shape]."""

    def codes(x: Tensor) -> Tensor:
        return torch.from_numpy(found.codes(x.flatten(1).cpu().numpy()))

    return codes
