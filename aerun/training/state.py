"""All that continuing a training needs, as tensors and plain values."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from aerun.training.loop import Training
from aerun.training.position import Position

Tensors = dict[str, Tensor]
Values = dict[str, Any]


def weights_of(module: torch.nn.Module) -> Tensors:
    """Parameters and buffers by name; a tensor used in two places appears once."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach() for name, tensor in named}


def snapshot(module: torch.nn.Module) -> Tensors:
    """The same as copies, which training does not move."""
    return {name: tensor.clone() for name, tensor in weights_of(module).items()}


def weights_beside(module: torch.nn.Module, root: torch.nn.Module) -> Tensors:
    """Those weights of a module that are not also another's."""
    if module is root:
        return weights_of(module)
    theirs = {tensor.data_ptr() for tensor in weights_of(root).values()}
    return {n: t for n, t in weights_of(module).items() if t.data_ptr() not in theirs}


def load_weights(module: torch.nn.Module, weights: Tensors) -> None:
    """Copy weights into a module in place, so that shared tensors stay shared.

    Raises:
        ValueError: Names or shapes differ.
    """
    _fill(weights_of(module), weights)


@torch.no_grad()
def _fill(own: Tensors, weights: Tensors) -> None:
    if missing := sorted(own.keys() ^ weights.keys()):
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise ValueError(f"the weights do not fit the model: {some}")
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            raise ValueError(
                f"the weights do not fit the model: {name} is "
                f"{list(weights[name].shape)}, the model has {list(tensor.shape)}"
            )
        tensor.copy_(weights[name])


def with_prefix(prefix: str, tensors: Tensors) -> Tensors:
    """Those tensors whose name starts so, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def capture(training: Training) -> tuple[Tensors, Values]:
    """The state between two steps.

    Returns:
        Tensors (weights, averaged weights, optimizers, generators) and plain values.
    """
    training.flush()
    tensors: Tensors = {}
    for name, tensor in weights_beside(training.phase.objective, training.root).items():
        tensors[f"weights/{name}"] = tensor
    if training.root is not training.phase.objective:
        for name, tensor in weights_of(training.root).items():
            tensors[f"root/{name}"] = tensor
    for i, average in enumerate(training.averages or []):
        tensors[f"average/{i}"] = average
    for step in training.steps:
        for slot, entries in step.state.items():
            for i, entry in enumerate(entries):
                tensors[f"optimizer/{step.update.name}/{slot}/{i}"] = entry
    tensors["generator/now"] = training.generator.get_state()
    tensors["generator/order"] = training.order_state
    return tensors, {"position": asdict(training.position)}


@torch.no_grad()
def restore(training: Training, tensors: Tensors, values: Values) -> None:
    """Put a fresh training where ``capture`` left another one.

    Raises:
        ValueError: The state belongs to another model, trainer or optimizer.
    """
    position = Position(**values["position"])
    if root := with_prefix("root/", tensors):
        # Before a later phase is made: what it trains on may depend on these.
        load_weights(training.root, root)
    training.advance_to(position)
    own = weights_beside(training.phase.objective, training.root)
    _fill(own, with_prefix("weights/", tensors))
    try:
        for i, average in enumerate(training.averages or []):
            average.copy_(tensors[f"average/{i}"])
        for step in training.steps:
            for slot, entries in step.state.items():
                for i, entry in enumerate(entries):
                    entry.copy_(tensors[f"optimizer/{step.update.name}/{slot}/{i}"])
    except KeyError as error:
        raise ValueError(f"the state has no {error.args[0]}") from None
    training.generator.set_state(tensors["generator/now"])
    training.order_state = tensors["generator/order"]


@torch.no_grad()
def assign(parameters: list[Any], values: list[Tensor]) -> None:
    """Put values into parameters, one for each."""
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
