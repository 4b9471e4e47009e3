"""task=classify: what unsupervised pretraining is worth to a classifier."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from aerun.build import build_objective, dtype_of
from aerun.data import Split
from aerun.errors import DataError
from aerun.evaluation.contest import PRETRAINED, SCRATCH, Contest, Score
from aerun.evaluation.labelled import (
    balanced,
    known_classes,
    most_balanced,
    places,
    shuffled,
)
from aerun.evaluation.rivals import Rivals
from aerun.models.classifier import Classifier, Freeze
from aerun.options import Count, NonNegative, Positive, Range, Seed
from aerun.progress import progress_bar
from aerun.rundir import RunDirectory
from aerun.signals import held_signals
from aerun.tasks.on_run import device_of, run_data, task_folder
from aerun.trained import spec_of, trained_objective
from aerun.training.finetuning import Inputs, Recipe, error_rate, fit

log = logging.getLogger("aerun")

_FOLDER, _TABLE = "classify", "classification.csv"

Number = Count | Literal["all"]
Baselines = list[Literal["pca", "logistic", "nearest"]]


def classify(
    config: Mapping[str, Any],
    directory: Path,
    *,
    labels: Number | list[Number],
    seeds: Annotated[int, Range(2)],
    freeze: Literal["none", "all"] | Count,
    baselines: Baselines,
    steps: Count,
    stop_below: NonNegative,
    batch_size: Count,
    lr: Positive,
    weight_decay: NonNegative,
    seed: Seed,
) -> Path:
    """Train a classifier on a trained encoder, and the same one from scratch.

    A linear softmax layer on the code is trained with the encoder under it, on
    labelled examples of the run's training part, of each class as many; then the same
    net with weights drawn anew, by the same recipe, on the same examples in the same
    order. Errors are those on the whole test part.

    Args:
        config: The run's, with the data that were asked for.
        directory: The run's.
        labels: Numbers of labelled examples; "all" are those of the training part as
            they are, balanced or not.
        seeds: How many pairs of nets there are for each number.
        freeze: The levels of the trained encoder that do not learn any more; from
            scratch all learn.
        baselines: Other classifiers on the same examples.
        steps: Of training, at most.
        stop_below: Mean cross-entropy over a pass through the labelled examples at
            which training stops, nats. No example is held out for that.
        batch_size: Examples of a step.
        lr: Of Adam.
        weight_decay: Apart from the gradient, as in AdamW.
        seed: The first one.

    Returns:
        The folder with ``classification.json``, ``classification.csv`` (a row per
        number of labels, seed and contestant, written after each pair of nets) and
        ``curve.png``.

    Raises:
        DataError: The data have no labels, or a class has too few of them.
        BadUse: The encoder has no such levels, or cannot be trained.
        RunDirectoryError: The run saved no weights.

    References:
        Erhan et al., "Why does unsupervised pre-training help deep learning?" (2010).
    """
    recipe = Recipe(
        steps=steps,
        stop_below=stop_below,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
    )
    trial = _Trial(config, directory, recipe, freeze, baselines)
    numbers = trial.check(labels if isinstance(labels, list) else [labels], seed)
    with task_folder(directory, _FOLDER) as folder:
        rounds = trial.rounds(numbers, range(seed, seed + seeds))
        scores = _kept(RunDirectory(folder), rounds, len(numbers) * seeds)
        protocol = {"seeds": seeds, "seed": seed, **trial.protocol}
        contest = Contest(scores, trial.words)
        _report(RunDirectory(folder), contest, protocol, trial.notes)
    return folder


def _kept(
    folder: RunDirectory, rounds: Iterable[list[Score]], number: int
) -> list[Score]:
    """The scores of all rounds; those so far are in a table after each of them.

    Args:
        folder: Where ``classification.csv`` is written.
        rounds: Scores of all contestants for a number of labels and a seed.
        number: Of rounds.
    """
    scores: list[Score] = []
    done = 0
    try:
        for some in rounds:
            scores += some
            with held_signals():  # else one could come before it is counted
                folder.write_table(_TABLE, Contest(scores, {}).rows())
                done += 1
    except BaseException:
        if 0 < done < number:
            text = "%s is partial: it has %d of %d rounds"
            log.warning(text, folder.path / _TABLE, done, number)
        raise
    return scores


_LEARNING: dict[Freeze, str] = {"none": "all learning", "all": "which stays as it is"}


class _Trial:
    """A trained encoder, labelled data, and everyone who learns from them."""

    def __init__(
        self,
        config: Mapping[str, Any],
        directory: Path,
        recipe: Recipe,
        freeze: Freeze,
        rivals: Baselines,
    ) -> None:
        """Load the run and its data, and try whether its encoder can learn."""
        self.config, self.recipe = dict(config), recipe
        objective: Any = trained_objective(self.config, directory)
        self.model = objective.to(device_of(config)).eval().model
        like = next(self.model.parameters())
        self.data = run_data(config, spec_of(config, directory), like)
        for note in self.data.notes:
            log.info("%s", note)
        self.classes = known_classes(self.data.train)
        self.targets = self._targets(self.data.train)
        self.test_targets = self._targets(self.data.test)
        self.example = self.data.train.gather(slice(1))
        self.freeze: dict[str, Freeze] = {PRETRAINED: freeze, SCRATCH: "none"}
        nets = {name: self._classifier(name, 0) for name in self.freeze}
        self.sizes = {
            name: sum(parameter.numel() for parameter in net.learning)
            for name, net in nets.items()
        }
        self.tested = {name: Inputs(net, self.data.test) for name, net in nets.items()}
        self.words = {
            PRETRAINED: "a linear softmax layer on the trained encoder, "
            + _LEARNING.get(freeze, f"all but its lowest levels ({freeze}) learning"),
            SCRATCH: "the same net, its weights drawn anew, all learning",
        }
        code_size = self.model.encode(self.example).shape[1]
        self.rivals = Rivals(rivals, self.data, code_size)
        self.words |= self.rivals.words

    def _targets(self, split: Split) -> Tensor:
        if split.labels is None:
            raise DataError("the test part has no labels to be judged by")
        return places(split.labels, self.classes).to(split.device)

    @property
    def protocol(self) -> dict[str, Any]:
        """What decides the outcome beside seeds and numbers of labels."""
        return {
            "freeze": self.freeze[PRETRAINED],
            **asdict(self.recipe),
            "learning_parameters": self.sizes,
            "test_examples": len(self.data.test),
        }

    @property
    def notes(self) -> list[str]:
        """What a reader of the errors should know."""
        unknown = int((self.test_targets < 0).sum())
        if not unknown:
            return self.rivals.notes
        return [
            f"{unknown:,} test examples have classes that are not in the training "
            "part; they count as errors.",
            *self.rivals.notes,
        ]

    def check(self, wanted: list[Number], seed: int) -> list[int]:
        """Numbers of labels, ascending, all of which can be drawn.

        Raises:
            DataError: Some cannot.
        """
        total, least = len(self.data.train), len(self.classes)
        if not wanted:
            raise DataError(
                "name at least one number of labels, or all", key="task.labels"
            )
        most = most_balanced(self.targets.cpu().numpy())
        numbers = sorted({total if n == "all" else int(n) for n in wanted})
        for number in numbers:
            if not least <= number <= total:
                raise DataError(
                    f"{number:,} labelled examples cannot be drawn: there are {least} "
                    f"classes, and {total:,} examples in the training part; choose "
                    f"{least} to {most:,}, or all",
                    key="task.labels",
                )
            self._chosen(number, seed)
        return numbers

    def _chosen(self, number: int, seed: int) -> Tensor:
        """Places of labelled examples in the training part, [number]."""
        if number == len(self.data.train):
            return torch.from_numpy(shuffled(number, seed=seed))
        return torch.from_numpy(balanced(self.targets.cpu().numpy(), number, seed=seed))

    # -- carrying it out -------------------------------------------------------------

    def rounds(self, numbers: list[int], seeds: range) -> Iterator[list[Score]]:
        """Scores of every contestant, for every number of labels and every seed."""
        each = len(self.freeze) * self.recipe.steps + len(self.rivals.words)
        total = len(numbers) * len(seeds) * each
        with progress_bar(total, unit="step", description="Classifying") as bar:
            for number in numbers:
                for seed in seeds:
                    yield list(self._round(number, seed, bar.update))

    def _round(
        self, number: int, seed: int, advance: Callable[[int], object]
    ) -> Iterator[Score]:
        chosen = self._chosen(number, seed)
        targets = self.targets[chosen.to(self.targets.device)]

        def score(contestant: str, share: float, steps: int | None = None) -> Score:
            return Score(
                labels=number,
                seed=seed,
                contestant=contestant,
                error=100 * share,
                steps=steps,
            )

        for name in self.freeze:
            net = self._classifier(name, seed)
            inputs = Inputs(net, self.data.train, chosen)
            steps = fit(net, inputs, targets, self.recipe, seed=seed, advance=advance)
            share = error_rate(net, self.tested[name], self.test_targets)
            yield score(name, share, steps)
        for name, share in self.rivals.errors(chosen, targets, self.test_targets):
            yield score(name, share)
            advance(1)

    def _classifier(self, name: str, seed: int) -> Classifier:
        """The trained encoder, or one drawn from a seed, with a new layer on it."""
        model = self.model
        if name == SCRATCH:
            config = {**self.config, "seed": seed}
            drawn: Any = build_objective(config, self.data.spec.shape)
            model = drawn.model.to(self.example.device, dtype_of(config)).eval()
        return Classifier(
            model, self.example, len(self.classes), freeze=self.freeze[name]
        )


def _report(
    folder: RunDirectory, contest: Contest, protocol: dict[str, Any], notes: list[str]
) -> None:
    """Write and print."""
    from aerun.reporting.learning import label_curve

    number = protocol["test_examples"]
    log.info(
        "Errors on %s test examples in %%, mean +- standard deviation of %d seeds:",
        f"{number:,}",
        protocol["seeds"],
    )
    for line in [*contest.table(), *notes]:
        log.info("%s", line)
    errors = {
        name: [contest.errors(name, labels) for labels in contest.numbers]
        for name in contest.words
    }
    picture = label_curve(
        contest.numbers,
        {name: np.array([e.mean for e in each]) for name, each in errors.items()},
        {name: np.array([e.deviation for e in each]) for name, each in errors.items()},
        title=f"Error on {number:,} test examples, mean and deviation of "
        f"{protocol['seeds']} seeds",
    )
    log.info("Look at %s", folder.write("curve.png", picture))
    content = {"protocol": protocol, "figures": contest.figures(), "notes": notes}
    log.info("Look at %s", folder.write_json("classification.json", content))
