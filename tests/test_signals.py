"""Signals at every instant of a step, and handlers that hold for a while."""

import dis
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from aerun.claims import claimed
from aerun.rundir import RunDirectory
from aerun.signals import STOPPING, handled, held_signals
from aerun.tasks.interruption import stop_signals


class Stopped(BaseException):
    """What the handler of these tests raises."""


def stop(signum: int, frame: FrameType | None) -> None:
    """Handle a signal as a command does."""
    raise Stopped


@pytest.fixture(autouse=True)
def stopping() -> Iterator[None]:
    """Both signals raise ``Stopped``."""
    assert threading.current_thread() is threading.main_thread()
    with handled(stop, *STOPPING):
        yield


def stopped_at(
    instant: int, step: Callable[[], object], signum: int = signal.SIGTERM
) -> bool:
    """Send a signal at one of the instants of a step; whether it has so many.

    Those are where Python looks for signals after a call, in a function of whatever
    module. It looks where a function begins, too; nothing can be done about a signal at
    the beginning of an ``__exit__``.
    """
    seen, last = 0, dict[int, str]()

    def look(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        frame.f_trace_opcodes = True
        if event == "call":
            last.pop(id(frame), None)
        if event == "opcode":
            called = last.get(id(frame), "").startswith("CALL")
            last[id(frame)] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            seen += called
            if called and seen == instant:
                signal.raise_signal(signum)
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        step()
    finally:
        sys.settrace(before)
    return seen >= instant


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("signum", STOPPING)
@pytest.mark.parametrize(
    ("there", "exact"),
    [([], False), (["runs/one"], False), (["runs"], True)],
    ids=["new", "taken", "exact"],
)
def test_a_signal_at_any_instant_leaves_no_empty_folder(
    tmp_path: Path, there: list[str], exact: bool, signum: int
) -> None:
    """From before the folder is made until its user has written the first file."""
    for name in there:
        (tmp_path / name).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    kept = []

    def enter() -> None:
        with claimed(tmp_path / "runs" / "one", exact=exact) as folder:
            RunDirectory(folder).write("deep/table.csv", b"1")
            sys.settrace(None)

    for instant in count(1):
        try:
            if not stopped_at(instant, enter, signum):
                break
        except Stopped as error:  # kept, as a command keeps what a signal has raised
            kept.append(error)
            assert [signal.getsignal(each) for each in STOPPING] == [stop, stop]
            found = set(tmp_path.rglob("*")) - set(before)
            if written := [path for path in found if path.name == "table.csv"]:
                shutil.rmtree(written[0].parents[1])
            else:
                assert not found, instant
        else:
            pytest.fail(f"nobody heard the signal at instant {instant}")
    assert len(kept) > 20
    assert len(sorted(tmp_path.rglob("*"))) > len(before)


def test_a_held_signal_is_handled_at_the_end() -> None:
    """What is begun is done first; an error within does not lose the signal."""
    done = []

    def step(signum: int, *, fails: bool) -> None:
        with held_signals():
            signal.raise_signal(signum)
            done.append(signum)
            assert not fails

    with pytest.raises(Stopped):
        step(signal.SIGTERM, fails=False)
    with pytest.raises(Stopped):
        step(signal.SIGINT, fails=True)
    assert done == [signal.SIGTERM, signal.SIGINT]


def test_two_held_signals_are_both_handled() -> None:
    """Though the handler of each raises."""
    heard = []

    def hear(signum: int, frame: FrameType | None) -> None:
        heard.append(signum)
        raise Stopped

    def step() -> None:
        with held_signals():
            for signum in STOPPING:
                signal.raise_signal(signum)

    with handled(hear, *STOPPING), pytest.raises(Stopped):
        step()
    assert sorted(heard) == sorted(STOPPING)


def test_a_wish_to_stop_hears_a_held_signal() -> None:
    """It goes to whoever handled it before."""
    with stop_signals() as wish, held_signals():
        signal.raise_signal(signal.SIGTERM)
        assert wish.signum is None
    assert wish.signum == signal.SIGTERM


def test_handlers_are_as_before() -> None:
    """After an error, too."""
    found = []

    def fails() -> None:
        with handled(signal.SIG_IGN, *STOPPING):
            found.append(signal.getsignal(signal.SIGTERM))
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    assert found == [signal.SIG_IGN]
    assert [signal.getsignal(signum) for signum in STOPPING] == [stop, stop]


def test_other_threads_change_no_handler() -> None:
    """They may not, and go on."""
    found = []

    def work() -> None:
        with handled(signal.SIG_IGN, *STOPPING), held_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [stop]
