"""Whether numbers that were made again are those on record."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

_FLOOR = 1e-6  # differences are relative to the larger number, but at least to this


@dataclass(kw_only=True, slots=True)
class Agreement:
    """Numbers of one kind, on record and made again."""

    what: str
    """In words."""
    rounded: Collection[str] = ()
    """Names of numbers that count decisions: one that rounding turns moves them far, so
    that only the same bits can be asked of them."""
    compared: int = 0
    different: list["Difference"] = field(default_factory=list)
    """In the order in which they were compared."""

    def see(self, where: str, name: str, was: Any, now: Any) -> None:
        """Compare a number, or None or NaN where there is none."""
        self.compared += 1
        both_none = was != was and now != now  # NaN, of a split without examples
        if was != now and not both_none:
            self.different.append(
                Difference(
                    where=where, name=name, was=was, now=now,
                    judged=name not in self.rounded,
                )
            )  # fmt: skip

    def see_all(
        self, where: str, was: Mapping[str, Any], now: Mapping[str, Any]
    ) -> None:
        """Compare numbers by their names; a name that only one has is a difference."""
        for name in dict.fromkeys([*was, *now]):
            self.see(where, name, was.get(name), now.get(name))

    @property
    def largest(self) -> float:
        """Of the relative differences; infinite where one has no number."""
        judged = [d.relative for d in self.different if d.judged]
        return max(judged, default=0.0)

    @property
    def worst(self) -> "Difference | None":
        """The first one of the largest, of those that are judged."""
        judged = [d for d in self.different if d.judged]
        return max(judged, key=lambda d: d.relative, default=None)

    def beyond(self, tolerance: float) -> "Difference | None":
        """The first one that is larger."""
        judged = (d for d in self.different if d.judged)
        return next((d for d in judged if d.relative > tolerance), None)

    def __str__(self) -> str:
        numbers = f"{self.compared:,} number{'s' * (self.compared != 1)}"
        if not self.different:
            return f"{self.what}: {numbers}, the same bits"
        if all(not d.judged for d in self.different):
            return f"{self.what}: not the same bits"
        return (
            f"{self.what}: {len(self.different):,} of {numbers} differ, by at most "
            f"{self.largest:.2g} of their size; the first is {self.different[0]}"
        )

    def entry(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "what": self.what,
            "compared": self.compared,
            "different": len(self.different),
            "largest_relative_difference": self.largest,
            "first": None if not self.different else self.different[0].entry(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A number that is another one now."""

    where: str
    """The step, row or file that it is of."""
    name: str
    was: Any
    now: Any
    judged: bool

    @property
    def relative(self) -> float:
        """To the larger one, at least to a millionth; infinite without two numbers."""
        if not all(isinstance(value, int | float) for value in (self.was, self.now)):
            return float("inf")
        size = max(abs(self.was), abs(self.now), _FLOOR)
        found = float(abs(self.was - self.now) / size)
        return float("inf") if isnan(found) else found

    def __str__(self) -> str:
        return f"{self.name} of {self.where}: was {self.was}, now {self.now}"

    def entry(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {"where": self.where, "name": self.name, "was": self.was,
                "now": self.now}  # fmt: skip


def of_steps(
    was: Mapping[str, Any], now: Mapping[str, Any], rounded: Collection[str]
) -> Iterator[Agreement]:
    """Of the first steps of a run, and of the weights after the last of them."""
    number = len(was["steps"])
    found = Agreement(what=f"The first {number:,} steps", rounded=rounded)
    again = list(now["steps"])
    for i, row in enumerate(was["steps"]):
        values = again[i] if i < len(again) else []
        found.see_all(
            f"step {i + 1}",
            dict(zip(was["columns"], row, strict=True)),
            dict(zip(now["columns"], values, strict=False)),
        )
    yield found
    weights = Agreement(what=f"Weights after step {number:,}", rounded={"hash"})
    weights.see(f"step {number}", "hash", was["weights"], now["weights"])
    yield weights


def of_rows(
    was: Sequence[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
    rounded: Collection[str],
) -> Agreement:
    """Of as many rows of metrics.csv as were made again."""
    number = len(now)
    what = f"The first {number:,} rows" if number != 1 else "The first row"
    found = Agreement(what=f"{what} of metrics.csv", rounded=rounded)
    for i, row in enumerate(now):
        found.see_all(f"row {i + 1} of metrics.csv", was[i], row)
    return found


def of_figures(
    what: str,
    where: str,
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    rounded: Collection[str] = (),
) -> Agreement:
    """Of figures by name."""
    found = Agreement(what=what, rounded=rounded)
    found.see_all(where, was, now)
    return found
