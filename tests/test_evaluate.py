"""task=evaluate: the command, its files and its messages."""

import json

import numpy as np
import pytest
from evaluating import SMALL, Evaluated
from making import later, make
from PIL import Image

import aerun
from aerun.build import load_data
from aerun.cli import main
from aerun.evaluation.chains import walk
from aerun.evaluation.entries import Figure, table
from aerun.evaluation.judge import judge
from aerun.tasks import evaluate as tasks_evaluate

pytest_plugins = ["evaluating"]

ANY = {"mse", "loss", "loss/reconstruction", "invariance/code_shift",
       "invariance/jacobian_norm"}  # fmt: skip
DIGITS = ANY | {"pca/mse", "psnr", "ssim", "clusters/nmi"} | {
    f"{probe}{way}"
    for probe in ("linear_probe", "neighbours")
    for way in ("", "/pca", "/input")
}  # fmt: skip
PCA = {"pca/mse", "linear_probe/pca", "neighbours/pca"}
POSTERIOR = {"loss/kl", "active_units", "kl_per_dimension"}
LIKELIHOOD = {"nll/1", "nll/10", "nll/20", "elbo"}
CODES = {"mmd2", "codes/largest_mean", "codes/largest_mean/train",
         "codes/smallest_std", "codes/largest_std",
         "codes/mean", "codes/std", "prior/mean", "prior/std"}  # fmt: skip
JUDGED = {"judge/accuracy", "frechet", "frechet/floor"} | {
    f"{whose}/{what}"
    for whose in ("samples", "test")
    for what in ("classes", "class_entropy", "sure")
}
CHAIN = {"chain/classes", "chain/change_rate"}
PARZEN = {"parzen", "parzen/train_images", "parzen/gaussian"}
ATTACK = {
    f"attack/{what}"
    for what in ("clean", "noise", "attacked", "excess", "excess_of_noise")
}

# -- what is there ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "names"),
    [
        ("vae", DIGITS | POSTERIOR | LIKELIHOOD | CODES | JUDGED | PARZEN),
        later("dynamic", DIGITS | POSTERIOR | LIKELIHOOD | CODES | JUDGED | PARZEN),
        later("squared", DIGITS | POSTERIOR | CODES | JUDGED | PARZEN),
        ("plane", ANY | POSTERIOR | CODES),
        later("aae", DIGITS | {"loss/adversarial_prior"} | CODES | JUDGED | PARZEN),
        later("gsn", DIGITS - PCA | JUDGED | PARZEN | CHAIN),
        later("attacked", DIGITS | ATTACK | {"attack/adversarial_input"}
         | {"loss/adversarial_input"}),
        ("stacked", DIGITS),
        ("nine", DIGITS | {"anomaly/mse", "anomaly/auroc"}),
    ],
)  # fmt: skip
def test_a_run_has_the_figures_that_apply(evaluated: Evaluated, run: str, names: set):
    """Each with value, error, unit and a definition in a line; the others are noted."""
    found = evaluated(run)
    assert found.keys() == {"seed", "data", "figures", "notes"}
    assert found["data"]["of_the_run"]
    assert found["figures"].keys() == names
    for name, entry in found["figures"].items():
        assert entry.keys() == {"value", "standard_error", "unit", "definition"}, name
        assert np.isfinite(entry["value"]).all(), name
        assert entry["standard_error"] is None or entry["standard_error"] >= 0, name
        assert entry["unit"], name
        assert entry["definition"].splitlines() == [entry["definition"]], name
    notes = " ".join(found["notes"])
    for what, said in {
        "nll/1": "No log-likelihood: ",
        "psnr": "No PSNR and SSIM: ",
        "linear_probe": "No probe, neighbours and clusters: ",
        "pca/mse": "No PCA: ",
        "anomaly/auroc": "No anomaly detection: ",
        "mmd2": "No codes beside a prior: ",
        "parzen": "No Parzen log-likelihood: ",
        "frechet": "No class coverage and Frechet distance: ",
        "attack/clean": "No attack: ",
    }.items():
        sampled = "No figures of samples: " in notes and what in ("parzen", "frechet")
        assert (said in notes or sampled) == (what not in names), what


def test_the_folder_has_the_figures_and_pictures(evaluated: Evaluated):
    """A second time another folder, with the same bytes for the same command."""
    made = [evaluated.again("vae", f"task.seed={seed}") for seed in (3, 3, 4)]
    assert len(set(made)) == 3
    assert {path.parent for path in made} == {evaluated.run("vae")}
    contents = []
    for path in made:
        files = {file.name: file.read_bytes() for file in path.iterdir()}
        assert files.keys() == {
            "evaluation.json",
            "errors.csv",
            "best_worst.png",
            "kl_per_dimension.png",
        }
        contents.append(files)
    assert contents[0] == contents[1]
    first, _, other = (json.loads(c["evaluation.json"])["figures"] for c in contents)
    for name in ("nll/20", "mmd2", "parzen", "frechet", "samples/sure"):
        assert first[name]["value"] != other[name]["value"], name
    for name in ("mse", "frechet/floor", "kl_per_dimension"):
        assert first[name] == other[name], name
    for name in ("kl_per_dimension.png", "best_worst.png"):
        with Image.open(made[0] / name) as image:
            assert min(image.size) > 100


@pytest.mark.parametrize("run", [later("gsn"), "fixed_gsn"])
def test_the_classes_of_a_chain_are_told_and_shown(evaluated: Evaluated, run: str):
    """Of each step from the first ten test examples; with a picture."""
    made = evaluated.again(run)
    figures = json.loads((made / "evaluation.json").read_text())["figures"]
    grey, trained = make("model=gsn")[1].data, aerun.load(evaluated.run(run))
    judged, x = judge(grey), load_data(trained.config).test.gather(slice(10))
    steps = [judged.probabilities(16 * means.double().numpy()).argmax(1)
             for means in walk(trained.model, x, 50, seed=0)]  # fmt: skip
    visited = np.mean([len(set(chain)) for chain in np.stack(steps).T])
    assert figures["chain/classes"]["value"] == pytest.approx(visited)
    assert "chains of 50 steps from 10 test examples" in figures["chain/classes"][
        "definition"]  # fmt: skip
    with Image.open(made / "chain.png") as image:
        assert min(image.size) > 200


def test_figures_are_printed_as_a_table(evaluated: Evaluated, capsys):
    """A line of each, value +- error, then what was left out and where to look."""
    mse = evaluated.summary("stacked")["test/mse"]
    assert main(["task=evaluate", "run=stacked", "task.eps=0.05", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:5] == ["mse", f"{mse:.5f}", "+-", lines[0].split()[3],
                                    "scaled"]  # fmt: skip
    assert sum(line.startswith("attack/") for line in lines) == 5
    assert any(line.startswith("No log-likelihood: ") for line in lines)
    assert lines[-1].startswith("Look at ")
    assert lines[-1].endswith("evaluation.json")


def test_an_error_decides_how_many_digits_are_shown():
    """Two of the error, as far of the value; lists by their range."""
    rows = {
        (1234.5678, 3.21): "1234.6 +- 3.2",
        (0.0123456, 0.000456): "0.01235 +- 0.00046",
        (12.0, None): "12 ",
        (3, None): "3 ",
        (-5.0, 123.0): "-5 +- 123",
        ((0.5, -0.25), None): "-0.25 to 0.5",
    }
    for (value, error), shown in rows.items():
        value = list(value) if isinstance(value, tuple) else value
        figure = Figure(name="a", value=value, standard_error=error, unit="nats",
                        definition="what it is")  # fmt: skip
        (line,) = table([figure])
        assert line.startswith(f"a  {shown}"), line
        assert line.endswith("  nats  what it is")


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run=vae", "task.samples=0"], "task.samples=0: must be"),
        (["run=vae", "task.images=0"], "task.images=0: must be"),
        (["run=vae", "task.images=all"], "task.images=all: must be"),
        (["run=vae", "task.centres=1"], "task.centres=1: must be"),
        (["run=vae", "task.labelled=0"], "task.labelled=0: must be"),
        (["run=vae", "task.neighbours=0"], "task.neighbours=0: must be"),
        (["run=vae", "task.noise=-1"], "task.noise=-1: must be"),
        (["run=vae", "task.eps=0"], "task.eps=0: must be"),
        (["run=vae", "task.seed=-1"], "task.seed=-1: must be"),
        (["run=vae", "task.sample=3"], "task.sample=3: "),
        (["run=vae", "seed=1"], "seed=1: is settled by the run"),
        (["run=vae", "dataset.binarize=fixed"], "is settled by the run"),
        (["run=vae", "dataset=plane"], "the run's model takes"),
        (["run=nowhere"], "run=nowhere: there is no folder"),
        ([], "run: is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_refused(
    evaluated: Evaluated, capsys, arguments: list[str], said: str
):
    """One message, exit code 2, nothing computed or written."""
    before = set(evaluated.run("vae").parent.rglob("*"))
    assert main(["task=evaluate", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert set(evaluated.folder.rglob("*")) == before


def test_a_failure_leaves_no_empty_folder(evaluated: Evaluated, monkeypatch):
    """The next evaluation is the first again."""

    def fail(*arguments: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(tasks_evaluate, "judge", fail)
    before = set(evaluated.run("vae").iterdir())
    assert main(["task=evaluate", "run=vae", *SMALL]) == 1
    assert set(evaluated.run("vae").iterdir()) == before
