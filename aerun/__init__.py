"""aerun: compose, train and look at any autoencoder."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aerun.api import Run, load, run

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "load", "run"]


def __getattr__(name: str) -> Any:
    # PyTorch takes seconds to import; `aerun --help` does without it.
    if name in ("Run", "load", "run"):
        from aerun import api

        return getattr(api, name)
    raise AttributeError(f"module 'aerun' has no attribute {name!r}")
