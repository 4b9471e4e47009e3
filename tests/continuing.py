"""A training that is broken off and continued, beside one that is not."""

from collections.abc import Sequence
from typing import Any

from making import make

from aerun.build import Built
from aerun.training.events import StepEnded
from aerun.training.state import capture, restore


def whole_and_continued(request: tuple[str, ...], stop: int) -> tuple[Built, Built]:
    """Both trained to their end; the second restored after ``stop`` steps."""
    _, whole = make(*request)
    list(whole.training)
    _, broken = make(*request)
    for event in broken.training:
        if isinstance(event, StepEnded) and event.step == stop:
            break
    tensors, values = capture(broken.training)
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    _, fresh = make(*request)
    restore(fresh.training, tensors, values)
    list(fresh.training)
    return whole, fresh


def run_in_two_parts(recorder: Any, request: Sequence[str], step: int) -> None:
    """Record a run in the folder "parts" that stops at a step and is resumed there."""
    parts = recorder(*request, name="parts")
    assert not parts.run(lambda: parts.training.position.step >= step)
    resumed = recorder(*request, name="parts")
    assert resumed.resume()
    assert resumed.training.position.step == step
    assert resumed.run(lambda: False)
