"""Requests drawn from all options and their types: what is said, and what is left."""

import json
from pathlib import Path
from typing import Any

import pytest
from holding import (
    carried_out,
    check_completed,
    check_told,
    examples,
    hold,
    swept,
    words,
)
from requesting import bad, good, sweeps

from aerun.tasks import estimate, train

SMALL = ["trainer.threads=1", "device=cpu", "trainer.preview_every=0",
         "trainer.max_steps=2", "dataset.limit=40"]  # fmt: skip
PLANE = "dataset.num_examples=90"


@pytest.fixture
def place(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder; an inspection there measures one step."""
    monkeypatch.setattr(estimate, "_STEPS", 1)
    return alone


@pytest.fixture
def untrained(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where runs are accepted and not trained."""

    def note(config: dict[str, Any], directory: Path) -> dict[str, Any]:
        summary = {"status": "completed", "metrics": {"test/mse": 1.0}}
        (directory / "summary.json").write_text(json.dumps(summary))
        return summary

    monkeypatch.setattr(train, "train", note)
    return place


def _with_limits(request: list[str]) -> list[str]:
    """A request for few steps on few examples."""
    plane = [PLANE] if "dataset=plane" in request else []
    return [*SMALL, *plane, *request]


@examples(few=3, many=100)
def test_every_request_of_valid_values_is_shown_or_refused_in_words(
    place: Path, number: int
) -> None:
    """Whatever is chosen together, task=inspect builds it, or says why not."""

    def check(request: list[str]) -> None:
        outcome = carried_out("task=inspect", *_with_limits(request))
        try:
            check_told(outcome)
            assert outcome.code in (0, 2), words(request)
            assert outcome.left == []
            assert outcome.code == 2 or "Layers" in outcome.out
        finally:
            swept(place)

    hold(number, good(), check)


@examples(few=8, many=200)
def test_no_request_ends_in_a_traceback_or_leaves_a_file(
    place: Path, number: int
) -> None:
    """Wrong types, huge numbers, odd texts, unknown keys, conflicts, stray flags."""

    def check(request: list[str]) -> None:
        outcome = carried_out("task=inspect", *SMALL, *request)
        try:
            check_told(outcome)
            assert outcome.code in (0, 2), words(request)
            assert outcome.left == [], words(request)
        finally:
            swept(place)

    hold(number, bad(), check)


@examples(few=4, many=100)
def test_no_training_is_begun_in_vain(untrained: Path, number: int) -> None:
    """The same of trainings: a request is accepted, or refused before a directory."""

    def check(request: list[str]) -> None:
        outcome = carried_out(*SMALL, *request)
        try:
            check_told(outcome)
        finally:
            swept(untrained)

    hold(number, bad(), check)


@examples(few=3, many=60)
def test_no_sweep_is_begun_in_vain(untrained: Path, number: int) -> None:
    """Every job is looked at before the first starts: a bad value refuses all."""

    def check(request: list[str]) -> None:
        outcome = carried_out("-m", *SMALL, *request)
        try:
            check_told(outcome)
        finally:
            swept(untrained)

    hold(number, sweeps(), check)


@examples(few=1, many=20)
def test_what_is_accepted_trains(place: Path, number: int) -> None:
    """A run of two steps is whole, or says which number exploded."""

    def check(request: list[str]) -> None:
        outcome = carried_out(*_with_limits(request), *SMALL, "hydra.run.dir=run")
        try:
            check_completed(outcome, "run")
            assert outcome.code != 1 or " became " in outcome.err, words(request)
        finally:
            swept(place)

    hold(number, good(), check)
