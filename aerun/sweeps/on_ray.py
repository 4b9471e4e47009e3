"""hydra/launcher=ray: jobs on Ray, of this machine alone or of a cluster."""

import logging
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from aerun.logs import printed_level
from aerun.options import Positive
from aerun.sweeps.parallel import ParallelLauncher, died, tell_stopping
from aerun.sweeps.worker import Order, Report, fulfil

_PATIENCE = 60.0
"""Seconds that jobs have to end after they were asked to."""
_STORE = 100 * 2**20
"""Bytes that Ray keeps for what travels, on a machine of ours: orders are small. It
would take 30 % of the memory, on disk where there is no shared memory of that size."""


@dataclass(kw_only=True, eq=False)
class RayLauncher(ParallelLauncher):
    """Runs jobs as tasks of Ray, which places them by the cores and GPUs they take."""

    extra = "ray"
    modules = ("ray",)

    address: str
    """``local``: Ray is started for the sweep; ``auto`` or HOST:PORT: where it runs."""
    num_cpus: Positive
    """Cores that a job takes."""
    num_gpus: Positive | None
    """GPUs that a job takes; None: none is reserved, and all are seen."""
    init: dict | None
    """More arguments of ``ray.init``."""
    remote: dict | None
    """More arguments of ``ray.remote``."""

    def __post_init__(self) -> None:
        """Begin without Ray."""
        self._started = False

    @property
    def here(self) -> bool:  # type: ignore[override]
        """Whether GPUs are seen as the command sees them: where Ray gives none."""
        return self.address == "local" and self.num_gpus is None

    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        """Have orders carried out, as many at a time as there is room for."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell the world
        import ray

        if not ray.is_initialized():
            ray.init(**self._init())
            self._started = True
        task = ray.remote(**self._remote())(fulfil)
        running = {task.remote(order): order for order in orders}
        try:
            while running:
                (ended, *_), _ = ray.wait(list(running), num_returns=1)
                order = running.pop(ended)
                try:
                    report = ray.get(ended)
                except ray.exceptions.RayError:
                    report = died(order)
                yield report
        finally:
            tell_stopping(len(running))
            for each in running:
                ray.cancel(each)
            if running:
                ray.wait(list(running), num_returns=len(running), timeout=_PATIENCE)

    def close(self) -> None:
        """End Ray, or leave the cluster, where this launcher came to it."""
        if self._started:
            import ray

            ray.shutdown()

    def _init(self) -> dict[str, Any]:
        options = {
            "address": self.address,
            "logging_level": logging.ERROR,
            "log_to_driver": printed_level() <= logging.INFO,
        }
        if self.address == "local":
            options |= {"include_dashboard": False, "object_store_memory": _STORE}
        return {**options, **(self.init or {})}

    def _remote(self) -> dict[str, Any]:
        options: dict[str, Any] = {"num_cpus": self.num_cpus, "max_retries": 0}
        if self.num_gpus is not None:
            options["num_gpus"] = self.num_gpus
        # Ray would set it to num_cpus; the same figures want the same threads anywhere.
        threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
        options["runtime_env"] = {"env_vars": {"OMP_NUM_THREADS": threads}}
        return {**options, **(self.remote or {})}
