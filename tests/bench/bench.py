"""``make bench``: our speed as ratios to others', and what is paid beside the steps.

Three nets are trained by all contenders in turn, each with one thread and with every
core; each is judged at its best number of threads. What is measured is printed and
written to outputs/bench/, as bench.json and bench.png.
"""

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import many
import once
import torch
from chart import draw_ratios
from contenders import BARE, OURS, PYTHAE, build_ours, contenders
from images import ROOT, Images, choose_images
from measure import Ratio, best, compared, interleave
from nets import NETS, Net
from rivals import HOW, pythae, python_with_pythae

from aerun.logs import set_up_console
from aerun.settling import candidates, num_cores


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    asked = _parser().parse_args(arguments)
    set_up_console(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        images = choose_images(folder, asked.images)
        result = {"machine": _machine(), "images": images.name, "settings": vars(asked)}
        python = python_with_pythae()
        if python is None:
            print(
                f"Without pythae, which is not installed. To compare with it:\n  {HOW}"
            )
        print(_in_words(result), flush=True)
        result["nets"] = {}
        for net in NETS:
            if net.name in asked.nets:
                found = _measured(asked, net, images, folder / net.name, python)
                result["nets"][net.name] = found
                print(_table(net.name, found), flush=True)
        if asked.startups > 0:
            result["start"] = once.start(folder, asked.startups)
            print(_start_as_text(result["start"]))
        if asked.sweeps > 0:
            found = many.measured(folder, asked.seeds, asked.sweeps)
            print(many.as_text(found))
            ratios = {name: asdict(found[name]) for name in ("steps", "command")}
            result["many"] = {**found, **ratios}
    asked.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, default=str)
    (asked.out / "bench.json").write_text(text + "\n")
    png = draw_ratios(result["nets"], caption=_in_words(result))
    (asked.out / "bench.png").write_bytes(png)
    print(f"Written: bench.json and bench.png in {asked.out}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    names = [net.name for net in NETS]
    add("--nets", nargs="+", choices=names, default=names, help="which nets")
    add("--threads", type=int, nargs="+", default=candidates(num_cores()))
    add("--seconds", type=float, default=0.5, help="that a turn takes, about")
    add("--repeats", type=int, default=7, help="turns of everyone, interleaved")
    add("--startups", type=int, default=3, help="times to start the command; 0: never")
    add("--sweeps", type=int, default=5, help="of small jobs, times; 0: never")
    add("--seeds", type=int, default=16, help="of a sweep, with four rates each")
    add("--images", type=int, default=None, help="train on at most so many")
    add("--compiled", action="store_true", help="the vae also in bfloat16, compiled")
    add("--out", type=Path, default=ROOT / "outputs/bench", help="folder to write to")
    return parser


def _measured(
    asked: argparse.Namespace,
    net: Net,
    images: Images,
    folder: Path,
    python: str | None,
) -> dict[str, Any]:
    """All about one net."""
    print(f"{net.name} ...", file=sys.stderr, flush=True)
    folder.mkdir()
    config, data, ours = build_ours(net, images.overrides, compiled=asked.compiled)
    with ExitStack() as stack:
        everyone = contenders(net, data, ours)
        runs: dict[str, Any] = {contender.name: contender.run for contender in everyone}
        if net.name == "vae" and python is not None:
            flat = data.train.stored.flatten(1)
            runs[PYTHAE] = stack.enter_context(pythae(python, net, flat, folder))
        speeds = interleave(
            runs, asked.threads, repeats=asked.repeats, seconds=asked.seconds
        )
    model = everyone[0].model
    assert model is not None
    found = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "batch_size": net.batch_size,
        "steps_per_epoch": -(-len(data.train) // net.batch_size),
        "threads": {name: best(own) for name, own in speeds.items()},
        "steps_per_second": {n: median(own[best(own)]) for n, own in speeds.items()},
        "ratios": {
            own: {name: asdict(r) for name, r in compared(speeds, own).items()}
            for own in ours
        },
        "seconds_beside": once.per_epoch(config, data, folder / "run", asked.repeats),
    }
    if asked.startups > 0:
        found["megabytes"] = once.memory(net, images.overrides, data, folder)
    return found


def _machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": num_cores(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    """The model's name; Linux keeps it in a file, others answer directly."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(named, platform.processor() or platform.machine())


def _in_words(result: Mapping[str, Any]) -> str:
    """The machine and the measurement."""
    machine, asked = result["machine"], result["settings"]
    cores, numbers = machine["cores"], asked["threads"]
    several = ", whichever is faster for it" * (len(numbers) > 1)
    return (
        f"{machine['processor']}, {cores} core{'s' * (cores > 1)} (load "
        f"{machine['load_before']:.1f} before); Python {machine['python']}, torch "
        f"{machine['torch']}\n{result['images']}; threads of each: "
        f"{' or '.join(map(str, numbers))}{several}; median, smallest and largest of "
        f"{asked['repeats']} interleaved repeats of {asked['seconds']:g} s"
    )


def _table(name: str, found: Mapping[str, Any]) -> str:
    """All about one net."""
    lines = [
        "",
        f"{name}: {found['parameters']:,} parameters, batches of {found['batch_size']}",
        f"  {'':<28}{'steps/s':>8} {'threads':>8}   {OURS} is faster by",
    ]
    for rival, speed in found["steps_per_second"].items():
        own = found["ratios"][OURS].get(rival)
        times = "" if own is None else str(Ratio(**own))
        line = f"  {rival:<28}{speed:>8.0f} {found['threads'][rival]:>8}   {times}"
        lines.append(line.rstrip())
    steps = found["steps_per_epoch"]
    epoch = steps / found["steps_per_second"][OURS]
    beside = ", ".join(f"{k} {v:.2f} s" for k, v in found["seconds_beside"].items())
    lines.append(f"  an epoch of {steps:,} steps {epoch:.2f} s; beside it: {beside}")
    if peak := found.get("megabytes"):
        more = peak[OURS] - peak[BARE]
        lines.append(
            f"  peak memory {peak[OURS]:.0f} MB, the bare loop's and {more:.0f}"
        )
    return "\n".join(lines)


def _start_as_text(start: Mapping[str, float]) -> str:
    unit, *rest = start.items()
    lines = [f"\nStart, in multiples of {unit[1]:.2f} s of import torch:"]
    lines += [f"  {name:<46}{times:6.2f}" for name, times in rest]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
