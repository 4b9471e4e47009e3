"""hydra/launcher=fused: jobs that differ only in numbers, trained as one model."""

import logging
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from aerun.config.approve import asked
from aerun.options import Workers
from aerun.sweeps.fusing import Fusing, arrange
from aerun.sweeps.manifest import DONE, Manifest
from aerun.sweeps.parallel import ParallelLauncher, died
from aerun.sweeps.planning import Composed
from aerun.sweeps.pools import Pools
from aerun.sweeps.worker import Order, Report, fulfil_together

log = logging.getLogger("aerun")


@dataclass(kw_only=True, eq=False)
class FusedLauncher(ParallelLauncher):
    """Trains groups of jobs, a process for each group; what fits in none runs alone."""

    extra = "fused"
    modules = ("greenlet", "joblib")

    n_jobs: Workers
    """Processes at a time; -1: one for each core."""

    def __post_init__(self) -> None:
        """Begin with no process."""
        self._pools = Pools(self.n_jobs)
        self.composed: dict[tuple[str, ...], Composed | None] = {}
        """By overrides, of jobs that were composed to be planned."""

    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        """Have orders carried out; where a group's process dies, its jobs go on alone.

        They do so from their last states.
        """
        fusing = self._arranged(orders)
        log.info("%s", fusing)
        groups = [
            *fusing.groups,
            *([i] for each in fusing.alone.values() for i in each),
        ]
        waiting = deque([[orders[i] for i in group] for group in groups])
        with closing(self._pools.carry_out(waiting, fulfil_together)) as results:
            for group, reports in results:
                if reports is not None:
                    yield from reports
                elif len(group) == 1:
                    yield died(group[0])
                else:
                    log.warning(_DIED, len(group))
                    left = [order for order in group if not self._is_done(order)]
                    waiting.extend([order] for order in left)
                    yield from (_ended(order) for order in group if order not in left)

    def close(self) -> None:
        """End the processes, which have nothing to do."""
        self._pools.close()

    def _arranged(self, orders: Sequence[Order]) -> Fusing:
        hydra = self.config.hydra
        if hydra.callbacks or hydra.job.env_set or hydra.job.chdir:
            reason = "Hydra's callbacks, env_set and chdir are of one job at a time"
            return Fusing([], {reason: list(range(len(orders)))})
        requests = [self._request(order.overrides) for order in orders]
        return arrange(requests, self._pools.number)

    def _request(self, overrides: tuple[str, ...]) -> dict[str, Any]:
        composed = self.composed.pop(overrides, None)
        if composed is not None:
            return composed.request
        loader = self.hydra_context.config_loader
        return asked(loader.load_sweep_config(self.config, list(overrides)), say=False)

    def _is_done(self, order: Order) -> bool:
        folder = Path(str(self.config.hydra.sweep.dir))
        manifest = Manifest(folder)
        return manifest.job_in(folder / order.name, manifest.jobs()).state in DONE


_DIED = "A process that trained %d jobs died; those not completed go on alone."


def _ended(order: Order) -> Report:
    """Of a job that was completed before its process died."""
    returned = JobReturn(overrides=list(order.overrides), status=JobStatus.COMPLETED)
    return Report(number=order.number, name=order.name, returned=returned)
