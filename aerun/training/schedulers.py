"""Learning-rate schedulers: share of the training done -> factor on the rate."""

from aerun.options import Fraction, NonNegative
from aerun.schedules import interpolate


class Constant:
    """The learning rate stays as it is."""

    def factor(self, share: float) -> float:
        """Always 1."""
        return 1.0


class Linear:
    """Falls in a straight line to ``end`` times the learning rate."""

    def __init__(self, *, end: NonNegative) -> None:
        """Set the last factor."""
        self.end = end

    def factor(self, share: float) -> float:
        """The factor after ``share`` (0 to 1) of the training."""
        return interpolate("linear", 1.0, self.end, share)


class Cosine:
    """Falls along half a cosine to ``end`` times the learning rate."""

    def __init__(self, *, end: NonNegative) -> None:
        """Set the last factor."""
        self.end = end

    def factor(self, share: float) -> float:
        """The factor after ``share`` (0 to 1) of the training."""
        return interpolate("cosine", 1.0, self.end, share)


class Exponential:
    """Falls by a constant factor per step to ``end`` times the learning rate."""

    def __init__(self, *, end: Fraction) -> None:
        """Set the last factor, above 0."""
        self.end = end

    def factor(self, share: float) -> float:
        """The factor after ``share`` (0 to 1) of the training."""
        return interpolate("exponential", 1.0, self.end, share)


Scheduler = Constant | Linear | Cosine | Exponential
