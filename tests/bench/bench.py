"""``make bench``: our speed as ratios to a bare loop and to the lecture's script.

All train the lecture's net on the same images in this one process. What is measured is
printed and written to outputs/bench/, as bench.json and bench.png.
"""

import argparse
import json
import logging
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from chart import draw_ratios
from contenders import (
    BARE,
    BATCH_SIZE,
    LOOP,
    REQUEST,
    SCRIPT,
    WHOLE,
    WIDTHS,
    WholeRuns,
    contenders,
    prepare,
)
from images import ROOT, Images, choose_images
from measure import Ratio, interleave, summarise
from startup import time_of_import, time_to_first_step

from aerun.logs import set_up_console
from aerun.settling import threads

RIVALS = [BARE, SCRIPT]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    asked = _parser().parse_args(arguments)
    set_up_console(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, threads(asked.threads):
        folder = Path(scratch)
        images = choose_images(folder, asked.images)
        result = _measure(asked, images, folder)
    print(_as_text(result))
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    caption = f"{_machine_in_words(result['machine'])}\n{_settings_in_words(result)}"
    png = draw_ratios(result["speeds"], [LOOP, WHOLE], RIVALS, caption=caption)
    (asked.out / "bench.png").write_bytes(png)
    print(f"Written: bench.json and bench.png in {asked.out}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--threads", type=int, default=1, help="CPU threads of PyTorch")
    add("--steps", type=int, default=300, help="per repeat; of the script a third")
    add("--repeats", type=int, default=7, help="of everything, interleaved")
    add("--startups", type=int, default=3, help="times to start the command; 0: never")
    add("--images", type=int, default=None, help="train on at most so many")
    add("--out", type=Path, default=ROOT / "outputs/bench", help="folder to write to")
    return parser


def _measure(asked: argparse.Namespace, images: Images, folder: Path) -> dict[str, Any]:
    request = [*images.overrides, f"trainer.threads={asked.threads}"]
    config, data = prepare([*request, "trainer.epochs=1000000"])
    everyone, whole = contenders(config, data, folder)
    epoch = -(-len(data.train) // BATCH_SIZE)
    steps = {
        LOOP: asked.steps,
        WHOLE: epoch,
        BARE: asked.steps,
        SCRIPT: max(asked.steps // 3, 1),
    }
    runs = {contender.name: contender.run for contender in everyone}
    for run in runs.values():  # first calls import, allocate and fill caches
        run(min(20, asked.steps))
    machine = _machine(asked.threads)
    speeds = interleave(runs, steps, asked.repeats)
    model = everyone[0].model
    assert model is not None
    return {
        "machine": machine,
        "images": images.name,
        "num_images": len(data.train),
        "num_parameters": sum(p.numel() for p in model.parameters()),
        "batch_size": BATCH_SIZE,
        "repeats": asked.repeats,
        "steps_per_repeat": steps,
        "speeds": summarise(speeds, RIVALS),
        "seconds": _seconds(asked, request, whole, folder),
    }


def _seconds(
    asked: argparse.Namespace, request: Sequence[str], whole: WholeRuns, folder: Path
) -> dict[str, float]:
    """What is paid once per run, as information."""
    began = time.perf_counter()
    whole.finish()
    found = {"final figures and pictures": time.perf_counter() - began}
    if asked.startups > 0:
        command = [*REQUEST, *request]
        found |= {
            "from the command to its first step": time_to_first_step(
                command, folder, asked.startups
            ),
            "a process that only imports torch": time_of_import(
                "torch", asked.startups
            ),
        }
    return {name: round(seconds, 3) for name, seconds in found.items()}


def _machine(num_threads: int) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": num_threads,
    }


def _processor() -> str:
    """The model's name; Linux keeps it in a file, others answer directly."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(named, platform.processor() or platform.machine())


def _machine_in_words(machine: Mapping[str, Any]) -> str:
    number = machine["threads"]
    return (
        f"{machine['processor']}, {machine['cores']} cores (load "
        f"{machine['load_before']:.1f} before); Python {machine['python']}, "
        f"torch {machine['torch']}, {number} thread{'s' * (number > 1)}"
    )


def _settings_in_words(result: Mapping[str, Any]) -> str:
    steps = result["steps_per_repeat"]
    return (
        f"median, smallest and largest of {result['repeats']} interleaved repeats of "
        f"{steps[LOOP]} steps (script {steps[SCRIPT]}, everything {steps[WHOLE]})"
    )


def _as_text(result: Mapping[str, Any]) -> str:
    """The table, with what it was measured on above it."""
    net = "-".join(str(width) for width in WIDTHS)
    lines = [
        _machine_in_words(result["machine"]),
        f"{net} and back, {result['num_parameters']:,} parameters",
        f"batches of {result['batch_size']} of {result['num_images']:,} images: "
        f"{result['images']}",
        _settings_in_words(result),
        "",
        f"{'':<28}{'steps/s':>8}" + "".join(f"{'/ ' + r:>24}" for r in RIVALS),
    ]
    for name, found in result["speeds"].items():
        cells = [
            str(Ratio(**found["ratios"][rival])) if rival != name else "1"
            for rival in RIVALS
        ]
        speed = f"{found['steps_per_second']:>8.0f}"
        lines.append(f"{name:<28}{speed}" + "".join(f"{cell:>24}" for cell in cells))
    lines += ["", "Once per run, in seconds:"]
    lines += [f"  {name:<36}{value:6.2f}" for name, value in result["seconds"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
