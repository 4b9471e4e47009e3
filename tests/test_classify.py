"""task=classify: a pretrained classifier against the same one from scratch."""

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluating import work_in
from making import draw_nothing, later
from PIL import Image

from aerun.cli import main
from aerun.evaluation.repeated import Repeated
from aerun.rundir import RunDirectory
from aerun.signals import handled
from aerun.tasks import classify

FEW = ["trainer.threads=1", "trainer.preview_every=0"]
BALANCED = 1210  # ten times the rarest digit of the training part
SMALL = ["task.steps=20", "task.seeds=3"]

Ask = Callable[..., tuple[Path, dict[str, Any], list[dict[str, str]]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on digits, one that never trained, and one without labels."""
    folder = tmp_path_factory.mktemp("classified")
    x = np.random.default_rng(0).random((60, 6))
    np.savez(folder / "plain.npz", x=x)
    np.savez(folder / "scarce.npz", x=x, y=np.arange(60) // 50)
    strange = {"x_test": x[50:], "y_test": np.array([0, 1, 0] + [2] * 7)}
    np.savez(folder / "strange.npz", x=x[:50], y=np.arange(50) % 2, **strange)
    np.savez(folder / "one.npz", x=x, y=np.ones(60, int))
    np.savez(folder / "half.npz", x=x[:50], y=np.arange(50) % 2, x_test=x[50:])
    with pytest.MonkeyPatch.context() as patch:
        work_in(folder, patch)
        draw_nothing(patch)
        for name, asked in {
            "digits": ["model=stacked", "trainer.epochs=2"],
            "fresh": ["model=stacked", "trainer.epochs=0", "seed=4"],
            "plain": ["dataset=array", "dataset.path=plain.npz", "trainer.epochs=0",
                      "model.output_activation=none"],
        }.items():  # fmt: skip
            assert main([f"hydra.run.dir={name}", *FEW, *asked]) == 0
    return folder


@pytest.fixture
def runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to work in."""
    work_in(folder, monkeypatch)
    return folder


@pytest.fixture
def classified(runs: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """The folder that -q prints, and nothing else; what the two files in it hold."""

    def ask(run: str, *overrides: str) -> Any:
        capsys.readouterr()
        assert main(["-q", "task=classify", f"run={run}", *SMALL, *overrides]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        made = Path(printed.out.removesuffix("\n"))
        with open(made / "classification.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return made, json.loads((made / "classification.json").read_text()), rows

    return ask


def test_every_pair_has_rows_and_every_number_of_labels_a_gain(classified: Ask):
    """All figures follow from the rows; the picture is there; "all" is a number."""
    made, found, rows = classified(
        "digits", "task.labels=[all,20,100,20]", "task.baselines=[nearest,logistic]"
    )
    names = ["pretrained", "scratch", "nearest", "logistic"]
    numbers = [20, 100, 1294]
    told = [(int(r["labels"]), int(r["seed"]), r["contestant"]) for r in rows]
    assert told == [(n, s, name) for n in numbers for s in range(3) for name in names]
    assert {r["steps"] for r in rows if r["contestant"] == "nearest"} == {""}
    assert {r["steps"] for r in rows if r["contestant"] == "scratch"} == {"20"}
    figures = found["figures"]
    for labels in numbers:
        errors = {
            name: [float(r["error"]) for r in rows
                   if (r["contestant"], r["labels"]) == (name, str(labels))]
            for name in names
        }  # fmt: skip
        for name in names:
            assert figures[f"error/{name}/{labels}"]["seeds"] == errors[name]
        gain = Repeated(values=tuple(np.subtract(errors["scratch"],
                                                 errors["pretrained"])))  # fmt: skip
        entry = figures[f"gain/{labels}"]
        assert entry["interval"] == pytest.approx(gain.interval)
        assert entry["verdict"] == gain.verdict
        low, high = entry["interval"]
        assert (entry["verdict"] == "no gain") == (low <= 0 <= high)
    for entry in figures.values():
        assert entry["unit"] in ("%", "points")
        assert entry["definition"].splitlines() == [entry["definition"]]
    assert found["protocol"]["test_examples"] == 359
    assert found["protocol"]["stop_below"] == 0.01
    for contestant in ("pretrained", "nearest"):
        few, many = (figures[f"error/{contestant}/{n}"]["value"] for n in (20, 1294))
        assert many < few
    with Image.open(made / "curve.png") as image:
        assert min(image.size) > 300
    assert {path.name for path in made.iterdir()} == {
        "classification.csv", "classification.json", "curve.png"}  # fmt: skip


def test_a_net_that_never_trained_is_the_one_from_scratch(classified: Ask):
    """Of its own seed, error by error: both see the same examples in the same order."""
    _, found, rows = classified("fresh", "task.seed=3", "task.labels=60")
    errors = {(r["seed"], r["contestant"]): r["error"] for r in rows}
    assert {seed for seed, _ in errors} == {"3", "4", "5"}
    assert errors["4", "pretrained"] == errors["4", "scratch"]
    assert errors["3", "pretrained"] != errors["3", "scratch"]
    assert found["figures"]["gain/60"]["seeds"][1] == 0


@pytest.mark.slow
@pytest.mark.shared
def test_the_same_command_gives_the_same_bytes(classified: Ask):
    """In a folder of its own; another seed gives other figures."""
    first, second, other = (
        classified("digits", "task.labels=30", f"task.seed={seed}")[0]
        for seed in (0, 0, 9)
    )
    for name in ("classification.csv", "classification.json", "curve.png"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
        assert (first / name).read_bytes() != (other / name).read_bytes()
    assert first != second


@pytest.mark.parametrize(
    ("freeze", "sizes"),
    [
        later("none", (66_160, 66_160)),
        later("1", (150 * 301 + 1510, 66_160)),
        later("2", (1510, 66_160)),
        ("all", (1510, 66_160)),
    ],
)
def test_only_the_trained_encoder_is_frozen(classified: Ask, freeze, sizes):
    """From scratch all weights learn: none of them is worth keeping."""
    _, found, _ = classified("digits", f"task.freeze={freeze}", "task.labels=50",
                             "task.seeds=2")  # fmt: skip
    learning = found["protocol"]["learning_parameters"]
    assert learning == dict(zip(("pretrained", "scratch"), sizes, strict=True))


def test_errors_and_gains_are_printed(runs, capsys):
    """A line per number of labels, notes, and where to look."""
    asked = ["task.labels=[20,50]", "task.baselines=[pca]"]
    assert main(["task=classify", "run=digits", *SMALL, *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "Errors on 359 test examples in %, mean +- standard deviation of 3 seeds:"
    )
    assert lines[1].split()[:4] == ["labels", "pretrained", "scratch", "gain"]
    assert [line.split()[0] for line in lines[2:4]] == ["20", "50"]
    assert all(line.endswith(("gain", "loss")) for line in lines[2:4])
    assert lines[4].startswith("No PCA codes: 150 of them")
    assert lines[-2].endswith("curve.png")
    assert lines[-1].endswith("classification.json")


def test_a_class_that_is_only_in_the_test_part_is_told(runs, capsys):
    """Its examples are errors of everyone, and are counted in a note."""
    few = ["dataset.path=strange.npz", "task.labels=20", "task.seeds=2"]
    assert main(["task=classify", "run=plain", *SMALL, *few]) == 0
    note = (
        "7 test examples have classes that are not in the training part; they count "
        "as errors."
    )
    assert note in capsys.readouterr().out.splitlines()
    found = json.loads((runs / "plain/classify/classification.json").read_text())
    assert found["notes"] == [note]
    errors = found["figures"]["error/scratch/20"]["seeds"]
    assert min(errors) >= 70


def test_an_interrupted_task_keeps_the_rows_it_has(runs, capsys, monkeypatch):
    """In a table that it names as partial; no summary is written."""
    whole, calls = classify.fit, []

    def fit(*arguments: Any, **named: Any) -> int:
        calls.append(arguments)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return whole(*arguments, **named)

    monkeypatch.setattr(classify, "fit", fit)
    before = set((runs / "fresh").iterdir())
    assert main(["task=classify", "run=fresh", *SMALL, "task.labels=20"]) == 130
    (made,) = set((runs / "fresh").iterdir()) - before
    assert [path.name for path in made.iterdir()] == ["classification.csv"]
    with open(made / "classification.csv", encoding="utf-8", newline="") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["0", "0", "1", "1"]
    error = capsys.readouterr().err
    assert f"{made / 'classification.csv'} is partial: it has 2 of 3 rounds" in error


@pytest.mark.parametrize(
    ("run", "asked", "said"),
    [
        ("digits", "task.labels=al", "must be a whole number, at least 1, all or a"),
        later("digits", "task.labels=[10,0]", "must be a whole number"),
        ("digits", "task.labels=[]", "name at least one number of labels, or all"),
        (
            "digits",
            "task.labels=9",
            "there are 10 classes, and 1,294 examples in the "
            f"training part; choose 10 to {BALANCED:,}, or all",
        ),
        later("digits", "task.labels=2000", "1,294 examples in the training part"),
        later("digits", "task.seeds=1", "at least 2"),
        ("digits", "task.freeze=3", "the encoder has 2 levels"),
        later("digits", "task.baselines=[svm]", "pca, logistic"),
        later("digits", "task.lr=0", "above 0"),
        ("plain", "dataset.path=plain.npz", "has no labels to learn from"),
        later("plain", "dataset.path=one.npz", "at least two classes"),
        later("plain", "dataset.path=half.npz", "the test part has no labels"),
        ("plain", "dataset.path=scarce.npz", "at most 14 can be balanced, or all"),
    ],
)
def test_what_cannot_be_asked_is_refused(runs, capsys, run, asked, said):
    """With what can be, before anything is trained or written."""
    before = {path.name for path in (runs / run).iterdir()}
    labels = [] if "labels" in asked else ["task.labels=30"]
    assert main(["task=classify", f"run={run}", *SMALL, *labels, asked]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert {path.name for path in (runs / run).iterdir()} == before


def test_a_signal_as_the_first_table_is_there_counts_it(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """What is on the disk is told of."""
    write = RunDirectory.write_table

    def stopped(self: RunDirectory, name: str, rows: Any) -> Path:
        written = write(self, name, rows)
        signal.raise_signal(signal.SIGINT)
        return written

    monkeypatch.setattr(RunDirectory, "write_table", stopped)
    with handled(signal.default_int_handler, signal.SIGINT):
        asked = ["task=classify", "run=fresh", *SMALL, "task.labels=20"]
        assert main(asked) == 130
    assert (
        "classification.csv is partial: it has 1 of 3 rounds" in capsys.readouterr().err
    )
