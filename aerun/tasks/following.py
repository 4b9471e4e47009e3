"""Several processes train one run: the first one records it, the others follow."""

from collections.abc import Callable

from aerun.errors import Interrupted
from aerun.ranks import Ranks
from aerun.tasks.interruption import Wish
from aerun.training.loop import Training


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
    for _ in training:
        if asked():
            assert wish.signum is not None
            raise Interrupted(wish.signum, "")
