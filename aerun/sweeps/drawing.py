"""Pictures of a sweep, and the page about it."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from aerun.claims import holds_run
from aerun.config.several import recorded_run
from aerun.config.trust import Trust
from aerun.evaluation.comparability import COMPARABLE
from aerun.evaluation.comparison import CURVES, Comparison, compare_runs
from aerun.evaluation.recorded import RecordedRun
from aerun.progress import progress_bar
from aerun.rundir import RunDirectory
from aerun.sweeps.doubts import again
from aerun.sweeps.knobs import knobs_of
from aerun.sweeps.manifest import COMPLETED, Job, Manifest
from aerun.sweeps.ranking import Standing
from aerun.sweeps.words import failures, not_ranked
from aerun.tasks.comparison_curves import draw_courses, notes_on_curves
from aerun.tasks.comparison_report import write_report
from aerun.tasks.comparison_tables import size_in_words
from aerun.tasks.report import REPORT
from aerun.tasks.side_by_side import side_by_side

log = logging.getLogger("aerun")

_NAMED = 8  # curves with colours
_MANY = 30  # runs, from which fewer groups are shown side by side
_FEW = 6
_TITLES = {"knobs.png": "What was swept", "curves.png": "All curves"}


class Drawing:
    """Draws what the jobs of a sweep led to; what cannot be drawn is told."""

    def __init__(
        self,
        folder: Path,
        jobs: Sequence[Job],
        standings: Sequence[Standing],
        *,
        metric: str,
        maximize: bool,
        trust: Trust,
    ) -> None:
        """Take the results.

        Args:
            folder: The sweep's.
            jobs: All.
            standings: As ranked.
            metric: By which.
            maximize: Whether more of it is better.
            trust: Whose code its runs may name.
        """
        self.folder, self.jobs, self.standings = RunDirectory(folder), jobs, standings
        self.metric, self.maximize, self.trust = metric, maximize, trust
        self.pictures: dict[str, bytes] = {}
        """PNG files by name, as far as they are written."""

    def draw(self) -> bool:
        """Draw all that can be drawn; gives whether there is a page."""
        with _told("knobs.png"):
            self._knobs()
        with _told(REPORT):
            found = self._compared()
            if found is None:
                return False
            with _told("curves.png"):
                self._add("curves.png", draw_courses(found, most=_NAMED, others=True))
            if sum(len(group.runs) for group in found.groups) > 1:
                self._page(found)
                return True
        return False

    def _add(self, name: str, png: bytes | None) -> None:
        if png is not None:
            self.folder.write(name, png)
            self.pictures[name] = png

    def _knobs(self) -> None:
        knobs = knobs_of(self.standings, self.metric)
        if not knobs:
            return
        from aerun.reporting.knobs import knob_panels

        over = ["other settings"] * any(knob.average is not None for knob in knobs)
        if any(len(each.jobs) > 1 for each in self.standings):
            over.append("seeds")
        title = f"{self.metric} by what was swept"
        if over:
            title += f", mean and standard deviation over {' and '.join(over)}"
        self._add("knobs.png", knob_panels(knobs, metric=self.metric, title=title))

    def _compared(self) -> Comparison | None:
        """The completed runs beside each other; None where there are none."""
        runs = list(self._runs())
        if not runs:
            return None
        unranked = not_ranked(self.jobs, self.metric)
        metric = COMPARABLE if unranked else self.metric
        own = [metric] if metric.startswith("val/") else []
        return compare_runs(
            runs,
            metric=metric,
            descending=self.maximize and not unranked,
            curves=list(dict.fromkeys([*own, *CURVES])),
        )

    def _runs(self) -> Iterator[RecordedRun]:
        """Completed runs, with the figures that the manifest has of them."""
        completed = [job for job in self.jobs if job.state == COMPLETED]
        with progress_bar(len(completed), unit="run", description="Reading") as bar:
            for job in completed:
                if not holds_run(self.folder.path / job.directory):
                    text = "Job %d is left out of the page: its directory %s is gone."
                    log.warning(text, job.number, job.directory)
                    continue
                run = recorded_run(self.folder.path / job.directory, self.trust)
                logged = {k: v for k, v in job.figures.items() if "/" in k}
                figures = {**(run.summary.get("metrics") or {})}
                figures |= {k: v for k, v in logged.items() if k not in figures}
                if run.completed:
                    yield replace(run, summary={**run.summary, "metrics": figures})
                bar.update()

    def _page(self, found: Comparison) -> None:
        """Put report.html together."""
        folder = self.folder.path
        number = sum(len(group.runs) for group in found.groups)
        shown = side_by_side(
            found.groups, torch.device("cpu"), most=_FEW if number > _MANY else None
        )
        unranked = not_ranked(self.jobs, self.metric)
        notes = [f"{unranked} Here groups stand by {COMPARABLE}."] if unranked else []
        notes += [
            f"Failed: {line.rstrip('.')}." for line in failures(self.jobs, folder)
        ]
        notes += [*notes_on_curves(found), *shown.notes]
        place, manifest = shlex.quote(str(folder)), Manifest(folder)
        commands = [
            (
                "Go on with the sweep, or add KEY=VALUE,... to it",
                again(folder, manifest.config_dir, manifest.overrides),
            ),
            (
                "Compare its runs by another figure",
                f"aerun task=compare runs={place} task.metric={COMPARABLE}",
            ),
        ]
        pictures = [(_TITLES[name], png) for name, png in self.pictures.items()]
        self._add("reconstructions.png", shown.picture)
        write_report(
            self.folder,
            found,
            title=f"Sweep of {len(self.jobs)} jobs: {size_in_words(found)}",
            notes=notes,
            reconstructions=shown.picture,
            commands=commands,
            pictures=pictures,
        )


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Within, a failure is told and goes no further: a sweep has its results."""
    try:
        yield
    except Exception as error:
        log.warning("%s could not be made: %s", name, " ".join(str(error).split()))
        log.debug("%s", error, exc_info=True)
