"""Training layer by layer, in the two ways of the lecture.

Both train one shallow autoencoder per level, encoder level l with the decoder level
that inverts it, on what the levels below make of the data; these stay as they are. They
differ in where those codes come from, and so only in speed.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from aerun.data.splits import Examples
from aerun.features import LEVELS, UNIT_CODE, UNIT_DATA, Feature, declares, features
from aerun.losses import mse
from aerun.models.autoencoder import Autoencoder
from aerun.models.bottlenecks import Plain
from aerun.models.levels import Backward, Encoder
from aerun.objective import Objective
from aerun.options import Natural
from aerun.training.phases import Phase, TrainerOptions, default, updates

_CACHED = 2**30  # bytes of codes that are kept in memory; more are made when asked for
_BATCH = 1000  # examples encoded at a time


@declares(needs=frozenset({LEVELS}))
def greedy(
    objective: Objective,
    split: Examples,
    options: TrainerOptions,
    *,
    finetune_epochs: Natural,
) -> Iterator[Phase]:
    """Train a shallow autoencoder per level on the cached codes of the level below.

    Args:
        objective: Of the whole stack, whose levels are trained in place.
        split: The training part.
        options: Shared options; ``epochs`` are those of each level.
        finetune_epochs: Of all levels together, after the last.

    Yields:
        ``level_1``, ``level_2``, ..., and ``finetune``.

    References:
        Bengio et al., "Greedy layer-wise training of deep networks" (2006).
    """
    yield from _by_level(objective, split, options, finetune_epochs, cached=True)


@declares(needs=frozenset({LEVELS}))
def phased(
    objective: Objective,
    split: Examples,
    options: TrainerOptions,
    *,
    finetune_epochs: Natural,
) -> Iterator[Phase]:
    """Train one level of the whole stack after the other, the levels below frozen.

    Args:
        objective: Of the whole stack.
        split: The training part.
        options: Shared options; ``epochs`` are those of each level.
        finetune_epochs: Of all levels together, after the last.

    Yields:
        ``level_1``, ``level_2``, ..., and ``finetune``.
    """
    yield from _by_level(objective, split, options, finetune_epochs, cached=False)


class Codes:
    """What frozen levels make of examples: kept in memory, or made when asked for."""

    def __init__(self, examples: Examples, below: nn.Module) -> None:
        """Encode examples with levels that do not change any more."""
        self.examples, self.below = examples, below
        self.labels, self.device = examples.labels, examples.device
        self.shape = tuple(below.levels[-1].output_shape)  # type: ignore[union-attr, index]
        size = len(examples) * math.prod(self.shape) * 4
        self._kept: Tensor | None = None
        self._keeps = size <= _CACHED

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.examples)

    @property
    def is_streamed(self) -> bool:
        """Whether a batch is: not here, the levels below serve one thread only."""
        return False

    @torch.no_grad()
    def gather(self, indices: Tensor | slice) -> Tensor:
        """Codes [B, *shape] at ``indices`` [B]."""
        if not self._keeps:
            return self._encode(indices)
        if self._kept is None:  # not before the levels below have their weights
            parts = [
                self._encode(slice(start, start + _BATCH))
                for start in range(0, len(self), _BATCH)
            ]
            self._kept = torch.cat(parts)
        return self._kept[indices]

    def _encode(self, indices: Tensor | slice) -> Tensor:
        codes: Tensor = self.below(self.examples.gather(indices))
        return codes


class _Below(nn.Module):
    """The levels below one, as they are."""

    def __init__(self, levels: list[nn.Module]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)

    def forward(self, x: Tensor) -> Tensor:
        self.eval()  # what they have seen is settled too
        for level in self.levels:
            x = level(x)
        return x


def _levels(objective: Objective) -> list[nn.Module]:
    model = objective.model
    assert isinstance(model, Autoencoder), "the check asks for levels"
    return list(model.encoder.levels)


def _stack(objective: Objective, level: int) -> nn.Module | None:
    below = _levels(objective)[:level]
    return _Below(below) if below else None


def _truncated(objective: Objective, level: int, *, first: int) -> Autoencoder:
    """Levels ``first`` to ``level`` as an autoencoder of their own, sharing them."""
    model = objective.model
    assert isinstance(model, Autoencoder)
    levels = model.encoder.levels
    top = level == len(levels) - 1
    part = Autoencoder(
        encoder=Encoder(list(levels[first : level + 1])),
        bottleneck=model.bottleneck if top else Plain(),
        decoder=Backward(list(model.decoder.levels[first : level + 1])),
        prior=model.prior,
        output_activation="none",
    )
    if first == 0:
        part.output_activation = model.output_activation
    part.resting = model.resting
    return part


def _shallow(objective: Objective, level: int, *, below: nn.Module | None) -> Objective:
    """The objective of one level: its input's reconstruction, and the regularizers.

    The outermost level has the loss of the whole; deeper ones compare codes by their
    squared error. A regularizer that needs more of the code than a level gives is left
    to the innermost one, a corruption that needs data in [0, 1] to the outermost where
    codes are not.
    """
    top = level == len(_levels(objective)) - 1
    terms: dict[str, Any] = {
        # One that remembers batches has those of each level by themselves; one of
        # inputs has only this level.
        name: part.call
        if top or hasattr(part.call, "input_shape")
        else deepcopy(part.call)
        for name, part in objective.regularizers.items()
        if _applies(part.call, _levels(objective)[level], top=top)
    }
    corruption = objective.corruption
    if corruption is not None and level > 0:
        below_it = _levels(objective)[level - 1]
        if not features(corruption.call, "needs", {}) <= _range_of(below_it):
            corruption = None
    return Objective(
        model=_truncated(objective, level, first=level),
        loss=objective.loss.call if level == 0 else mse,
        reduction=objective.reduction,
        regularizers=terms,
        corruption=None if corruption is None else corruption.call,
        autocast=objective.autocast,
        below=below,
        binarize=objective.binarize and level == 0,
    )


def _applies(term: Any, level: Any, *, top: bool) -> bool:
    """Whether a regularizer of inputs and codes is one of this level's too."""
    size, shape = getattr(term, "code_size", None), getattr(term, "input_shape", None)
    if shape is not None:  # what it needs of the data has been checked
        return shape == tuple(level.input_shape)
    fits = size is None or size == math.prod(level.output_shape)
    return top or (fits and features(term, "needs", {}) <= _range_of(level))


def _range_of(level: Any) -> frozenset[Feature]:
    """What is known of the codes that a level gives."""
    sigmoid = isinstance(level.activation, nn.Sigmoid)
    return frozenset({UNIT_CODE, UNIT_DATA}) if sigmoid else frozenset()


def _by_level(
    objective: Objective,
    split: Examples,
    options: TrainerOptions,
    finetune_epochs: int,
    *,
    cached: bool,
) -> Iterator[Phase]:
    """A phase per level, then all together; codes are cached, or made in each step."""
    last = len(_levels(objective)) - 1
    for level in range(last + 1):
        below = _stack(objective, level)

        def view(part: Examples, below: nn.Module | None = below) -> Examples:
            return Codes(part, below) if cached and below is not None else part

        shallow = _shallow(objective, level, below=None if cached else below)
        own = dict(shallow.model.named_parameters(prefix="model"))
        own |= dict(shallow.loss.named_parameters(prefix="loss"))
        for name, part in shallow.opponents.items():
            own |= dict(part.named_parameters(prefix=f"regularizers.{name}"))
        yield Phase(
            name=f"level_{level + 1}",
            objective=shallow,
            split=view(split),
            epochs=options.epochs,
            updates=updates(shallow, own, options),
            view=view,
            more=level < last or finetune_epochs > 0,
            shown=_truncated(objective, level, first=0),
        )
    if finetune_epochs > 0:
        for phase in default(objective, split, options):
            yield replace(phase, name="finetune", epochs=finetune_epochs)
