"""How the command tells what went wrong, in one message or with its traceback."""

import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from aerun.errors import AerunError
from aerun.launched import is_first
from aerun.logs import print_error, visible, was_traced


def tell(error: BaseException, *, verbose: bool) -> None:
    """Print the message of an error that a user may meet.

    Args:
        error: Its text is the message.
        verbose: Whether to print the full traceback above, if nothing has yet.
    """
    if not is_first():  # of several processes, which all meet it
        return
    if verbose and not was_traced(error):
        traceback.print_exception(error)
    print_error(str(error))


def tell_bug(error: Exception, *, verbose: bool) -> None:
    """Print the traceback; of a bug in a user's own part the frames of that part only.

    Args:
        error: Anything that was not foreseen.
        verbose: Whether to print all frames in any case.
    """
    frames = traceback.extract_tb(error.__traceback__)
    theirs = _outside(frames)
    if verbose and was_traced(error):
        return
    if not verbose and (said := without_memory(error)) is not None:
        print_error(said)
        return
    if verbose or (not theirs and not isinstance(error, SyntaxError)):
        traceback.print_exception(error)
        return
    lines = ["Traceback (your own file):\n", *traceback.format_list(theirs)]
    lines += traceback.format_exception_only(error)
    sys.stderr.write(visible("".join(lines)))


def in_short(error: Exception) -> str:
    """An error in one line; a bug with its kind, and the line that it came from."""
    text = " ".join(str(error).split())
    if isinstance(error, AerunError):
        return text
    if (said := without_memory(error)) is not None:
        return said
    frames = traceback.extract_tb(error.__traceback__)
    at = (_outside(frames) or [*frames])[-1]
    kind = type(error).__name__
    where = f"{Path(at.filename).name}, line {at.lineno}"
    return f"{kind}: {text} ({where})" if text else f"{kind} ({where})"


def without_memory(error: Exception) -> str | None:
    """What to say of an error for want of memory; None of any other."""
    text = " ".join(str(error).split())
    # PyTorch has a class of its own for GPUs, and none for this.
    on_cpu = re.search(r"t allocate memory: (you tried to allocate \d+ bytes)", text)
    if on_cpu is not None:
        text = on_cpu[1]
    elif not isinstance(error, MemoryError) and type(error).__name__ != _ON_GPU:
        return None
    return f"out of memory ({text}); choose a smaller model or trainer.batch_size"


_ON_GPU = "OutOfMemoryError"


def _outside(frames: Iterable[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """The frames not of aerun, of Python or of what aerun stands on."""
    ours = [f"{Path(__file__).parent}{os.sep}", *_dependencies(), "<"]
    python = tuple(
        f"{sysconfig.get_paths()[key]}{os.sep}" for key in ("stdlib", "platstdlib")
    )
    packages = {"site-packages", "dist-packages"}  # below the standard library
    return [
        frame
        for frame in frames
        if not frame.filename.startswith(tuple(ours))
        and (
            not frame.filename.startswith(python)
            or packages & set(Path(frame.filename).parts)
        )
    ]


def _dependencies() -> list[str]:
    """Folders and files of the imported packages that aerun requires, and they."""
    wanted, found = ["aerun"], set()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        with suppress(metadata.PackageNotFoundError):
            for text in metadata.requires(name) or []:
                match = re.match(r"[\w.-]+", text)
                if match is not None and "extra ==" not in text:
                    wanted.append(_normal(match[0]))
    places = []
    for module, owners in metadata.packages_distributions().items():
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is not None and found & {_normal(owner) for owner in owners}:
            single = Path(file).stem != "__init__"
            places.append(file if single else f"{Path(file).parent}{os.sep}")
    return places


def _normal(name: str) -> str:
    """A distribution's name as an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()
