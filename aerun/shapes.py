"""Building parts for their shapes alone, in no memory: on PyTorch's meta device."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_DRAWING = {"uniform_", "normal_", "kaiming_uniform_", "kaiming_normal_"}


class _Undrawn(TorchFunctionMode):
    """Leaves out what draws numbers; here the first draw imports for a second."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__name__", "") in _DRAWING:
            tensor = args[0] if args else given.get("tensor")
            if isinstance(tensor, Tensor) and tensor.is_meta:
                return tensor
        return func(*args, **given)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Within, new tensors have shapes and types, but no values and no memory."""
    with torch.device("meta"), _Undrawn():
        yield


def no_room(error: BaseException) -> bool:
    """Whether an error says that something is too large for memory."""
    return isinstance(error, MemoryError) or bool(_NO_ROOM.search(str(error)))


# The words of PyTorch and NumPy, whose errors are of any kind.
_NO_ROOM = re.compile("allocate memory|out of memory|calculation overflowed|too big")
