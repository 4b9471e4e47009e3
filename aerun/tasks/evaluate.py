"""task=evaluate: what a trained run is worth, by every measure that applies to it."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from aerun.build import build_knobs
from aerun.data import Data, Spec
from aerun.errors import DataError
from aerun.evaluation.attack import Target
from aerun.evaluation.baselines import Principal, principal
from aerun.evaluation.entries import Figure, Finding, Subject, table
from aerun.evaluation.judge import Judge, judge
from aerun.evaluation.of_anomalies import anomaly_figures
from aerun.evaluation.of_chains import chain_figures, walked_classes
from aerun.evaluation.of_codes import code_figures
from aerun.evaluation.of_inputs import attack_figures
from aerun.evaluation.of_posterior import posterior_figures
from aerun.evaluation.of_reconstructions import (
    Errors,
    reconstruction_errors,
    reconstruction_figures,
)
from aerun.evaluation.of_representation import invariance_figures, label_figures
from aerun.evaluation.of_samples import sample_figures
from aerun.evaluation.splits import knob_tensors
from aerun.features import UNIT_DATA
from aerun.options import Count, Positive, Range, Seed
from aerun.rundir import RunDirectory
from aerun.tasks.drawing import draw_extremes
from aerun.tasks.on_run import (
    device_of,
    grey_data,
    left_out,
    own_data,
    run_data,
    task_folder,
)
from aerun.trained import spec_of, trained_objective
from aerun.wiring import locate

log = logging.getLogger("aerun")

_FOLDER = "evaluate"


def evaluate(
    config: Mapping[str, Any],
    directory: Path,
    *,
    labelled: Count,
    neighbours: Count,
    noise: Positive,
    samples: Count,
    images: Count,
    centres: Annotated[int, Range(2)],
    steps: Count,
    eps: Positive | None,
    target: Target | None,
    seed: Seed,
) -> Path:
    """Write the figures of a run that its training does not give.

    Args:
        config: The run's, or with other data of the same shape.
        directory: The run's.
        labelled: Training examples whose labels simple classifiers learn, at most.
        neighbours: How many of them vote.
        noise: Standard deviation of the noise under which codes should hold still,
            scaled units.
        samples: Importance samples of an example's log-likelihood, k.
        images: Test examples of which the likelihood is estimated, the Jacobian is
            taken and that are attacked, at most; the first ones.
        centres: Samples to be judged, which are also the centres of Parzen windows.
        steps: Of each chain whose classes are told, where the model is a chain.
        eps: Largest change of an element by the attack, scaled units; None for that of
            an attacker in training, and no attack where there was none.
        target: What reconstructions of attacked inputs are compared with; None for
            what they were in training, else the clean inputs.
        seed: Of all noise.

    Returns:
        The folder with ``evaluation.json``, ``errors.csv`` (of each test example), and
        pictures: the best and worst reconstructions, a posterior or a chain.

    Raises:
        DataError: The run's data are unusable.
        RunDirectoryError: The run saved no weights.
    """
    subject, spent = _subject(config, directory, device_of(config))
    attack = _attack(config, spent)
    asked = {"eps": eps, "target": target}
    attack |= {name: given for name, given in asked.items() if given is not None}
    with task_folder(directory, _FOLDER) as folder:
        generative = getattr(subject.model, "generative", False)
        judged = judge(subject.grey) if generative else None
        walked = walked_classes(subject, judged, num_steps=steps, seed=seed)
        errors, pca = reconstruction_errors(subject, subject.data.test), _pca(subject)
        learn = {"num_labelled": labelled, "neighbours": neighbours, "seed": seed}
        sizes = {"num_images": images, "num_samples": samples, "seed": seed}
        found = itertools.chain(
            reconstruction_figures(subject, errors, pca, seed=seed),
            label_figures(subject, pca, **learn),
            invariance_figures(subject, noise=noise, num_images=images, seed=seed),
            _anomalies(subject, errors, config, directory),
            posterior_figures(subject, **sizes),
            code_figures(subject, seed=seed),
            sample_figures(subject, judged, num_samples=centres, seed=seed),
            attack_figures(subject, **attack, num_images=images, seed=seed),
            chain_figures(subject, judged, walked),
        )
        figures, notes = _sorted(found)
        kept = RunDirectory(folder)
        content = _content(subject, config, figures, notes, seed)
        kept.write_json("evaluation.json", content)
        kept.write_table("errors.csv", errors.rows(subject.data.test))
        for name, picture in _pictures(subject, errors, figures, judged, walked):
            kept.write(name, picture)
        for line in [*table(figures), *notes]:
            log.info("%s", line)
        log.info("Look at %s", folder / "evaluation.json")
    return folder


def _sorted(found: Iterable[Finding]) -> tuple[list[Figure], list[str]]:
    """Figures apart from notes."""
    figures: list[Figure] = []
    notes: list[str] = []
    for finding in found:
        if isinstance(finding, Figure):
            figures.append(finding)
        else:
            notes.append(finding)
    return figures, notes


def _names(subject: Subject, judged: Judge) -> list[str]:
    """Of the judge's classes, as the data call them."""
    classes = subject.data.spec.classes or ()
    return [
        str(classes[label] if 0 <= label < len(classes) else label)
        for label in judged.labels
    ]


def _pca(subject: Subject) -> Principal | None:
    """PCA at the size of the code, of what the run was trained on, if that is there."""
    if subject.foreign and subject.own is None:
        return None
    train = (subject.own or subject.data).train
    with torch.no_grad():
        size = subject.model.encode(train.gather(slice(1))).shape[1]
    return principal(train, size)


def _anomalies(
    subject: Subject, errors: Errors, config: Mapping[str, Any], directory: Path
) -> Iterator[Finding]:
    """The run as a detector of other data, or of the classes that it never saw."""
    if subject.own is not None:
        own = reconstruction_errors(subject, subject.own.test)
        yield from anomaly_figures(own.mse, errors.mse, kind="of these examples")
        return
    if subject.foreign:
        yield "No anomaly detection: the run's own examples are not to be had."
        return
    others = left_out(config, spec_of(config, directory), subject.like)
    if others is None:
        yield (
            "No anomaly detection: evaluate on other data of the same shape "
            "(dataset=...), or train with dataset.exclude_classes=[...]."
        )
        return
    names = ", ".join(map(str, config["dataset"]["exclude_classes"]))
    kind = f"test examples of what was left out ({names})"
    found = reconstruction_errors(subject, others)
    yield from anomaly_figures(errors.mse, found.mse, kind=kind)


def _subject(
    config: Mapping[str, Any], directory: Path, device: torch.device
) -> tuple[Subject, dict[str, float]]:
    """The trained run with its data, and the final values of its knobs."""
    objective = trained_objective(dict(config), directory).to(device).eval()
    like = next(objective.parameters())
    spec, binarize = spec_of(config, directory), config["dataset"]["binarize"]
    data = run_data(config, spec, like)
    for note in data.notes:
        log.info("%s", note)
    drawn = binarize == "fixed" and UNIT_DATA in spec.provides
    values = build_knobs(config, objective).ends()
    others = data.spec.fingerprint != spec.fingerprint
    subject = Subject(
        objective=objective,
        knobs=knob_tensors(values, like),
        data=data,
        foreign=others,
        own=_own(config, directory, spec, like) if others else None,
        grey=grey_data(config, spec, like) if drawn else data,
        binarize=binarize,
    )
    return subject, values


def _own(
    config: Mapping[str, Any], directory: Path, spec: Spec, like: torch.Tensor
) -> Data | None:
    """What the run was trained on, where it is still there."""
    try:
        data = own_data(directory, spec, like)
    except DataError as error:
        log.warning("The run's own examples are not to be had: %s", error)
        return None
    if data.spec.fingerprint != spec.fingerprint:
        log.warning("The run's own examples have changed since; they are left out.")
        return None
    return data


def _attack(config: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """How an attacker of the training went about it; no size where there was none."""
    found: dict[str, Any] = {"eps": None, "target": "clean"}
    for name, node in config["regularizer"].items():
        if hasattr(locate(node["_target_"]), "attack"):
            target: Target = node.get("target", "clean")
            found = {"eps": values[f"regularizer.{name}.eps"], "target": target}
    return found


def _pictures(
    subject: Subject,
    errors: Errors,
    figures: list[Figure],
    judged: Judge | None,
    walked: np.ndarray | None,
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each picture that applies."""
    test = subject.data.test
    yield "best_worst.png", draw_extremes(subject.model, test, errors.mse.numpy())
    for figure in figures:
        if figure.name == "kl_per_dimension":
            from aerun.reporting.bars import kl_per_dimension

            title = "KL divergence of each code dimension"
            kl = np.asarray(figure.value)
            yield "kl_per_dimension.png", kl_per_dimension(kl, title=title)
    if judged is not None and walked is not None:
        from aerun.reporting.chain import chain_map

        names = _names(subject, judged)
        title = f"Class of each step of {walked.shape[1]} chains, as the judge tells it"
        yield "chain.png", chain_map(walked, classes=names, title=title)


def _content(
    subject: Subject,
    config: Mapping[str, Any],
    figures: list[Figure],
    notes: list[str],
    seed: int,
) -> dict[str, Any]:
    """What evaluation.json holds."""
    dataset = config["dataset"]
    return {
        "seed": seed,
        "data": {
            "of_the_run": not subject.foreign,
            "dataset": dataset["_target_"],
            "path": dataset.get("path"),
            "fingerprint": subject.data.spec.fingerprint,
            "test_examples": len(subject.data.test),
        },
        "figures": {figure.name: figure.entry() for figure in figures},
        "notes": notes,
    }
