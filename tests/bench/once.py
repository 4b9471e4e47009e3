"""What is paid once per process, per run or per epoch: start, memory, record."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contenders import BARE, OURS, bare_steps
from nets import NETS, Net
from startup import peak_memory, time_of, time_to_first_step

from aerun.build import build
from aerun.data import Data
from aerun.evaluation.splits import evaluate
from aerun.rundir import RunDirectory
from aerun.settling import threads
from aerun.tasks.interruption import Wish
from aerun.tasks.recorder import Recorder
from aerun.tasks.train import finish

_STEPS = 300  # of the bare loop whose memory is measured


def start(folder: Path, repeats: int) -> dict[str, float]:
    """Times of processes, as multiples of ``python -c "import torch"``."""
    unit = time_of(["-c", "import torch"], repeats)
    on_digits = ["dataset=digits", "device=cpu", "trainer.threads=1"]
    return {
        "seconds of import torch": unit,
        "aerun --help": time_of(["-m", "aerun", "--help"], repeats) / unit,
        "from the command to its first step on digits": (
            time_to_first_step(on_digits, folder, repeats) / unit
        ),
    }


def memory(
    net: Net, request: Sequence[str], data: Data, folder: Path
) -> dict[str, float]:
    """Megabytes of a whole short run, pictures and page included; of a bare loop."""
    images = data.train.stored
    assert isinstance(images, torch.Tensor)
    path = folder / "bare.npy"
    np.save(path, images.flatten(1).numpy())
    run = [
        "trainer.epochs=1",
        "trainer.threads=1",
        f"hydra.run.dir='{folder / 'memory'}'",
    ]
    return {
        BARE: peak_memory([__file__, net.name, str(path)]),
        OURS: peak_memory(["-m", "aerun", *net.request, *request, *run]),
    }


def per_epoch(
    config: dict[str, Any], data: Data, folder: Path, repeats: int
) -> dict[str, float]:
    """Seconds of what happens beside the steps: at ends of epochs, and of the run."""
    folder.mkdir()
    trainer = {**config["trainer"], "epochs": 1, "max_steps": 1, "threads": 1}
    config = {**config, "trainer": trainer}
    with threads(1):
        recorder = Recorder(config, build(config, data), RunDirectory(folder))
        recorder.run(lambda: False)
        training, split = recorder.training, data.validation
        values = training.knob_values()
        timed = {
            "metrics": lambda: evaluate(recorder.objective, split, values, seed=0),
            "checkpoint": recorder.save,
            "picture": lambda: recorder.pictures.reconstructions("epoch_0001"),
        }
        found = {name: _median(call, repeats) for name, call in timed.items()}
        found["end of the run"] = _median(lambda: finish(config, recorder, Wish()), 1)
    return found


def _median(call: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[len(seconds) // 2]


if __name__ == "__main__":  # the bare loop, for its memory
    torch.set_num_threads(1)
    (chosen,) = [net for net in NETS if net.name == sys.argv[1]]
    steps = bare_steps(chosen.bare(), chosen, torch.from_numpy(np.load(sys.argv[2])))
    for _ in range(_STEPS):
        next(steps)
