"""What ``torchrun`` starts in tests: models trained together, and each alone."""

import json
import sys
from pathlib import Path

import torch
from making import compose

from aerun.build import build, load_data
from aerun.launched import is_first
from aerun.ranks import Ranks, current, together
from aerun.resolving import resolve
from aerun.training.state import weights_of

SHORT = ("trainer.epochs=1", "trainer.threads=1", "trainer.batch_size=64", "device=cpu")


def trained(request: list[str], ranks: Ranks | None) -> list[torch.Tensor]:
    """All weights after an epoch of digits, whose last batch is a small one."""
    config = compose(*SHORT, *request)
    data = load_data(config)
    built = build(resolve(config, data.spec), data, ranks=ranks)
    for _ in built.training:
        pass
    return [w.clone() for w in weights_of(built.objective).values()]


def difference(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float:
    """The largest, as a share of the tensor's largest weight where that is > 1."""
    found = []
    for mine, other in zip(ours, theirs, strict=True):
        size = other.abs().max().clamp(min=1)
        found.append(float((mine - other).abs().max() / size))
    return max(found)


def main(requests: list[str], out: Path) -> None:
    """Write by request how far the weights are from those of a process alone."""
    with together("cpu"):
        ranks = current()
        assert ranks is not None
        found = {}
        for request in requests:
            ours = trained(request.split(), ranks)
            found[request] = [difference(ours, trained(request.split(), None))]
            # What another process holds are the same bits.
            others = [w.clone() for w in ours]
            ranks.spread(others)
            same = ranks.total([torch.tensor(float(difference(ours, others) > 0))])
            found[request].append(float(same[0]))
        if is_first():
            out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[2:], Path(sys.argv[1]))
