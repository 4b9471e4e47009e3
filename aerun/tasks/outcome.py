"""What the comparisons of task=verify say together."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aerun.errors import NotTheSame
from aerun.tasks.agreement import Agreement

log = logging.getLogger("aerun")


class Outcome:
    """Whether a run was met again, how closely, and why not."""

    def __init__(
        self,
        found: Sequence[Agreement],
        *,
        changed: Mapping[str, tuple[Any, Any]],
        not_deterministic: Sequence[str],
        config_changed: bool | None,
        tolerance: float,
    ) -> None:
        """Join what was compared.

        Args:
            found: At least one.
            changed: By name, what can move last bits, then and here, where it differs.
            not_deterministic: What the run said of itself.
            config_changed: Whether config.yaml is not that of summary.json; None: not
                known.
            tolerance: Relative difference that is called rounding.
        """
        self.found, self.changed, self.tolerance = found, changed, tolerance
        self.config_changed = config_changed
        self._reasons = not_deterministic
        self._worst = max(found, key=lambda each: each.largest)

    @property
    def verdict(self) -> str:
        """Either "exact", "rounding" or "different"."""
        if not any(each.different for each in self.found):
            return "exact"
        return "rounding" if self._worst.largest <= self.tolerance else "different"

    def content(self) -> dict[str, Any]:
        """For ``verification.json``."""
        return {
            "verdict": self.verdict,
            "tolerance": self.tolerance,
            "largest_relative_difference": self._worst.largest,
            "compared": [each.entry() for each in self.found],
            "changed": {
                key: {"run": was, "here": now}
                for key, (was, now) in self.changed.items()
            },
            "config_changed": self.config_changed,
        }

    def tell(self, run: Path, file: Path) -> None:
        """Say it in a sentence.

        Args:
            run: The run's directory.
            file: Where all of it can be read.

        Raises:
            NotTheSame: It is another run.
        """
        causes = [
            f"{key} is {now}, was {was}" for key, (was, now) in self.changed.items()
        ]
        why = f"Here {'; '.join(causes)}." if causes else " ".join(self._reasons)
        if self.verdict == "exact":
            log.info("%s matches bit for bit.", run)
        elif self.verdict == "rounding":
            first = next(d for each in self.found for d in each.different)
            log.info(
                "%s matches within rounding: the largest relative difference is %.2g, "
                "%s. %s",
                run,
                self._worst.largest,
                self._worst.worst or first,
                why or _UNEXPLAINED,
            )
        else:
            raise NotTheSame(self._complaint(run, why or _EDITED, file))
        log.info("Look at %s", file)

    def _complaint(self, run: Path, why: str, file: Path) -> str:
        beyond = (each.beyond(self.tolerance) for each in self.found)
        first = next(d for d in beyond if d is not None)
        if self.config_changed:
            why = "config.yaml is not that of summary.json."
        return (
            f"{run} is not what its config gives: {first} (relative difference "
            f"{first.relative:.2g}, more than {self.tolerance:g}). {why} Look at "
            f"{shlex.quote(str(file))}"
        )


_UNEXPLAINED = "Nothing that is known to move last bits differs."
_EDITED = (
    "Nothing that is known to move last bits differs: a file was edited, or a part of "
    "the run draws numbers of its own."
)
