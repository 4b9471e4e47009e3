"""hydra/launcher=joblib: jobs side by side on this machine, in processes that stay."""

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from aerun.options import Workers
from aerun.sweeps.parallel import ParallelLauncher, died
from aerun.sweeps.pools import Pools
from aerun.sweeps.worker import Order, Report, fulfil


@dataclass(kw_only=True, eq=False)
class JoblibLauncher(ParallelLauncher):
    """Runs jobs in processes of joblib's engine, loky; each takes one after another."""

    extra = "joblib"
    modules = ("joblib",)

    n_jobs: Workers
    """At a time; -1: one for each core."""

    def __post_init__(self) -> None:
        """Begin with no process."""
        self._pools = Pools(self.n_jobs)

    def reports(self, orders: Sequence[Order]) -> Generator[Report]:
        """Have orders carried out; a process that died is replaced by another."""
        with closing(self._pools.carry_out(deque(orders), fulfil)) as results:
            for order, report in results:
                yield report or died(order)

    def close(self) -> None:
        """End the processes, which have nothing to do."""
        self._pools.close()
