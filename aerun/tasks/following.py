"""Several processes train one run: the first one records it, the others follow."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aerun.data import Data
from aerun.errors import Interrupted
from aerun.launched import is_first
from aerun.ranks import Ranks
from aerun.resolving import one_of_many
from aerun.settling import settle
from aerun.tasks.interruption import Wish
from aerun.training.loop import NonFiniteError, Training


def settled(
    config: Mapping[str, Any], data: Data, ranks: Ranks | None
) -> dict[str, Any]:
    """A config without open choices; several processes take those of the first."""
    if ranks is None:
        return settle(config, data)
    found = settle(one_of_many(config), data) if is_first() else None
    made: dict[str, Any] = ranks.told(found)
    return made


def stopping(wish: Wish, ranks: Ranks | None) -> Callable[[], bool]:
    """Tells whether a signal came; of several processes all stop at the same step.

    They have to be ready for the first step.
    """
    if ranks is None:
        return lambda: wish.signum is not None
    ranks.wish = lambda: wish.signum
    ranks.wait()

    def asked() -> bool:
        if ranks.signum is not None:
            wish.signum = ranks.signum
        return ranks.signum is not None

    return asked


def follow(training: Training, ranks: Ranks, wish: Wish) -> None:
    """Train with the first process, which alone records it.

    Raises:
        Interrupted: A signal stopped one of them, and so all.
    """
    asked = stopping(wish, ranks)
    with suppress(NonFiniteError):  # which the first process meets too, and tells
        for _ in training:
            if asked():
                assert wish.signum is not None
                raise Interrupted(wish.signum, "")
    ranks.wait()  # for what the first process writes at the end
