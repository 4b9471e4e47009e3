"""Sweeps in a process of their own, under any launcher, and what they leave."""

import json
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from commanding import Run, Warm

_EXTRAS = {"joblib": "joblib", "submitit_local": "submitit", "ray": "ray"}


def case(launcher: str, *more: str) -> Any:
    """Values of a test, which is skipped where the launcher's engine is absent."""
    extra = _EXTRAS[launcher]
    reason = f"needs pip install 'aerun[{extra}]'"
    absent = pytest.mark.skipif(find_spec(extra) is None, reason=reason)
    return pytest.param(launcher, *more, marks=absent, id="-".join([launcher, *more]))


TWO = {
    "joblib": "hydra.launcher.n_jobs=2",
    "submitit_local": "hydra.launcher.n_jobs=2",
    "ray": "hydra.launcher.init={num_cpus: 2}",
}
"""Has a launcher work at two jobs at a time, however many cores there are."""

PARALLEL = [case(launcher) for launcher in _EXTRAS]
"""Launchers with processes of their own."""

SMALL = ("trainer.epochs=2", "trainer.preview_every=0", "dataset.limit=100",
         "model.hidden=[16]")  # fmt: skip

MINE = '''
"""A regularizer whose runs fail, die or wait, once they train."""
import os, signal, time, pathlib

def moody(out, model, *, mood: str):
    if len(out.code) > 2:
        if mood == "sad":
            raise ValueError("no reason to live")
        if mood == "dead":
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "slow" and not pathlib.Path("hurry").exists():
            pathlib.Path(f"{os.getpid()}.slow").touch()
            time.sleep(0.2)
    return out.code.square().flatten(1).sum(1)
'''
OPTION = """
moody:
  _target_: mine.moody
  weight: 0.1
  mood: good
"""


def own_part(folder: Path) -> list[str]:
    """Leave a part of the user's own in a folder; what chooses it there."""
    (folder / "own/regularizer").mkdir(parents=True)
    (folder / "own/regularizer/moody.yaml").write_text(OPTION)
    (folder / "mine.py").write_text(MINE)
    return ["--config-dir", "own", "regularizer=[moody]"]


def swept(warm: Warm, folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code and both outputs of a sweep in a folder."""
    run = warm.start(*arguments, cwd=folder, apart=True)
    return run.wait(300), run.said, run.told


def stop(run: Run, how: str) -> None:
    """End a sweep by Ctrl-C, which it tells how to go on after, or by kill -9."""
    if how == "Ctrl-C":
        run.send(signal.SIGINT, to_all=True)
        assert run.wait(60) == 130, run.told
        assert "Continue with: aerun task=resume" in run.told
        return
    run.send(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL


def is_alive(pid: str) -> bool:
    """Whether a process does more than wait to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def states(sweep: Path) -> list[str]:
    """Of its jobs, by number."""
    jobs = json.loads((sweep / "manifest.json").read_text())["jobs"]
    return [job["state"] for job in jobs]


def rows(sweep: Path) -> bytes:
    """The rows of summary.csv as they are, without the times, its last column."""
    lines = (sweep / "summary.csv").read_bytes().splitlines(keepends=True)
    assert lines[0].endswith(b",seconds\n")
    return b"\n".join(line.rpartition(b",")[0] for line in lines)


def results(sweep: Path) -> dict[str, Any]:
    """Of each job every figure: its whole metrics.csv and its summary's metrics."""
    return {
        path.parent.name: (
            (path.parent / "metrics.csv").read_bytes(),
            json.loads(path.read_text())["metrics"],
        )
        for path in sorted(sweep.glob("*/summary.json"))
    }
