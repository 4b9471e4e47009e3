"""Commands in processes of their own, which start within a fraction of a second."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warm import READY

ROOT = str(Path(__file__).parents[1])


class Warm:
    """A process that has imported all, and forks for each command.

    What is started that way is the command, but for the seconds that importing takes:
    tests of starting itself have processes that are new.
    """

    def __init__(self, folder: Path, *, syncs: bool = False) -> None:
        """Start it.

        Args:
            folder: What commands print is kept there.
            syncs: Whether what is written waits for the disk, as users' files do.
        """
        self.folder, self.syncs, self._runs = folder, syncs, list[Run]()
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("warm.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=_environment(),
        )  # fmt: skip
        # A process that is forked has one thread, whatever the others held.
        assert self._answer() == {READY: 1}

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the warm process ended with {self._process.wait()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, **order: Any) -> Any:
        """Give an order; the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()["answer"]

    def start(
        self,
        *arguments: str,
        cwd: Path,
        apart: bool = False,
        pictures: bool = True,
        memory: int | None = None,
        clock: bool = False,
    ) -> "Run":
        """Begin a command, in a session of its own.

        Args:
            arguments: Of the command.
            cwd: Where.
            apart: Whether its two outputs are, or one as on a terminal.
            pictures: Whether it draws, for tests that look at some.
            memory: Bytes of addresses that it may have.
            clock: Whether the time of day jumps back and forth.
        """
        out = self.folder / f"{len(self._runs)}.out"
        err = out.with_suffix(".err") if apart else out
        process = self.ask(
            arguments=arguments, cwd=str(cwd), out=str(out), err=str(err),
            env=_environment(), pictures=pictures, memory=memory, clock=clock,
            syncs=self.syncs,
        )  # fmt: skip
        self._runs.append(Run(self, process, out, err))
        return self._runs[-1]

    def done(
        self,
        *arguments: str,
        cwd: Path,
        code: int = 0,
        seconds: float = 120,
        pictures: bool = True,
    ) -> str:
        """What a command prints that ends with an exit code, in so many seconds."""
        run = self.start(*arguments, cwd=cwd, pictures=pictures)
        assert run.wait(seconds) == code, run.said
        return run.said

    def close(self) -> None:
        """End it, and what tests that failed left behind."""
        for run in self._runs:  # of which this process may know nothing any more
            if run.code is None:
                with suppress(ProcessLookupError):
                    os.killpg(run.process, signal.SIGKILL)
        self._process.communicate(timeout=60)


def _environment() -> dict[str, str]:
    """That of whoever asks now, as a new process would see it."""
    path = os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@dataclass
class Run:
    """One command."""

    warm: Warm
    process: int
    out: Path
    err: Path
    code: int | None = None

    @property
    def said(self) -> str:
        """All that it printed so far; of two outputs, the first."""
        return self.out.read_text(errors="replace")

    @property
    def told(self) -> str:
        """The second of its outputs so far, where they are apart."""
        return self.err.read_text(errors="replace")

    def poll(self) -> int | None:
        """Its exit code; None while it goes on."""
        if self.code is None:
            self.code = self.warm.ask(process=self.process)
        return self.code

    def wait(self, seconds: float = 120) -> int:
        """Its exit code, when it ended."""
        until, pause = time.monotonic() + seconds, 0.003
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                os.killpg(self.process, signal.SIGKILL)
                raise AssertionError(f"it goes on for ever: {self.said} {self.told}")
            time.sleep(pause)
            pause = min(1.1 * pause, 0.05)
        return code

    def send(self, signum: int, *, to_all: bool = False) -> bool:
        """Send a signal, unless it has ended; whether it was.

        Args:
            signum: Of the signal.
            to_all: Whether to those that it started too, as a terminal does.
        """
        if self.poll() is not None:
            return False
        (os.killpg if to_all else os.kill)(self.process, signum)
        return True

    def until(self, path: Path, seconds: float = 120) -> None:
        """Wait until a file is there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            alive = self.poll() is None
            for _ in range(20):  # asking takes longer than looking
                if path.exists():
                    return
                time.sleep(0.002)
            assert alive, self.said + self.told
        raise AssertionError(f"{path} does not come")
