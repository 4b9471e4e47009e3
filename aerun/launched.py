"""What ``torchrun`` says of this process, before anything heavy is imported."""

import os


def num_ranks() -> int:
    """How many processes it started for one run; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return num_ranks() == 1 or os.environ.get("RANK") == "0"
