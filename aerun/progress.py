"""Progress bars on a terminal, silence elsewhere."""

import logging
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from aerun.logs import is_watched, visible

log = logging.getLogger("aerun")


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
        desc=visible(description) or None,
        unit_scale=unit == "B",
        leave=False,
        disable=not is_watched(),
        dynamic_ncols=True,
    )


def show_epoch(
    row: Mapping[str, Any], seconds: float, when: str, bar: "tqdm[Any]"
) -> None:
    """An epoch's figures: beside the bar, or as a line where there is none."""
    if not bar.disable:
        bar.set_description(when, refresh=False)
        bar.set_postfix_str(
            f"loss {row['train/loss']:.4g}, val {row['val/loss']:.4g}, "
            f"mse {row['val/mse']:.4g}"
        )
    log.info(
        "%s  loss %.5g  val %.5g  mse %.5g  %.2f s",
        when,
        row["train/loss"],
        row["val/loss"],
        row["val/mse"],
        seconds,
        extra={"quiet_on_terminal": True},
    )
