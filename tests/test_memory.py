"""Memory that runs out: told in one message."""

import pytest
import torch

from aerun.failures import in_short, tell_bug


def fail(error: Exception | None) -> None:
    """Raise an error, or have PyTorch raise its own."""
    if error is not None:
        raise error
    torch.empty(2**50, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("of 3 GB"), "out of memory (of 3 GB); choose a smaller model"),
        (torch.OutOfMemoryError("CUDA"), "out of memory (CUDA); choose a smaller"),
        (None, "out of memory (you tried to allocate 1125899906842624 bytes); choose"),
    ],
)
def test_memory_that_runs_out_is_told_in_one_line(capsys, error, said) -> None:
    """On a CPU PyTorch has no class of its own for it."""
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        fail(error)
    assert in_short(caught.value).startswith(said)
    tell_bug(caught.value, verbose=False)
    assert capsys.readouterr().err.startswith(f"aerun: {said}")
    tell_bug(caught.value, verbose=True)
    assert "Traceback" in capsys.readouterr().err
