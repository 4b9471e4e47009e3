"""The launcher of one process: jobs one after the other, without composing anew."""

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import yaml
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from aerun.config.approve import asked
from aerun.config.compose import contained, of_sweep
from aerun.config.grammar import parse
from aerun.errors import Interrupted
from aerun.rundir import RunDirectory
from aerun.sweeps.job import carry_out
from aerun.sweeps.planning import Composed
from aerun.tasks.interruption import late_signals

log = logging.getLogger("aerun")

P = ParamSpec("P")
T = TypeVar("T")


class SerialLauncher(Launcher):
    """Gives jobs what Hydra's basic launcher gives them, in a fraction of the time."""

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Take Hydra's objects and the request."""
        self._basic = BasicLauncher()
        self._basic.setup(
            hydra_context=hydra_context,
            task_function=_heeding(task_function),
            config=config,
        )
        self.config = config
        self.composed: dict[tuple[str, ...], Composed | None] = {}
        """By overrides, of jobs that were composed to be planned."""
        # Of the task function only this is used: all else is done here, in less time.
        self._advice = getattr(task_function, "keywords", {}).get("advice")
        self._loader = hydra_context.config_loader

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Carry out jobs in order; those that fail stop no other."""
        hydra = self.config.hydra
        if hydra.callbacks or hydra.job.env_set or hydra.job.chdir:
            return self._basic.launch(job_overrides, initial_job_idx)
        return [
            self._carry_out(list(overrides), initial_job_idx + index)
            for index, overrides in enumerate(job_overrides)
        ]

    def _carry_out(self, overrides: list[str], number: int) -> JobReturn:
        composed = self.composed.pop(tuple(overrides), None)
        if composed is not None:
            given_dirs = [str(o.value()) for o in parse(overrides[-2:])]
            sweep = of_sweep(self.config)
            hydra: Any = _placed(composed.hydra, overrides, *given_dirs)
            made, unresolved = composed.request, composed.unresolved
            ask: Callable[[], dict[str, Any]] = lambda: made  # noqa: E731
        else:
            config = self._loader.load_sweep_config(self.config, overrides)
            sweep, unresolved = of_sweep(config), contained(config, resolve=False)
            hydra = OmegaConf.to_container(config.hydra, resolve=False)
            ask = partial(asked, config, say=True)
        folder = Path(hydra["sweep"]["dir"]).absolute()
        directory = folder / str(hydra["sweep"]["subdir"])

        def request() -> dict[str, Any]:
            hydra["job"] |= {"num": number, "id": number}
            hydra["runtime"]["output_dir"] = str(directory)
            own = {**unresolved, "sweep": sweep}
            _write(own, hydra, directory)
            return ask()

        given = JobReturn(overrides=overrides, working_dir=os.getcwd())
        try:
            given.return_value = _heeding(carry_out)(
                folder, directory, request, sweep, self._advice
            )
            given.status = JobStatus.COMPLETED
        except Exception as error:
            given.return_value = error
            given.status = JobStatus.FAILED
        return given


def _heeding(call: Callable[P, T]) -> Callable[P, T]:
    """A call that ends a sweep where a signal came too late to end the call's training.

    The training was at its last pictures, say. What the call raises besides for its
    job is in the sweep's manifest.

    Raises:
        Interrupted: Such a signal came, or one that did stop the training.
    """

    @wraps(call)
    def heed(*given: P.args, **named: P.kwargs) -> T:
        with late_signals() as late:
            try:
                result = call(*given, **named)
            except Exception as error:
                if late:
                    raise Interrupted(late[-1], "Interrupted.") from error
                raise
        if late:
            raise Interrupted(late[-1], "Interrupted.")
        return result

    return heed


def _placed(
    hydra: dict[str, Any], overrides: Sequence[str], folder: str, name: str
) -> dict[str, Any]:
    """Hydra's own node of a job whose last overrides name its directory."""
    hydra["sweep"] |= {"dir": folder, "subdir": name}
    hydra["overrides"]["hydra"] += list(overrides[-2:])
    return hydra


def _write(own: Mapping[str, Any], hydra: Mapping[str, Any], directory: Path) -> None:
    """Write what Hydra records of a job."""
    run = RunDirectory(directory)
    record = {"config": own, "hydra": {"hydra": hydra}}
    for name, content in (*record.items(), ("overrides", hydra["overrides"]["task"])):
        text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
        run.write(f".hydra/{name}.yaml", text.encode())


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts texts in quotes that OmegaConf could take for numbers: 1e-3."""


def _text(dumper: Any, value: str) -> Any:
    plain = re.fullmatch(r"[A-Za-z_/$][\w./${}: -]*", value)
    style = None if plain else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
