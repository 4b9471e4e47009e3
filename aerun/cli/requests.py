"""What a command line asks for: composed, checked, handed to its task."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aerun.argv import value_of
from aerun.launched import is_first, num_ranks

if TYPE_CHECKING:
    from omegaconf import DictConfig


def request(
    overrides: Sequence[str], *, multirun: bool = False, config_dir: str | None = None
) -> Any:
    """Carry out a request: compose, check, then run its task.

    Args:
        overrides: As on the command line, flags apart.
        multirun: Whether comma lists are sweeps.
        config_dir: A folder of the user's own options.

    Returns:
        The directory of the run or sweep, or what a task that works in none says,
        section by section.

    Raises:
        BadRequest: Nothing was started, no directory made.
    """
    from aerun.config.own_modules import find_own_modules

    find_own_modules()
    from aerun.config.compose import NO_NEW_RUN, Composer
    from aerun.config.mistakes import BadRequest, Mistake

    for override in overrides:
        if override.lstrip("+~").replace("/", ".").startswith("task.works_in"):
            problem = "is settled by the task's YAML file; choose another task."
            raise BadRequest([Mistake(typed=override, problem=problem)])
    composer = Composer(config_dir)
    task = (value_of("task", overrides) or "train").strip("'\"")
    place = composer.works_in(task)
    if num_ranks() > 1:
        from aerun.cli.sharing import check_command

        check_command(multirun=multirun, task=task, place=place)
    if multirun and place in NO_NEW_RUN:
        raise BadRequest([Mistake(typed="-m", problem=f"is not for task={task}.")])
    if place == "run":
        from aerun.sweeps.continuing import sweep_of

        folder = sweep_of(value_of("run", overrides))
        if folder is not None:
            return _continue(folder, overrides, config_dir)
        return _resume(overrides, config_dir)
    if place == "part":
        return _on_run(composer, overrides, config_dir)
    if place == "runs":
        return _on_runs(composer, overrides, config_dir)
    return _new_run(composer, overrides, multirun=multirun)


def _new_run(composer: Any, typed: Sequence[str], *, multirun: bool) -> Any:
    """Carry out a request that starts from no run: a run, a sweep, or an answer."""
    import logging

    from aerun.config.explaining import as_typed
    from aerun.config.mistakes import BadRequest, Mistake

    if (names := value_of("trust", typed)) is not None:
        problem = "is for runs that exist; only tasks on run= or runs= take it."
        raise BadRequest([Mistake(typed=f"trust={names}", problem=problem)])
    overrides: Sequence[str] = [_pinned(override) for override in typed]
    config = composer.compose(overrides, multirun=multirun)
    for line in composer.shadowed(config):
        logging.getLogger("aerun").info("aerun: %s", line)
    from aerun.sweeps.presets import with_presets

    overrides = with_presets(composer, config, overrides, multirun=multirun)
    try:
        if multirun:
            return _sweep(composer, overrides)
        # An experiment may choose the task too.
        place = str(config.task.get("works_in"))
        name = str(config.hydra.runtime.choices.task)
        if num_ranks() > 1:
            from aerun.cli.sharing import check_command

            check_command(multirun=False, task=name, place=place)
        if place == "nothing":
            return _look(composer, config, overrides)
        if place in ("run", "part", "runs"):
            which = "runs: write it on the command line, with runs=[DIR,...]."
            if place != "runs":
                which = "a run: write it on the command line, with run=DIR."
            problem = f"works on {which}"
            raise BadRequest([Mistake(typed=f"task={name}", problem=problem)])
        from aerun.ranks import together

        with together(config.device):
            return _run(composer, config)
    except BadRequest as error:
        raise BadRequest(as_typed(error.mistakes, typed)) from None


def _pinned(override: str) -> str:
    """``init_from=last`` as a path, before this run becomes the last one."""
    latest = Path("outputs/latest")
    if override == "init_from=last" and latest.exists():
        from aerun.config.grammar import quoted

        return f"init_from={quoted(str(latest.resolve()))}"
    return override


def _run(composer: Any, config: "DictConfig") -> Path:
    """Check one run's request and data, claim its directory, run it."""
    from functools import partial

    from hydra.core.hydra_config import HydraConfig
    from hydra.core.utils import run_job
    from hydra.types import HydraContext
    from omegaconf import open_dict, read_write

    from aerun.cli.sharing import claimed_for_all
    from aerun.config.approve import approve, claim_output
    from aerun.config.records import have_whole_records
    from aerun.sweeps.job import run_job as job
    from aerun.wiring import make

    HydraConfig.instance().set_config(config)
    request = approve(config, output="hydra.run.dir")
    claim = partial(claim_output, config, "hydra.run.dir")
    directory = claimed_for_all(request, claim)
    if not is_first():
        make(request["task"])(request, directory)  # which writes and says nothing
        return directory
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.run.dir = str(directory)
    from hydra._internal.callbacks import Callbacks

    context = HydraContext(config_loader=composer.loader, callbacks=Callbacks(config))
    have_whole_records()
    result = run_job(
        hydra_context=context,
        task_function=job,
        config=config,
        job_dir_key="hydra.run.dir",
        job_subdir_key=None,
        configure_logging=False,
    )
    if isinstance(error := result._return_value, Exception):
        raise error  # its getter would raise it too, after a line of Hydra's
    return directory


def _resume(overrides: Sequence[str], config_dir: str | None) -> Path:
    """Continue a run in its own directory."""
    from aerun.config.approve import told
    from aerun.config.stored import resume_request
    from aerun.config.trust import Trust
    from aerun.tasks.resume import resume

    config, directory = resume_request(overrides, Trust(config_dir=config_dir))
    told(config)
    from contextlib import nullcontext

    from aerun.cli.sharing import check_parts
    from aerun.ranks import together
    from aerun.recording import recorded

    check_parts(config)
    with (
        together(config["device"]),
        recorded(directory, config) if is_first() else nullcontext(),
    ):
        resume(config, directory)
    return directory


def _continue(folder: Path, overrides: Sequence[str], config_dir: str | None) -> Any:
    """Continue a sweep in its own directory, with further values."""
    from aerun.sweeps.continuing import continued

    again = continued(folder, overrides, config_dir)
    return request(again, multirun=True, config_dir=config_dir)


def _on_run(composer: Any, overrides: Sequence[str], config_dir: str | None) -> Path:
    """Carry out a task that reads a run; what it writes lies in a folder inside."""
    from aerun.config.approve import telling
    from aerun.config.stored import task_request
    from aerun.config.trust import Trust
    from aerun.wiring import make

    trust = Trust(config_dir=config_dir)
    config, directory = task_request(composer, overrides, trust)
    with telling(config):
        written: Path = make(config["task"])(config, directory)
    return written


def _on_runs(composer: Any, overrides: Sequence[str], config_dir: str | None) -> Path:
    """Carry out a task that reads several runs, in a directory of its own."""
    from hydra.core.hydra_config import HydraConfig

    from aerun.claims import claimed
    from aerun.config.approve import place_of
    from aerun.config.several import runs_request
    from aerun.config.trust import Trust
    from aerun.wiring import make

    trust = Trust(config_dir=config_dir)
    request, composed = runs_request(composer, overrides, trust)
    HydraConfig.instance().set_config(composed)
    path, exact = place_of(composed, "hydra.run.dir")
    task = make(request["task"])
    with claimed(path, exact=exact) as directory:
        task(request, directory)
    return directory


def _look(
    composer: Any, config: "DictConfig", overrides: Sequence[str]
) -> Iterable[str]:
    """Carry out a task that only has something to say: a text, or several."""
    from aerun.config.approve import approve
    from aerun.config.origins import origins
    from aerun.wiring import make

    request = approve(config, output=None)
    task = make(request["task"])
    said = task(request, origins(composer, overrides))
    return [said] if isinstance(said, str) else said


def _sweep(composer: Any, overrides: Sequence[str]) -> Path | None:
    """Run every combination; the sweep's directory, where its sweeper tells."""
    from functools import partial

    from aerun.logs import printed_level
    from aerun.sweeps.job import sweep_job
    from aerun.sweeps.plugins import register

    register()
    from aerun.sweeps.planning import Uncomposable

    try:
        made = composer.hydra.multirun(
            config_name="config",
            task_function=partial(sweep_job, level=printed_level()),
            overrides=composer.as_groups(overrides),
            with_log_configuration=False,
        )
    except Uncomposable as job:
        composer.compose(job.overrides)  # tells what is wrong
        raise
    return made if isinstance(made, Path) else None
