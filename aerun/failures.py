"""How the command tells what went wrong, in one message or with its traceback."""

import sys
import sysconfig
import traceback
from pathlib import Path

from aerun.logs import print_error, was_traced


def tell(error: BaseException, *, verbose: bool) -> None:
    """Print the message of an error that a user may meet.

    Args:
        error: Its text is the message.
        verbose: Whether to print the full traceback above, if nothing has yet.
    """
    if verbose and not was_traced(error):
        traceback.print_exception(error)
    print_error(str(error))


def tell_bug(error: Exception, *, verbose: bool) -> None:
    """Print the traceback; of a bug in a user's own file the frames of that file only.

    Args:
        error: Anything that was not foreseen.
        verbose: Whether to print all frames in any case.
    """
    ours = str(Path(__file__).parent)
    installed = tuple(
        sysconfig.get_paths()[k] for k in ("stdlib", "purelib", "platlib")
    )
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not f.filename.startswith((ours, *installed, "<"))]
    if verbose and was_traced(error):
        return
    if verbose or (not theirs and not isinstance(error, SyntaxError)):
        traceback.print_exception(error)
        return
    lines = ["Traceback (your own file):\n", *traceback.format_list(theirs)]
    lines += traceback.format_exception_only(error)
    sys.stderr.write("".join(lines))
