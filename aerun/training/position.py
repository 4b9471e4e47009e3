"""Where a training stands, as its state says it."""

from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class Position:
    """Where training stands: all that is not a tensor."""

    phase: int = 0
    epoch: int = 0
    """Epochs of this phase that are done."""
    batch: int = 0
    """Batches of the running epoch that are done."""
    step: int = 0
    """Optimizer steps over all phases."""
    phase_step: int = 0
    """Optimizer steps of this phase."""
    stopped: bool = False
    """Whether this phase was ended early."""
    lr: float = 0.0
    """The learning rate of the last step."""
    rows: list[list[float]] = field(default_factory=list)
    """Per batch of the running epoch: number of examples, then the steps' columns."""
