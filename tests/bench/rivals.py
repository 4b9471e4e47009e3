"""pythae in a process of its own, if it was installed for that."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from nets import LR, Net
from torch import Tensor

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / ".venv-pythae"
HOW = (
    f"python -m venv {PLACE.name} && {PLACE.name}/bin/pip install pythae==0.1.2 "
    "(or name the Python of another environment in $AERUN_PYTHAE)"
)


def python_with_pythae() -> str | None:
    """A Python that has it; None where there is none."""
    python = os.environ.get("AERUN_PYTHAE", str(PLACE / "bin/python"))
    if not Path(python).is_file():
        return None
    command = [python, "-c", "import pythae.models"]
    done = subprocess.run(command, capture_output=True, check=False)
    return python if done.returncode == 0 else None


@contextmanager
def pythae(
    python: str, net: Net, images: Tensor, folder: Path
) -> Iterator[Callable[[int], float]]:
    """Within, a function that makes so many steps and gives their seconds.

    Args:
        python: With pythae.
        net: Gives the size of batches.
        images: uint8, [N, 784].
        folder: Where they are written for the other process.
    """
    path = folder / "images.npy"
    np.save(path, images.numpy())
    command = [python, str(HERE / "pythae_worker.py"), str(path)]
    command += [str(net.batch_size), str(LR)]
    with (
        open(folder / "pythae.log", "w") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            text=True, cwd=folder,
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        limit = threading.Timer(600, process.kill)
        limit.start()

        def answer() -> str:
            line = stdout.readline()
            if not line:
                raise RuntimeError((folder / "pythae.log").read_text())
            return line

        def run(steps: int) -> float:
            stdin.write(f"{torch.get_num_threads()} {steps}\n")
            stdin.flush()
            return float(answer())

        try:
            answer()
            yield run
        finally:
            limit.cancel()
            stdin.close()
