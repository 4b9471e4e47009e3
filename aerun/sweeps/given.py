"""What Hydra gives each of its sweepers and launchers."""

from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Given:
    """Keeps it; comes before Hydra's own class among the bases."""

    hydra_context: Any
    config: Any
    task_function: Any

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Take Hydra's objects and the request."""
        self.hydra_context, self.config = hydra_context, config
        self.task_function = task_function
