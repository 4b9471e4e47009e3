"""The manifest of a sweep: what its jobs are and how far each has come."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aerun import reading
from aerun.errors import DirectoryGone, RunDirectoryError
from aerun.locks import awaited_lock
from aerun.rundir import RunDirectory

MANIFEST = "manifest.json"
FORMAT = 1

PENDING = "pending"
RUNNING = "running"
COMPLETED = "completed"
PRUNED = "pruned"
FAILED = "failed"
INTERRUPTED = "interrupted"
SUPERSEDED = "superseded"

DONE = (COMPLETED, PRUNED)
"""States of jobs that are not run again."""


@dataclass(frozen=True)
class Job:
    """One job of a sweep; it never changes its number, and its values never change."""

    number: int
    overrides: tuple[str, ...]
    """What was typed, one value for each key: ``trainer.lr=0.1``."""
    hash: str
    """Of its composed config; two jobs of one hash are one job."""
    directory: str
    """Of its run, relative to the sweep's."""
    state: str = PENDING
    reason: str | None = None
    """Why it failed."""
    figures: Mapping[str, float | None] = field(default_factory=dict, hash=False)
    """Of a completed run: all of its summary, and its best epoch's row."""
    seconds: float | None = None
    """The training took, in all of its sessions."""

    @property
    def values(self) -> Mapping[str, str]:
        """What was typed, by key."""
        return _values(self.overrides)


class Manifest:
    """Reads and writes ``manifest.json``; every launcher's jobs write to it too."""

    def __init__(self, folder: Path | str) -> None:
        """Wrap the directory of a sweep."""
        self.folder = Path(folder)

    @property
    def exists(self) -> bool:
        """Whether the directory is that of a sweep."""
        return (self.folder / MANIFEST).is_file()

    def gone(self) -> DirectoryGone:
        """The error about one that was there when its sweep began."""
        return DirectoryGone(
            f"{self.folder / MANIFEST} cannot be read (it is gone); was its directory "
            "removed or moved?"
        )

    def create(self, overrides: Sequence[str], *, config_dir: str | None) -> None:
        """Begin a sweep without jobs.

        Args:
            overrides: As typed, with comma lists.
            config_dir: The folder of the user's own options.
        """
        self._write({"overrides": list(overrides), "config_dir": config_dir}, [])

    @property
    def overrides(self) -> list[str]:
        """What was typed to begin or extend the sweep, with comma lists."""
        return list(self._read()["overrides"])

    @property
    def config_dir(self) -> str | None:
        """The folder of the user's own options, where one was given."""
        given = self._read().get("config_dir")
        return None if given is None else str(given)

    def jobs(self) -> list[Job]:
        """All jobs, by number.

        Raises:
            DirectoryGone: There is no manifest any more.
            RunDirectoryError: The manifest is damaged or of a newer version.
        """
        return _jobs(self._read(), self.folder)

    def edit(
        self,
        change: Callable[[list[Job]], Sequence[Job]],
        *,
        overrides: Sequence[str] | None = None,
        config_dir: str | None = None,
        durable: bool = True,
    ) -> list[Job]:
        """Change jobs while no other process does.

        Args:
            change: Takes all jobs, gives all jobs.
            overrides: What was typed now; None: what was typed before.
            config_dir: The folder of the user's own options; None: that of before.
            durable: Whether to wait until it is on the disk.

        Returns:
            All jobs as they are now.
        """
        with self._held():
            content = self._read()
            if overrides is not None:
                content["overrides"] = list(overrides)
            if config_dir is not None:
                content["config_dir"] = config_dir
            jobs = list(change(_jobs(content, self.folder)))
            self._write(content, jobs, durable=durable)
        return jobs

    def update(self, number: int, **changes: Any) -> list[Job]:
        """Change the state, and what else is known, of one job; all as they are now.

        It does not wait for the disk: what is lost with the power, run directories say.
        """

        def change(jobs: list[Job]) -> list[Job]:
            return [
                replace(job, **changes) if job.number == number else job for job in jobs
            ]

        return self.edit(change, durable=False)

    def job_in(self, directory: Path | str, jobs: Sequence[Job]) -> Job:
        """The one of some jobs whose run directory this is.

        Raises:
            KeyError: There is none.
        """
        wanted = os.path.relpath(directory, self.folder)
        for job in jobs:
            if os.path.normpath(job.directory) == wanted:
                return job
        raise KeyError(str(directory))

    def _held(self) -> AbstractContextManager[None]:
        return awaited_lock(self.folder / f".{MANIFEST}.lock")

    def _read(self) -> dict[str, Any]:
        try:
            content = reading.json_object(self.folder / MANIFEST)
        except FileNotFoundError:
            raise self.gone() from None
        if content.get("format") != FORMAT:
            raise RunDirectoryError(
                f"{self.folder / MANIFEST} has format {content.get('format')!r}; this "
                f"version of aerun reads {FORMAT}"
            )
        for key in ("overrides", "jobs"):
            if not isinstance(content.get(key), list):
                raise reading.damaged(self.folder / MANIFEST, f"it lacks {key}")
        return content

    def _write(
        self, content: Mapping[str, Any], jobs: Sequence[Job], *, durable: bool = True
    ) -> None:
        entries = [json.dumps(vars(job), allow_nan=False) for job in jobs]
        head = json.dumps({**content, "format": FORMAT, "jobs": []}, indent=1)
        lines = ",\n".join(f"  {entry}" for entry in entries)
        text = head.replace('"jobs": []', f'"jobs": [\n{lines}\n ]')
        RunDirectory(self.folder).write(MANIFEST, f"{text}\n".encode(), durable=durable)


def in_words(job: Job, jobs: Sequence[Job]) -> str:
    """What distinguishes a job among others; all of it where nothing does."""
    wanted = set(swept(jobs)) or set(job.values)
    words = [
        text
        for text in job.overrides
        if _key(text) in wanted or text.partition("=")[0] in wanted
    ]
    return " ".join(words) or "as it is"


def failure(jobs: Sequence[Job], again: str) -> str:
    """Which jobs failed and why, and the command that tries them again."""
    failed = [job for job in jobs if job.state == FAILED]
    head = f"{len(failed)} of {len(jobs)} jobs failed"
    if waiting := sum(job.state == PENDING for job in jobs):
        head += f", {waiting} were not started (sweep.fail_fast)"
    lines = [f"  job {j.number} ({in_words(j, jobs)}): {j.reason}" for j in failed]
    lines.append(
        f"Try them again with: {again}\n"
        "or add other values for what was wrong, as KEY=VALUE,..."
    )
    return "\n".join([head, *lines])


def why(job: Job, folder: Path) -> str:
    """Why a job failed, in a line.

    Its own files are told by their place in its directory, which is another one when
    it is tried again, and others' by their place in the sweep.
    """
    if not job.reason:
        return ""
    text = job.reason.replace(f"{folder}/", "")
    own = rf"(?<![\w/.-]){re.escape(job.directory)}/"
    return " ".join(re.sub(own, "", text).split())


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


@lru_cache(maxsize=4096)  # asked for of every job, whenever one of them changes
def _values(overrides: tuple[str, ...]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for text in overrides:
        key, _, value = text.partition("=")
        # regularizer=[l1] and +regularizer=[kl] are two.
        found[key if _key(text) in found else _key(text)] = value
    return MappingProxyType(found)


def _jobs(content: Mapping[str, Any], folder: Path) -> list[Job]:
    found = []
    for place, entry in enumerate(content["jobs"]):
        try:
            found.append(_job(entry, place))
        except (TypeError, KeyError, ValueError) as error:
            reason = f"job {place}: {error}"
            raise reading.damaged(folder / MANIFEST, reason) from None
    return found


def _job(entry: Any, place: int) -> Job:
    """A job as it was written.

    Raises:
        TypeError, KeyError, ValueError: It is none, or lies outside of the sweep.
    """
    job = Job(**{**entry, "overrides": tuple(entry["overrides"])})
    hash(job)  # no list where a text or a number is wanted: TypeError
    lies = Path(job.directory)
    if not lies.parts or lies.is_absolute() or ".." in lies.parts:
        raise ValueError("its directory is not in that of the sweep")
    texts = all(isinstance(text, str) for text in job.overrides)
    if job.number != place or not texts or not isinstance(job.figures, Mapping):
        raise ValueError("it is no job")
    return job


def swept(jobs: Sequence[Job]) -> list[str]:
    """The keys whose values differ from job to job, in the order they were typed."""
    each = [job.values for job in jobs]
    keys = dict.fromkeys(key for values in each for key in values)
    return [key for key in keys if len({values.get(key) for values in each}) > 1]
