"""The first steps of every experiment on digits, as numbers; ``make golden`` rewrites.

A refactor must not change them; a change of the maths does, and is then explained.
"""

import json
from pathlib import Path

import torch
from making import CONF, make

from aerun.training.events import StepEnded

FOLDER = Path(__file__).parent / "golden"
STEPS = 20


def experiments() -> list[str]:
    """Every experiment under conf/, by the name one types."""
    root = CONF / "experiment"
    return sorted(
        str(path.relative_to(root).with_suffix("")) for path in root.rglob("*.yaml")
    )


def curve(experiment: str) -> dict[str, list[float]]:
    """Each column of the first 20 steps (or of all, if fewer) on digits."""
    torch.set_num_threads(1)
    _, built = make(f"experiment={experiment}", "dataset=digits", "device=cpu")
    training = built.training
    rows: list[list[float]] = []
    for event in training:
        if isinstance(event, StepEnded):
            training.flush()
            rows.append(training.position.rows[-1][1:])
            if len(rows) == STEPS:
                break
    columns = zip(*rows, strict=True)
    return dict(zip(training.columns, map(list, columns), strict=True))


def path_of(experiment: str) -> Path:
    """Where an experiment's curve is kept."""
    return FOLDER / f"{experiment.replace('/', '_')}.json"


def main() -> None:
    """Write all curves anew."""
    FOLDER.mkdir(exist_ok=True)
    for experiment in experiments():
        text = json.dumps(curve(experiment), indent=1)
        path_of(experiment).write_text(text + "\n")


if __name__ == "__main__":
    main()
