"""Messages about a request that cannot be carried out."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from aerun.errors import BadUse
from aerun.logs import in_one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One thing that is wrong with a request."""

    typed: str
    """The key as typed, with the value where there is one: "trainer.epochs=-1"."""
    problem: str
    """What is wrong or allowed, and what to do."""

    def __str__(self) -> str:
        """One line of the message."""
        return in_one_line(f"{self.typed}: {self.problem}")


class BadRequest(BadUse):
    """A request with all its mistakes; becomes one message and exit code 2."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Hold the mistakes, each once."""
        self.mistakes = list(dict.fromkeys(mistakes))
        super().__init__(str(self))

    def __str__(self) -> str:
        """All mistakes, one a line."""
        lines = [str(mistake) for mistake in self.mistakes]
        if len(lines) == 1:
            return lines[0]
        return "\n".join([f"{len(lines)} mistakes", *(f"  {line}" for line in lines)])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question "Did you mean 'x'?" after a near miss, else nothing.

    Dotted keys are also compared by their last part, so that ``epochs`` finds
    ``trainer.epochs``.
    """
    known = list(dict.fromkeys(known))
    exact = [k for k in known if _last(k) == _last(word)]
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    lasts = {_last(k): k for k in reversed(known)}
    tail = difflib.get_close_matches(_last(word), lasts, n=1, cutoff=0.6)
    found = exact or near or [lasts[t] for t in tail]
    return f" Did you mean '{found[0]}'?" if found else ""


def listed(options: Iterable[str], *, most: int = 20) -> str:
    """Options in words: "a, b or c"."""
    options = list(options)
    if len(options) > most:
        return ", ".join(options[:most]) + ", ..."
    if len(options) < 2:
        return "".join(options)
    return ", ".join(options[:-1]) + f" or {options[-1]}"


def _last(key: str) -> str:
    return key.replace("/", ".").rsplit(".", 1)[-1]
