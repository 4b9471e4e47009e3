"""Figures of what codes are good for: labels found in them, and how still they hold."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from aerun.data import Split
from aerun.evaluation.baselines import Principal
from aerun.evaluation.entries import (
    Figure,
    Finding,
    Subject,
    average,
    first,
    generator_like,
)
from aerun.evaluation.invariance import code_shifts, jacobian_norms
from aerun.evaluation.probes import (
    Labelled,
    cluster_agreement,
    linear_probe,
    nearest_neighbours,
)
from aerun.evaluation.splits import collect
from aerun.progress import progress_bar

_INPUT_ELEMENTS = 4096  # of an example; probes of larger inputs take too long
_WHOSE = {"codes": "code", "pca": "PCA code", "input": "input"}

_Way = Callable[[Tensor], Tensor]
"""From examples [B, *shape] to rows [B, D]."""


def label_figures(
    subject: Subject,
    principal: Principal | None,
    *,
    num_labelled: int,
    neighbours: int,
    seed: int,
) -> Iterator[Finding]:
    """Accuracies of simple classifiers on codes, and how clusters meet the labels.

    Args:
        subject: Whose data have labels; others give a note.
        principal: PCA of what the run was trained on, at the size of its code.
        num_labelled: Training examples with labels, at most; the first ones.
        neighbours: How many vote.
        seed: Of k-means.
    """
    data = subject.data
    if data.train.labels is None or data.test.labels is None:
        yield "No probe, neighbours and clusters: the data have no labels."
        return
    if len(torch.unique(data.train.labels[:num_labelled])) < 2:
        yield "No probe, neighbours and clusters: the training examples are of a class."
        return
    some = data.train.first(num_labelled)
    neighbours = min(neighbours, len(some))
    ways = _ways(subject, principal)
    codes = _labelled(data.test, ways["codes"])
    with progress_bar(2 * len(ways) + 1, unit="fit", description="Probing") as bar:
        for name, way in ways.items():
            train = _labelled(some, way)
            test = codes if name == "codes" else _labelled(data.test, way)
            validation = _labelled(data.validation, way)
            whose = f"{len(test.rows):,} test examples whose {_WHOSE[name]}"
            right, converged = linear_probe(train, validation, test)
            bar.update()
            if not converged:
                yield f"The linear probe of {name} did not converge: a lower bound."
            text = f"logistic regression of {len(train.rows):,} labels names rightly, "
            text += f"its penalty chosen by {len(validation.rows):,} others"
            yield _share("linear_probe", name, right, f"{whose} {text}")
            right = nearest_neighbours(train, test, neighbours)
            bar.update()
            text = f"the vote of {neighbours} neighbours among {len(train.rows):,}"
            yield _share("neighbours", name, right, f"{whose} {text} names rightly")
        agreement = cluster_agreement(codes, seed=seed)
        bar.update()
    yield Figure(
        name="clusters/nmi",
        value=agreement,
        unit="0 to 1",
        definition="normalised mutual information of labels and k-means clusters of "
        f"{len(codes.rows):,} test codes, as many clusters as labels",
    )


def _share(name: str, way: str, right: np.ndarray, definition: str) -> Figure:
    return average(
        torch.from_numpy(right),
        name=name if way == "codes" else f"{name}/{way}",
        unit="share",
        definition=definition,
    )


def _ways(subject: Subject, principal: Principal | None) -> dict[str, _Way]:
    """Of the model's codes first, then of what they are compared with."""

    def codes(x: Tensor) -> Tensor:
        rows: Tensor = subject.model.encode(x).flatten(1)
        return rows

    def inputs(x: Tensor) -> Tensor:
        return x.flatten(1)

    ways: dict[str, _Way] = {"codes": codes}
    if principal is not None:
        ways["pca"] = lambda x: torch.from_numpy(
            principal.codes(x.flatten(1).cpu().numpy())
        )
    if np.prod(subject.data.spec.shape) <= _INPUT_ELEMENTS:
        ways["input"] = inputs
    return ways


def _labelled(split: Split, way: _Way) -> Labelled:
    assert split.labels is not None
    rows = collect(way, split).astype(np.float64)
    return Labelled(rows=rows, labels=split.labels.cpu().numpy())


def invariance_figures(
    subject: Subject, *, noise: float, num_images: int, seed: int
) -> Iterator[Finding]:
    """How far codes move under noise, and the norm of the Jacobian.

    Args:
        subject: A model with ``encode``.
        noise: Standard deviation of the noise on inputs, scaled units.
        num_images: Test examples whose Jacobian is taken, at most.
        seed: Of the noise.
    """
    generator = generator_like(subject.like, seed)
    test = subject.data.test
    shifts = code_shifts(subject.model, test, noise=noise, generator=generator)
    if bool(shifts.isfinite().all()):
        yield average(
            shifts,
            name="invariance/code_shift",
            unit="1 = another example",
            definition="squared distance that test codes move under Gaussian noise of "
            f"{noise:g} on inputs, beside that between two examples",
        )
    else:
        yield "No shift of codes: all test examples have the same."
    x = first(subject.data, num_images)
    norms = jacobian_norms(subject.model, x, generator)
    how = "exact"
    if norms.num_directions is not None:
        how = f"estimated from {norms.num_directions} directions each"
    yield average(
        norms.values,
        name="invariance/jacobian_norm",
        unit="code per scaled unit",
        definition=f"Frobenius norm of the Jacobian of the code at {len(x):,} test "
        f"examples, {how}",
    )
