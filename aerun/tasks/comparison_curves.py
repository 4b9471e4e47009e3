"""Curves of compared groups in one picture."""

from collections.abc import Iterator, Sequence

from aerun.evaluation.comparison import Comparison, Group
from aerun.tasks.side_by_side import label


def draw_courses(found: Comparison, *, most: int, others: bool = False) -> bytes | None:
    """Lay the curves of groups over each other.

    Args:
        found: What groups have; the best have colours and names.
        most: So many of them.
        others: Whether the rest is drawn too, in grey.

    Returns:
        A PNG file; None where no group has curves.
    """
    from aerun.reporting.courses import Band, course_panels

    def bands(quantity: str, groups: Sequence[Group]) -> dict[str, Band]:
        return {
            names[group.name]: Band(
                epochs=course.epochs, mean=course.mean, deviation=course.deviation
            )
            for group in groups
            if (course := group.courses.get(quantity)) is not None
        }

    best, rest = found.groups[:most], found.groups[most:] if others else ()
    names = {g.name: label(g.name, i) for i, g in enumerate(found.groups, start=1)}
    panels = {quantity: bands(quantity, best) for quantity in found.quantities}
    behind = {quantity: list(bands(quantity, rest).values()) for quantity in panels}
    panels = {q: drawn for q, drawn in panels.items() if drawn or behind[q]}
    if not panels:
        return None
    several = any(len(group.runs) > 1 for group in best)
    title = "Validation by epoch" + (
        ", mean and standard deviation over seeds" if several else ""
    )
    return course_panels(
        panels, names=[names[g.name] for g in best], others=behind, title=title
    )


def notes_on_curves(found: Comparison) -> Iterator[str]:
    """What a reader should know of curves, and of those that are not there."""
    phased = [g.name for g in found.groups if not g.courses and g.runs[0].rows]
    if phased:
        yield (
            f"No curves of {', '.join(phased)}: trained in phases, whose errors are of "
            "other things."
        )
    for group in found.groups:
        if len({len(run.rows) for run in group.runs}) > 1 and group.courses:
            yield f"Curves of {group.name} end where the first of its runs did."
