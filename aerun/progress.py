"""Progress bars on a terminal, silence elsewhere."""

from typing import Any

from tqdm import tqdm

from aerun.logs import is_watched


def progress_bar(
    total: int, *, unit: str, description: str = "", initial: int = 0
) -> "tqdm[Any]":
    """A bar that vanishes when closed; disabled where nobody watches.

    Args:
        total: Number of units to come, those done included.
        unit: What is counted, in the singular; "B" is shown in kB, MB, GB.
        description: Stands before the bar.
        initial: Units that are done already.
    """
    return tqdm(
        total=total,
        initial=initial,
        unit=unit,
        desc=description or None,
        unit_scale=unit == "B",
        leave=False,
        disable=not is_watched(),
        dynamic_ncols=True,
    )
