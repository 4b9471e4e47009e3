"""What the loop tells its consumer. It writes, draws and prints nothing itself."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEnded:
    """An optimizer step was made."""

    step: int
    """Steps made so far, over all phases."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochEnded:
    """An epoch (or its beginning, when ``max_steps`` cuts it) was trained."""

    phase: str
    epoch: int
    """Epochs of this phase trained so far."""
    step: int
    means: dict[str, float]
    """Each term of the objective and grad_norm, averaged over the epoch's examples."""
    knobs: dict[str, float]
    """The knobs' values after the epoch's last step."""
    lr: float
    """The learning rate of the epoch's last step."""
    num_samples: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureDue:
    """A picture of the reconstructions is wanted now."""

    name: str
    """"epoch_0010" or "step_000100", after "<phase>_" where there are several."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StateDue:
    """The state should be saved now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseEnded:
    """All epochs of a phase were trained, or it was stopped early."""

    phase: str
    epochs: int
    """Epochs of it that were trained."""
    last: bool
    """Whether no other phase follows."""


Event = StepEnded | EpochEnded | PictureDue | StateDue | PhaseEnded
