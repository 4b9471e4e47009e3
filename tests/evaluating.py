"""Short runs that are evaluated, each once."""

import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from making import draw_nothing

from aerun.cli import main

FEW = ["trainer.epochs=4", "trainer.threads=1", "trainer.preview_every=0"]
SMALL = ["task.samples=20", "task.centres=300", "task.steps=50"]

RUNS = {
    "vae": ["model=vae"],
    "dynamic": ["model=vae", "dataset.binarize=dynamic"],
    "fixed": ["model=vae", "dataset.binarize=fixed"],
    "squared": ["model=vae", "loss=mse", "model.output_activation=sigmoid"],
    "aae": ["model=aae"],
    "attacked": ["model=adversarial", "regularizer.adversarial_input.eps=0.1"],
    "stacked": ["model=stacked", "model.code=16"],
    "sparse": ["model=k_sparse"],
    "contractive": ["model=contractive", "model.code=20"],
    "nine": ["model=stacked", "model.code=16", "dataset.exclude_classes=[0]"],
    "gsn": ["model=gsn", "trainer.epochs=1"],
    "fixed_gsn": ["model=gsn", "trainer.epochs=1", "dataset.binarize=fixed"],
    "plane": ["model=vae", "loss=mse", "dataset=plane", "dataset.limit=100"],
}


class Evaluated:
    """Runs in a folder, trained when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        """Work in a folder."""
        self.folder = folder
        self._found: dict[tuple[str, ...], dict[str, Any]] = {}

    def run(self, name: str) -> Path:
        """The directory of a run."""
        directory = self.folder / name
        if not directory.exists():
            with pytest.MonkeyPatch.context() as patch:
                draw_nothing(patch)
                quiet(f"hydra.run.dir={name}", *FEW, *RUNS[name])
        return directory

    def again(self, name: str, *overrides: str) -> Path:
        """Evaluate a run: the folder that ``-q`` prints, and nothing else."""
        self.run(name)
        told, warned = quiet("task=evaluate", f"run={name}", *SMALL, *overrides)
        assert warned == ""
        return Path(told.removesuffix("\n"))

    def __call__(self, name: str, *overrides: str) -> dict[str, Any]:
        """What evaluation.json holds; each request is carried out once."""
        asked = (name, *overrides)
        if asked not in self._found:
            made = self.again(*asked) / "evaluation.json"
            self._found[asked] = json.loads(made.read_text())
        return self._found[asked]

    def figures(self, name: str, *overrides: str) -> dict[str, dict[str, Any]]:
        """The figures alone, by name."""
        figures: dict[str, dict[str, Any]] = self(name, *overrides)["figures"]
        return figures

    def summary(self, name: str) -> dict[str, Any]:
        """The metrics of a run's summary."""
        text = (self.run(name) / "summary.json").read_text()
        metrics: dict[str, Any] = json.loads(text)["metrics"]
        return metrics


def quiet(*arguments: str) -> tuple[str, str]:
    """Carry out a command that succeeds; what ``-q`` prints, and the warnings."""
    with redirect_stdout(StringIO()) as told, redirect_stderr(StringIO()) as warned:
        assert main(["-q", *arguments]) == 0, arguments
    return told.getvalue(), warned.getvalue()


def work_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Be in a folder, which also holds the cache."""
    patch.chdir(folder)
    patch.delenv("AERUN_CONFIG_PATH", raising=False)
    patch.setenv("AERUN_CACHE", str(folder / "cache"))


@pytest.fixture(scope="session")
def evaluations(
    tmp_path_factory: pytest.TempPathFactory, judge_of_digits: Path
) -> Evaluated:
    """Runs that the tests of a process share."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copytree(judge_of_digits, folder / "cache")
    return Evaluated(folder)


@pytest.fixture
def evaluated(evaluations: Evaluated, monkeypatch: pytest.MonkeyPatch) -> Evaluated:
    """The same, to work in."""
    work_in(evaluations.folder, monkeypatch)
    return evaluations
