"""How well codes of a k-sparse run are classified where more units are kept than in it.

``python more_units.py RUN [UNITS ...]``: an analysis that docs/targets.yaml names.
"""

import sys

import numpy as np
import torch

import aerun
from aerun.build import load_data
from aerun.data import Split
from aerun.evaluation.probes import Labelled, linear_probe
from aerun.evaluation.splits import collect
from aerun.models.bottlenecks import keep_largest


def main(arguments: list[str]) -> None:
    """Print the share of test examples that a linear classifier labels rightly."""
    run = aerun.load(arguments[0])
    data = load_data(run.config).to(torch.device("cpu"), torch.float32)

    def labelled(split: Split, units: int) -> Labelled:
        def code(x: torch.Tensor) -> torch.Tensor:
            return keep_largest(run.model.encoder(x)[1].flatten(1), torch.tensor(units))

        assert split.labels is not None
        rows = collect(code, split).astype(np.float64)
        return Labelled(rows=rows, labels=split.labels.numpy())

    for units in map(int, arguments[1:] or ["25", "50", "75"]):
        parts = (data.train, data.validation, data.test)
        right, _ = linear_probe(*(labelled(part, units) for part in parts))
        print(f"{units} units: {right.mean():.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
