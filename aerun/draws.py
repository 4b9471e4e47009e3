"""Random numbers as input: parts ask for noise, the loop draws it.

No part ever calls a random generator. It asks ``draws.ask("normal", B, D)``; a dry run
records all requests of a step, and from then on the loop draws those tensors from the
job's own generator and hands them in, in order. A step is therefore a pure function of
(parameters, batch, noise, knobs), and evaluation or pictures, which use generators of
their own, cannot disturb training.

Rules for parts: the first dimension of a request is the batch, so that noise can be
sliced like the batch; number and shapes of requests may not depend on the data.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

Request = tuple[str, tuple[int, ...]]
"""Kind ("normal" or "uniform") and shape."""


class Draws:
    """Hands out noise that was drawn beforehand, in the order it was asked for."""

    def __init__(self, drawn: Iterable[Tensor]) -> None:
        """Wrap tensors that answer the requests to come, in order."""
        self._drawn = iter(drawn)

    def ask(self, kind: str, *shape: int) -> Tensor:
        """The next tensor: standard normal or uniform in [0, 1), of ``shape``.

        Raises:
            RuntimeError: More was asked than the dry run announced.
        """
        try:
            return next(self._drawn)
        except StopIteration:
            raise RuntimeError(
                f"asked for {kind} noise of shape {shape} that no dry run announced: "
                "the number of requests may not depend on the data"
            ) from None


class DryDraws:
    """Notes what is asked for and answers with a constant."""

    def __init__(self, like: Tensor) -> None:
        """Answer on the device and with the type of ``like``."""
        self._like = like
        self.requests: list[Request] = []

    def ask(self, kind: str, *shape: int) -> Tensor:
        """Note the request; a tensor of 0.5 of that shape."""
        if kind not in ("normal", "uniform"):
            raise ValueError(f"noise of kind {kind!r}: ask for 'normal' or 'uniform'")
        self.requests.append((kind, shape))
        return self._like.new_full(shape, 0.5)


def draw(
    requests: Sequence[Request], generator: torch.Generator, dtype: torch.dtype
) -> list[Tensor]:
    """Draw what was asked for from one generator, in order, on its device."""
    drawn = []
    for kind, shape in requests:
        tensor = torch.empty(shape, dtype=dtype, device=generator.device)
        if kind == "normal":
            tensor.normal_(generator=generator)
        else:
            tensor.uniform_(generator=generator)
        drawn.append(tensor)
    return drawn


def with_noise_of(
    generator: torch.Generator, call: Callable[[Any], Any], like: Tensor
) -> Any:
    """What ``call(draws)`` returns with the next noise of a generator.

    Args:
        generator: Goes on; on the device of ``like``.
        call: Called twice: once dry, to learn what noise it asks for.
        like: Gives device and type of the noise.
    """
    dry = DryDraws(like)
    call(dry)
    return call(Draws(draw(dry.requests, generator, like.dtype)))


def with_noise(call: Callable[[Any], Any], like: Tensor, *, seed: int) -> Any:
    """What ``call(draws)`` returns when its noise comes from a generator of its own.

    Args:
        call: Called twice: once dry, to learn what noise it asks for.
        like: Gives device and type of the noise.
        seed: Of the generator.
    """
    generator = torch.Generator(device=like.device).manual_seed(seed)
    return with_noise_of(generator, call, like)
