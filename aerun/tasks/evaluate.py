"""task=evaluate: what a trained run is worth, as a generator and under attack."""

import itertools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from aerun.build import build_knobs
from aerun.evaluation.attack import Target
from aerun.evaluation.entries import Figure, Finding, Subject, table
from aerun.evaluation.judge import Judge, judge
from aerun.evaluation.of_chains import chain_figures, walked_classes
from aerun.evaluation.of_codes import code_figures
from aerun.evaluation.of_inputs import attack_figures, mse
from aerun.evaluation.of_posterior import posterior_figures
from aerun.evaluation.of_samples import sample_figures
from aerun.evaluation.splits import knob_tensors
from aerun.features import UNIT_DATA
from aerun.options import Count, Positive, Range, Seed
from aerun.rundir import RunDirectory
from aerun.tasks.on_run import device_of, grey_data, run_data, task_folder
from aerun.trained import spec_of, trained_objective
from aerun.wiring import locate

log = logging.getLogger("aerun")

_FOLDER = "evaluate"


def evaluate(
    config: Mapping[str, Any],
    directory: Path,
    *,
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
        config: The run's.
        directory: The run's.
        samples: Importance samples of an example's log-likelihood, k.
        images: Test examples of which the likelihood is estimated and that are
            attacked, at most; the first ones.
        centres: Samples to be judged, which are also the centres of Parzen windows.
        steps: Of each chain whose classes are told, where the model is a chain.
        eps: Largest change of an element by the attack, scaled units; None for that of
            an attacker in training, and no attack where there was none.
        target: What reconstructions of attacked inputs are compared with; None for
            what they were in training, else the clean inputs.
        seed: Of all noise.

    Returns:
        The folder with ``evaluation.json`` and pictures of a posterior or a chain.

    Raises:
        DataError: The run's data are unusable.
        RunDirectoryError: The run saved no weights.
    """
    subject, spent = _subject(config, directory, device_of(config))
    attack = _attack(config, spent)
    asked = {"eps": eps, "target": target}
    attack |= {name: given for name, given in asked.items() if given is not None}
    with task_folder(directory, _FOLDER) as folder:
        figures: dict[str, Figure] = {}
        notes: list[str] = []
        generative = getattr(subject.model, "generative", False)
        judged = judge(subject.grey) if generative else None
        walked = walked_classes(subject, judged, num_steps=steps, seed=seed)
        found = itertools.chain(
            _findings(subject, judged, samples, images, centres, attack, seed),
            chain_figures(subject, judged, walked),
        )
        for finding in found:
            if isinstance(finding, Figure):
                figures[finding.name] = finding
            else:
                notes.append(finding)
        if judged is not None and walked is not None:
            _show_chain(RunDirectory(folder), walked, _names(subject, judged))
        _report(RunDirectory(folder), figures, notes, seed)
    return folder


def _names(subject: Subject, judged: Judge) -> list[str]:
    """Of the judge's classes, as the data call them."""
    classes = subject.data.spec.classes or ()
    return [
        str(classes[label] if 0 <= label < len(classes) else label)
        for label in judged.labels
    ]


def _findings(
    subject: Subject,
    judged: Judge | None,
    samples: int,
    images: int,
    centres: int,
    attack: Mapping[str, Any],
    seed: int,
) -> Iterator[Finding]:
    """All figures that apply, and notes on the others."""
    yield mse(subject)
    yield from posterior_figures(
        subject, num_images=images, num_samples=samples, seed=seed
    )
    yield from code_figures(subject, seed=seed)
    yield from sample_figures(subject, judged, num_samples=centres, seed=seed)
    yield from attack_figures(subject, **attack, num_images=images, seed=seed)


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
    subject = Subject(
        objective=objective,
        knobs=knob_tensors(values, like),
        data=data,
        grey=grey_data(config, spec, like) if drawn else data,
        binarize=binarize,
    )
    return subject, values


def _attack(config: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """How an attacker of the training went about it; no size where there was none."""
    found: dict[str, Any] = {"eps": None, "target": "clean"}
    for name, node in config["regularizer"].items():
        if hasattr(locate(node["_target_"]), "attack"):
            target: Target = node.get("target", "clean")
            found = {"eps": values[f"regularizer.{name}.eps"], "target": target}
    return found


def _show_chain(folder: RunDirectory, labels: np.ndarray, names: list[str]) -> None:
    from aerun.reporting.chain import chain_map

    title = f"Class of each step of {labels.shape[1]} chains, as the judge tells it"
    picture = chain_map(labels, classes=names, title=title)
    log.info("Look at %s", folder.write("chain.png", picture))


def _report(
    folder: RunDirectory, figures: Mapping[str, Figure], notes: list[str], seed: int
) -> None:
    """Write and print."""
    content = {
        "seed": seed,
        "figures": {name: figure.entry() for name, figure in figures.items()},
        "notes": notes,
    }
    for line in table(list(figures.values())):
        log.info("%s", line)
    for note in notes:
        log.info("%s", note)
    if "kl_per_dimension" in figures:
        from aerun.reporting.bars import kl_per_dimension

        kl = np.asarray(figures["kl_per_dimension"].value)
        picture = kl_per_dimension(kl, title="KL divergence of each code dimension")
        log.info("Look at %s", folder.write("kl_per_dimension.png", picture))
    log.info("Look at %s", folder.write_json("evaluation.json", content))
