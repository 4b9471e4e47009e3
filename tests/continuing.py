"""A training that is broken off and continued, beside one that is not."""

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
