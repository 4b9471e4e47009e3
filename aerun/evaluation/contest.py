"""What a pretrained classifier wins over the same one from scratch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aerun.columns import aligned
from aerun.evaluation.repeated import LEVEL, Repeated

PRETRAINED, SCRATCH = "pretrained", "scratch"
"""The two nets that are compared; other contestants have names of their own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One contestant, once."""

    labels: int
    """Number of labelled examples that it learned from."""
    seed: int
    """Of the examples, of drawn weights and of the order of batches."""
    contestant: str
    error: float
    """Share of the test part that it labels wrongly, %."""
    steps: int | None
    """Of its training; None where it has none."""


class Contest:
    """The scores of all contestants for each number of labels and each seed."""

    def __init__(self, scores: Sequence[Score], words: Mapping[str, str]) -> None:
        """Hold them.

        Args:
            scores: Every contestant has one for each number of labels and each seed.
            words: What each contestant is, for definitions.
        """
        self.scores, self.words = list(scores), dict(words)

    @property
    def numbers(self) -> list[int]:
        """Numbers of labels, ascending."""
        return sorted({score.labels for score in self.scores})

    def errors(self, contestant: str, labels: int) -> Repeated:
        """Errors of a contestant over seeds, %."""
        return Repeated(
            values=tuple(
                score.error
                for score in self.scores
                if (score.contestant, score.labels) == (contestant, labels)
            )
        )

    def gain(self, labels: int) -> Repeated:
        """How much smaller the error is than from scratch, seed by seed, points."""
        scratch = self.errors(SCRATCH, labels)
        return scratch.less(self.errors(PRETRAINED, labels))

    def figures(self) -> dict[str, dict[str, Any]]:
        """Every mean with its deviation, interval, unit, definition and single values.

        A gain has its verdict too.
        """
        return dict(self._figures())

    def _figures(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for labels in self.numbers:
            for contestant, what in self.words.items():
                definition = (
                    f"share of the test part labelled wrongly; {what}, {labels:,} "
                    "labelled examples"
                )
                error = self.errors(contestant, labels)
                yield (
                    f"error/{contestant}/{labels}",
                    error.entry(unit="%", definition=definition),
                )
            definition = (
                "error from scratch less error pretrained, of this one trained encoder "
                "and this one test part; each pair on the same "
                f"{labels:,} labelled examples in the same order"
            )
            gain = self.gain(labels)
            entry = gain.entry(unit="points", definition=definition)
            yield f"gain/{labels}", entry | {"verdict": gain.verdict}

    def rows(self) -> list[dict[str, Any]]:
        """One per contestant, seed and number of labels."""
        return [asdict(score) for score in self.scores]

    def table(self) -> list[str]:
        """A line per number of labels: errors, then the gain with its interval."""
        head = ["labels", *self.words, f"gain ({LEVEL:.0%} interval)", ""]
        return aligned([head, *map(self._line, self.numbers)])

    def _line(self, labels: int) -> list[str]:
        found = [self.errors(contestant, labels) for contestant in self.words]
        gain = self.gain(labels)
        low, high = gain.interval
        return [
            f"{labels:,}",
            *(f"{each.mean:.2f} +- {each.deviation:.2f}" for each in found),
            f"{gain.mean:.2f} ({low:.2f} to {high:.2f})",
            gain.verdict,
        ]
