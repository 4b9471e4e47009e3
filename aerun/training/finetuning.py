"""Training a classifier on few labelled examples, and judging it on many."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from aerun.data.mapped import block_slices
from aerun.data.splits import Examples
from aerun.models.classifier import Classifier

_KEPT = 2**30  # bytes of inputs that are kept in memory; more are made when asked for
_BATCH = 1000  # examples at a time, where none is trained on


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a classifier is trained: by Adam, with weight decay apart from the rate."""

    steps: int
    """At most."""
    stop_below: float
    """Mean cross-entropy over a pass through the examples at which it stops, nats."""
    batch_size: int
    lr: float
    weight_decay: float


class Inputs:
    """What a classifier's fixed levels make of some examples of a split."""

    def __init__(
        self, classifier: Classifier, split: Examples, chosen: Tensor | None = None
    ) -> None:
        """Compute them once, where they fit into memory.

        Args:
            classifier: Its fixed levels do not change any more.
            split: Examples.
            chosen: Places of those wanted, [N]; None: all.
        """
        self.classifier, self.split = classifier, split
        self.chosen = torch.arange(len(split)) if chosen is None else chosen
        first = self._made(slice(1))
        self.shape = tuple(first.shape[1:])
        self._kept: Tensor | None = None
        if first.numel() * first.element_size() * len(self.chosen) <= _KEPT:
            parts = block_slices(len(self.chosen), split.shape, 4, most=_BATCH)
            self._kept = torch.cat([self._made(part) for part in parts])

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.chosen)

    def gather(self, places: Tensor | slice) -> Tensor:
        """Inputs [B, ...] of the classifier."""
        if self._kept is None:
            return self._made(places)
        return self._kept[places]

    def _made(self, places: Tensor | slice) -> Tensor:
        return self.classifier.below(self.split.gather(self.chosen[places]))


def fit(
    classifier: Classifier,
    inputs: Inputs,
    targets: Tensor,
    recipe: Recipe,
    *,
    seed: int,
    advance: Callable[[int], object],
) -> int:
    """Fit until the training loss is small, or the steps are used up.

    No example is held out to decide when: of few labels every one is needed, and the
    rule is the same whatever the weights were before.

    Args:
        classifier: Its ``learning`` parameters are changed.
        inputs: Of the labelled examples.
        targets: Their classes, [N], on the device of the inputs.
        recipe: How.
        seed: Of the order of batches, from a generator of its own, and of the noise of
            layers such as dropout, if there are any.
        advance: Told how many steps of ``recipe.steps`` are done or left out.

    Returns:
        Number of steps.
    """
    optimizer = torch.optim.AdamW(
        classifier.learning, lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    generator = torch.Generator().manual_seed(seed)
    number, step = len(inputs), 0
    classifier.train()
    with _seeded(seed, targets.device):
        while step < recipe.steps:
            total = torch.zeros((), device=targets.device)
            left = recipe.steps - step
            order = torch.randperm(number, generator=generator)
            for chosen in order.split(recipe.batch_size)[:left]:
                logits = classifier(inputs.gather(chosen))
                loss = functional.cross_entropy(logits, targets[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(chosen)
                step += 1
                advance(1)
            if float(total) / number < recipe.stop_below:
                break
    advance(recipe.steps - step)
    classifier.eval()
    return step


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within, PyTorch's own draws come from a seed; its generators are left alone."""
    elsewhere = device.type != "cpu"
    kind = device.type if elsewhere else "cuda"  # of no device then
    with torch.random.fork_rng([device] if elsewhere else [], device_type=kind):
        torch.default_generator.manual_seed(seed)
        if elsewhere:
            state = torch.Generator(device).manual_seed(seed).get_state()
            torch.get_device_module(device).set_rng_state(state, device)
        yield


@torch.no_grad()
def error_rate(classifier: Classifier, inputs: Inputs, targets: Tensor) -> float:
    """Share of examples that are labelled wrongly.

    Args:
        classifier: Switched to evaluation here.
        inputs: Of all examples.
        targets: Their classes, [N]; of one that no output stands for, -1.
    """
    classifier.eval()
    wrong = 0
    for part in block_slices(len(inputs), inputs.shape, 4, most=_BATCH):
        found = classifier(inputs.gather(part)).argmax(1)
        wrong += int((found != targets[part]).sum())
    return wrong / len(inputs)
