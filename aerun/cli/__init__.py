"""The entry point: flags, exit codes, signals. Imports nothing heavy before it must."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aerun.argv import config_dir_of, console_level, given, split_flags
from aerun.errors import AerunError, Interrupted, Terminated
from aerun.launched import is_first
from aerun.signals import STOPPING

_noted: list[BaseException] = []
"""What signals outside a training have raised."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line; its exit code.

    Returns:
        0 done, 1 a run failed, 2 a bad request, 130 Ctrl-C, 143 SIGTERM.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(arguments)
    except BrokenPipeError:  # of what is only printed: aerun --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, Terminated) as stop:
        from aerun.logs import print_error

        if is_first():
            print_error(str(stop) or "interrupted")
        return stop.exit_code if isinstance(stop, Terminated) else 130


def _dispatch(arguments: list[str]) -> int:
    if "--version" in arguments:
        from aerun import __version__

        print(f"aerun {__version__}")
        return 0
    from aerun.argv import VERBOSE_FLAGS
    from aerun.failures import tell, tell_bug

    verbose = given(arguments, *VERBOSE_FLAGS) is not None
    try:
        _carry_out(*split_flags(arguments))
    except (AerunError, Interrupted) as error:
        tell(error, verbose=verbose)
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:
        if _noted:  # a signal in the middle of an import comes out as anything
            raise _noted[-1] from error
        tell_bug(error, verbose=verbose)
        return 1
    return 0


def _carry_out(flags: Sequence[str], overrides: Sequence[str]) -> None:
    """Answer what only asks for an answer; else run, and in quiet print only where."""
    import logging
    from contextlib import nullcontext, redirect_stdout

    from aerun.cli.requests import request
    from aerun.config.answers import answer
    from aerun.logs import set_up_console, visible

    level = console_level(flags) if is_first() else logging.CRITICAL
    set_up_console(level)
    if (text := answer(flags, overrides)) is not None:
        if text:
            print(text)
        return
    multirun = given(flags, "-m", "--multirun") is not None
    quiet = level > logging.INFO
    # Whatever a user's own part prints must not be taken for the directory.
    with redirect_stdout(sys.stderr) if quiet else nullcontext():
        outcome = request(overrides, multirun=multirun, config_dir=config_dir_of(flags))
    if isinstance(outcome, Path):
        if quiet and is_first():
            print(outcome.absolute())
        return
    said, between = iter(outcome or ()), ""
    while True:
        with redirect_stdout(sys.stderr) if quiet else nullcontext():
            section = next(said, None)
        if section is None:
            return
        print(visible(f"{between}{section}"), flush=True)
        between = "\n"


def console() -> int:
    """The ``aerun`` script: ``main``, and no interruption while Python shuts down."""
    from types import FrameType

    def note(signum: int, frame: FrameType | None) -> None:
        stop = Terminated() if signum == signal.SIGTERM else KeyboardInterrupt()
        _noted.append(stop)
        raise stop

    for signum in STOPPING:
        signal.signal(signum, note)
    code = main()
    for signum in STOPPING:
        signal.signal(signum, signal.SIG_IGN)
    return code


if __name__ == "__main__":
    sys.exit(console())
