"""How a search proposes the next trial, and when it gives one up.

Each function is an option of ``conf/hydra/sweeper/sampler`` or ``.../pruner``. It may
ask, beside options of its own, for ``seed`` and ``number``, of the search and of the
trial to be proposed, and for ``space``: what each name of a dimension may be. It gives
a sampler or pruner of Optuna's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aerun.errors import BadUse
from aerun.options import Natural


def tpe(*, seed: int, number: int, startup: Natural) -> Any:
    """A tree-structured Parzen estimator.

    Args:
        seed: Of the search.
        number: Of the trial.
        startup: So many trials are drawn at random first.

    References:
        Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011).
    """
    from optuna.samplers import TPESampler

    return TPESampler(n_startup_trials=startup, seed=_seed_of(seed, number))


def random(*, seed: int, number: int) -> Any:
    """Independent draws."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=_seed_of(seed, number))


def grid(*, seed: int, space: Mapping[str, Sequence[Any] | None]) -> Any:
    """Every combination once.

    Raises:
        BadUse: A dimension has no end of values.
    """
    from optuna.samplers import GridSampler

    endless = [name for name, values in space.items() if values is None]
    if endless:
        raise BadUse(
            f"hydra/sweeper/sampler=grid: {', '.join(endless)} may be any number; "
            "write range(START,STOP,STEP), or a list of values"
        )
    return GridSampler({k: list(v) for k, v in space.items() if v is not None}, seed)


def median(*, startup: Natural, warmup: Natural) -> Any:
    """Give up what is worse, at its best, than half of the completed trials were.

    Args:
        startup: So many trials are completed before.
        warmup: A trial's first epochs, after which it is not judged.
    """
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=startup, n_warmup_steps=warmup + 1)


def _seed_of(seed: int, number: int) -> int:
    """One for each trial, so that a search goes on after a stop as it would have."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
