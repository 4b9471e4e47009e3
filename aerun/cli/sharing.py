"""Requests that several processes carry out together, as ``torchrun`` starts them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aerun.config.check import check_ranks
from aerun.config.mistakes import BadRequest, Mistake
from aerun.launched import is_first, num_ranks
from aerun.ranks import current


def check_command(*, multirun: bool, task: str, place: str | None) -> None:
    """Refuse what one process does.

    Args:
        multirun: Whether it is a sweep.
        task: As typed.
        place: Where it works: "nothing", "run", "part", "runs", or None.

    Raises:
        BadRequest: With what was typed.
    """
    if multirun:
        problem = "is for one process; hydra/launcher=joblib runs jobs side by side."
        raise BadRequest([Mistake(typed="-m", problem=problem)])
    if place in ("part", "runs", "nothing"):
        problem = "is for one process; run it without torchrun."
        raise BadRequest([Mistake(typed=f"task={task}", problem=problem)])


def check_parts(request: Mapping[str, Any]) -> None:
    """Refuse a run that several processes cannot share.

    Raises:
        BadRequest: A part of it counts over whole batches.
    """
    if num_ranks() > 1 and (mistakes := check_ranks(request)):
        raise BadRequest(mistakes)


def claimed_for_all(request: Mapping[str, Any], claim: Callable[[], Path]) -> Path:
    """The directory that the only process, or the first of several, claims.

    Args:
        request: Plain; each process has approved it.
        claim: Makes the directory.

    Raises:
        BadRequest: A part of the request counts over whole batches.
    """
    ranks = current()
    if ranks is None:
        return claim()
    check_parts(request)
    ranks.wait()  # until all have seen that the place is free
    return Path(ranks.told(claim() if is_first() else None))
