"""aerun from Python: the command as a function, and trained models ready for use."""

import shlex
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aerun.claims import holds_run
from aerun.config.stored import check_stored, find_run, stored_config, trusted_config
from aerun.config.trust import NOTHING_ELSE
from aerun.rundir import RunDirectory
from aerun.trained import Trained, trained
from aerun.wiring import modules_beside


class Run:
    """A run directory, read on demand."""

    def __init__(self, directory: Path, *, trust: Sequence[str] = ()) -> None:
        """Wrap a run's directory; ``trust`` as of ``aerun.load``, for ``load``."""
        self.directory, self._trust = directory, tuple(trust)

    @property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` holds: status, metrics, health and more."""
        return RunDirectory(self.directory).read_summary()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.csv``: numbers, and names of phases."""
        return RunDirectory(self.directory).read_table("metrics.csv")

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config."""
        return stored_config(self.directory)

    @property
    def evaluation(self) -> dict[str, Any]:
        """What the newest ``task=evaluate`` found: figures, by name, and notes.

        Raises:
            FileNotFoundError: The run was not evaluated.
        """
        found = RunDirectory(self.directory).by_age("evaluate", "evaluation.json")
        if not found:
            raise FileNotFoundError(
                f"{self.directory} was not evaluated; type: aerun task=evaluate "
                f"run={shlex.quote(str(self.directory))}"
            )
        return RunDirectory(found[-1].parent).read_json(found[-1].name)

    def load(self, *, trust: Sequence[str] = ()) -> "Trained":
        """The trained model, best weights; ``trust`` as of ``aerun.load``."""
        return load(self.directory, trust=(*self._trust, *trust))

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r})"


def run(overrides: Sequence[str] = ()) -> Run:
    """Carry out a command line as a function.

    Args:
        overrides: As after ``aerun``: ``["model=vae", "trainer.epochs=3"]``; also
            ``["task=resume", "run=last"]``.

    Returns:
        The run; of a task on several runs, the directory that it made.

    Raises:
        BadRequest: The request has mistakes; nothing was started.
        AerunError: The run failed.
        Interrupted: A signal stopped it, as KeyboardInterrupt would.
        KeyboardInterrupt: Ctrl-C came as it drew its last pictures; it is whole.
    """
    from aerun.argv import split_flags, value_of
    from aerun.cli.requests import request
    from aerun.config.mistakes import BadRequest, Mistake
    from aerun.logs import set_up_console
    from aerun.tasks.interruption import late_signals

    flags, values = split_flags(overrides)
    if flags:
        problem = "is for the command line; aerun.run makes one run."
        raise BadRequest([Mistake(typed=flags[0], problem=problem)])
    set_up_console()
    with late_signals() as late:
        outcome = request(values)
    for signum in late[-1:]:  # the process's own handler says what comes of it
        signal.raise_signal(signum)
    if not isinstance(outcome, Path):
        problem = "makes no run; it is for the command line."
        raise BadRequest([Mistake(typed="task", problem=problem)])
    acted_on = value_of("run", values)
    if acted_on is not None:  # what a task writes may lie in a folder inside the run
        return Run(find_run(acted_on.strip("'\"")))
    # What was asked for just now has run here, parts of the user's own included.
    own = modules_beside(stored_config(outcome)) if holds_run(outcome) else []
    return Run(outcome, trust=own)


def load(
    directory: str | Path, *, weights: str | None = None, trust: Sequence[str] = ()
) -> Trained:
    """A trained model from its run directory, on the CPU.

    A run may come from anybody: code that its config names is run only where it is an
    option of aerun, of a plug-in or of ``$AERUN_CONFIG_PATH``, or trusted here.

    Args:
        directory: Of the run, or "last".
        weights: "best" or "last"; None: what the run's figures were made with
            (``trainer.final_weights``).
        trust: Names of modules that the run may take parts of its own from.

    Raises:
        BadRequest: There is no run there, its config has what this version of aerun
            does not know, or names code that nobody trusts.
        RunDirectoryError: It saved no weights yet, or they are damaged.
    """
    path = find_run(str(directory))
    config = trusted_config(path, NOTHING_ELSE.with_names(trust))
    check_stored(config, path)
    return trained(config, path, weights=weights)
