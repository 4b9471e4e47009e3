"""Rows of texts as a table: aligned for a terminal, or as Markdown."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines whose cells stand below each other; as many in each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table: a head, and as many cells in each row."""
    rule = ["---"] * len(head)
    return [f"| {' | '.join(map(_escaped, line))} |" for line in (head, rule, *rows)]


def no_markup(text: str) -> str:
    """A text for Markdown, in which HTML would be taken for that."""
    return text.replace("<", "&lt;")


def _escaped(text: str) -> str:
    return no_markup(" ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|"))
