"""task=evaluate: figures of a trained run with errors, units and definitions."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from making import make
from PIL import Image

import aerun
from aerun.build import load_data
from aerun.cli import main
from aerun.data import Split
from aerun.draws import with_noise
from aerun.evaluation import of_samples
from aerun.evaluation.chains import walk
from aerun.evaluation.distances import frechet_distance
from aerun.evaluation.entries import Figure, table
from aerun.evaluation.judge import class_figures, judge
from aerun.evaluation.of_classes import entropy_error
from aerun.tasks import evaluate as tasks_evaluate
from aerun.trained import trained_objective

FEW = ["trainer.epochs=4", "trainer.threads=1", "trainer.preview_every=0"]
SMALL = ["task.samples=20", "task.centres=300", "task.steps=50"]

RUNS = {
    "vae": ["model=vae"],
    "dynamic": ["model=vae", "dataset.binarize=dynamic"],
    "fixed": ["model=vae", "dataset.binarize=fixed"],
    "squared": ["model=vae", "loss=mse", "model.output_activation=sigmoid"],
    "aae": ["model=aae"],
    "attacked": ["model=adversarial", "regularizer.adversarial_input.eps=0.1"],
    "stacked": ["model=stacked"],
    "gsn": ["model=gsn", "trainer.epochs=1"],
    "fixed_gsn": ["model=gsn", "trainer.epochs=1", "dataset.binarize=fixed"],
    "plane": ["model=vae", "loss=mse", "dataset=plane", "dataset.limit=100"],
}

POSTERIOR = {"active_units", "kl_per_dimension"}
LIKELIHOOD = {"nll/1", "nll/10", "nll/20", "elbo"}
CODES = {"mmd2", "codes/largest_mean", "codes/smallest_std", "codes/largest_std",
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

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short run of each kind of model."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        _work_in(folder, patch)
        for name, asked in RUNS.items():
            assert main([f"hydra.run.dir={name}", *FEW, *asked]) == 0
    return folder


def _work_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.delenv("AERUN_CONFIG_PATH", raising=False)
    patch.setenv("AERUN_CACHE", str(folder / "cache"))


@pytest.fixture
def runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to work in."""
    _work_in(folder, monkeypatch)
    return folder


@pytest.fixture(scope="module")
def once() -> dict[tuple[str, ...], dict[str, Any]]:
    """What was found so far, by what was asked."""
    return {}


@pytest.fixture
def evaluated(runs: Path, once: dict, capsys: pytest.CaptureFixture[str]) -> Ask:
    """What evaluation.json holds of a run; each request is carried out once."""

    def ask(*asked: str) -> dict[str, Any]:
        if asked not in once:
            run, *overrides = asked
            made = _evaluate(capsys, run, *overrides)
            once[asked] = json.loads((made / "evaluation.json").read_text())
        return once[asked]

    return ask


def _evaluate(capsys: pytest.CaptureFixture[str], run: str, *overrides: str) -> Path:
    """The folder that -q prints, and nothing else."""
    capsys.readouterr()
    assert main(["-q", "task=evaluate", f"run={run}", *SMALL, *overrides]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return Path(printed.out.removesuffix("\n"))


def _summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())["metrics"]


# -- what is there ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "names"),
    [
        ("vae", POSTERIOR | LIKELIHOOD | CODES | JUDGED | PARZEN),
        ("dynamic", POSTERIOR | LIKELIHOOD | CODES | JUDGED | PARZEN),
        ("squared", POSTERIOR | CODES | JUDGED | PARZEN),
        ("plane", POSTERIOR | CODES),
        ("aae", CODES | JUDGED | PARZEN),
        ("gsn", JUDGED | PARZEN | CHAIN),
        ("attacked", ATTACK | {"attack/adversarial_input"}),
        ("stacked", set()),
    ],
)
def test_a_run_has_the_figures_that_apply(evaluated: Ask, run: str, names: set):
    """Each with value, error, unit and a definition in a line; the others are noted."""
    found = evaluated(run)
    assert found.keys() == {"seed", "figures", "notes"}
    assert found["figures"].keys() == {"mse"} | names
    for name, entry in found["figures"].items():
        assert entry.keys() == {"value", "standard_error", "unit", "definition"}, name
        assert np.isfinite(entry["value"]).all(), name
        assert entry["standard_error"] is None or entry["standard_error"] >= 0, name
        assert entry["unit"], name
        assert entry["definition"].splitlines() == [entry["definition"]], name
    notes = " ".join(found["notes"])
    for what, said in {
        "nll/1": "No log-likelihood: ",
        "mmd2": "No codes beside a prior: ",
        "parzen": "No Parzen log-likelihood: ",
        "frechet": "No class coverage and Frechet distance: ",
        "attack/clean": "No attack: ",
    }.items():
        sampled = "No figures of samples: " in notes and what in ("parzen", "frechet")
        assert (said in notes or sampled) == (what not in names), what


def test_the_folder_has_the_figures_and_a_picture(runs, capsys):
    """A second time another folder, with the same bytes for the same command."""
    made = [_evaluate(capsys, "vae", f"task.seed={seed}") for seed in (3, 3, 4)]
    assert len(set(made)) == 3
    assert {path.parent for path in made} == {runs / "vae"}
    contents = []
    for path in made:
        files = {file.name: file.read_bytes() for file in path.iterdir()}
        assert files.keys() == {"evaluation.json", "kl_per_dimension.png"}
        contents.append(files)
    assert contents[0] == contents[1]
    first, _, other = (json.loads(c["evaluation.json"])["figures"] for c in contents)
    for name in ("nll/20", "mmd2", "parzen", "frechet", "samples/sure"):
        assert first[name]["value"] != other[name]["value"], name
    for name in ("mse", "frechet/floor", "kl_per_dimension"):
        assert first[name] == other[name], name
    with Image.open(made[0] / "kl_per_dimension.png") as image:
        assert min(image.size) > 100


@pytest.mark.parametrize("run", ["gsn", "fixed_gsn"])
def test_the_classes_of_a_chain_are_told_and_shown(runs, capsys, run):
    """Of each step from the first ten test examples; with a picture."""
    made = _evaluate(capsys, run)
    figures = json.loads((made / "evaluation.json").read_text())["figures"]
    grey, trained = make("model=gsn")[1].data, aerun.load(runs / run)
    judged, x = judge(grey), load_data(trained.config).test.gather(slice(10))
    steps = [judged.probabilities(16 * means.double().numpy()).argmax(1)
             for means in walk(trained.model, x, 50, seed=0)]  # fmt: skip
    visited = np.mean([len(set(chain)) for chain in np.stack(steps).T])
    assert figures["chain/classes"]["value"] == pytest.approx(visited)
    assert "chains of 50 steps from 10 test examples" in figures["chain/classes"][
        "definition"]  # fmt: skip
    with Image.open(made / "chain.png") as image:
        assert min(image.size) > 200


def test_figures_are_printed_as_a_table(runs, capsys):
    """A line of each, value +- error, then what was left out and where to look."""
    assert main(["task=evaluate", "run=stacked", "task.eps=0.05", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    mse = _summary(runs / "stacked")["test/mse"]
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


# -- what they are ---------------------------------------------------------------------


@pytest.mark.parametrize("run", ["vae", "dynamic", "aae", "gsn", "stacked", "plane"])
def test_the_mse_is_that_of_the_summary(evaluated: Ask, runs: Path, run: str):
    """Its error is the deviation over examples by the root of their number."""
    entry = evaluated(run)["figures"]["mse"]
    assert entry["value"] == pytest.approx(_summary(runs / run)["test/mse"], rel=1e-6)
    if run == "stacked":
        data = make("model=stacked")[1].data
        x = data.test.gather(slice(None)).numpy()
        recon = aerun.load(runs / run).reconstruct(data.spec.unscaled(x)) / 16
        errors = np.square(recon - x).reshape(len(x), -1).mean(1)
        wanted = errors.std(ddof=1) / np.sqrt(len(x))
        assert entry["standard_error"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("run", ["vae", "dynamic", "fixed"])
def test_likelihoods_lie_above_their_bound(evaluated: Ask, runs: Path, run: str):
    """NLL(k) falls with k to below -ELBO, which is the loss of training."""
    figures = evaluated(run)["figures"]
    values = [figures[f"nll/{k}"]["value"] for k in (1, 10, 20)]
    errors = [figures[f"nll/{k}"]["standard_error"] for k in (1, 10, 20)]
    assert values[1] < values[0] + 3 * errors[0]
    assert values[2] < values[1] + errors[1]
    bound = -figures["elbo"]["value"]
    assert values[2] < bound
    assert values[0] == pytest.approx(bound, abs=4 * errors[0])
    loss = _summary(runs / run)["test/loss"]
    assert bound == pytest.approx(loss, abs=5 * figures["elbo"]["standard_error"])


def test_what_is_no_likelihood_is_said(evaluated: Ask):
    """Of grey values it is a cross-entropy; how ones were drawn is named."""
    said = {
        run: evaluated(run)["figures"]["nll/20"]["definition"]
        for run in ("vae", "dynamic", "fixed")
    }
    assert said["vae"].startswith("cross-entropy, no likelihood of grey values")
    assert "binarised" not in said["vae"]
    for run in ("dynamic", "fixed"):
        assert said[run].startswith("-log p(x) with 20 importance samples")
        assert f"dataset.binarize={run}" in said[run]


def test_only_the_first_images_are_taken(evaluated: Ask):
    """``task.images`` of them, those of which larger requests take more."""
    few = evaluated("vae", "task.images=30")["figures"]
    many = evaluated("vae")["figures"]
    assert "30 test examples" in few["nll/1"]["definition"]
    assert "359 test examples" in many["nll/1"]["definition"]
    errors = [figures["nll/20"]["standard_error"] for figures in (few, many)]
    assert 2 < errors[0] / errors[1] < 6


def test_anchors_stand_beside_what_they_measure(evaluated: Ask):
    """They are the same for every model, and real images come out better."""
    runs = ("vae", "aae", "gsn", "fixed")
    figures = [evaluated(run)["figures"] for run in runs]
    for name in (*PARZEN - {"parzen"}, "frechet/floor", "test/sure", "judge/accuracy"):
        assert len({found[name]["value"] for found in figures}) == 1, name
    for found in figures:
        assert found["frechet"]["value"] > 3 * found["frechet/floor"]["value"]
        assert found["parzen"]["value"] < found["parzen/train_images"]["value"]
        assert found["judge/accuracy"]["value"] > 0.95
        assert 1 <= found["samples/classes"]["value"] <= 10
    assert len({found["parzen"]["value"] for found in figures}) == len(runs)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"shape": (64,)}, "it is for images."),
        ({"low": -1.0}, "the data lie in [-1, 1], not in [0, 1]."),
        ({"shape": (3, 64, 64)}, "an image has 12,288 values, more than 4,096."),
    ],
)
def test_parzen_windows_are_for_images_between_0_and_1(changes, said):
    """Of other data, or of images too large, a note says why there are none."""
    spec = replace(make("model=vae")[1].data.spec, **changes)
    assert of_samples._no_parzen(spec) == said


def test_samples_are_judged_in_the_units_of_the_data(evaluated: Ask, runs: Path):
    """Classes and distances are by hand those of what ``sample`` gives in Python."""
    found = evaluated("vae")["figures"]
    data = make("model=vae")[1].data
    samples = aerun.load(runs / "vae").sample(300, seed=0)
    judged = judge(data)
    wanted = class_figures(judged.probabilities(samples))
    assert found["samples/classes"]["value"] == wanted.num_classes
    assert found["samples/class_entropy"]["value"] == pytest.approx(wanted.entropy)
    assert found["samples/sure"]["value"] == wanted.share_sure
    assert found["samples/sure"]["standard_error"] == wanted.share_sure_error

    def features(split: Split, number: int) -> torch.Tensor:
        x = data.spec.unscaled(split.gather(slice(number)).double().numpy())
        return torch.from_numpy(judged.features(x))

    test = features(data.test, len(data.test))
    distance = frechet_distance(torch.from_numpy(judged.features(samples)), test)
    floor = frechet_distance(features(data.train, 300), test)
    assert found["frechet"]["value"] == pytest.approx(distance, rel=1e-3)
    assert found["frechet/floor"]["value"] == pytest.approx(floor, rel=1e-3)


def test_the_error_of_an_entropy_is_that_of_many_histograms():
    """The spread of entropies of as many labels, drawn again and again."""
    shares = [0.6, 0.25, 0.1, 0.05]
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(500, shares, 2000) / 500
    entropies = -(drawn * np.log(drawn)).sum(1)
    rows = np.repeat(np.eye(4), [300, 125, 50, 25], axis=0)
    error = entropy_error(rows, class_figures(rows).entropy)
    assert error == pytest.approx(entropies.std(), rel=0.05)


def test_codes_are_compared_with_the_prior(evaluated: Ask, runs: Path):
    """Their moments are by hand; those of a short training are not the prior's."""
    found = evaluated("aae")["figures"]
    data = make("model=aae")[1].data
    x = data.spec.unscaled(data.test.gather(slice(None)).numpy())
    codes = aerun.load(runs / "aae").encode(x)
    means, stds = codes.mean(0), codes.std(0, ddof=1)
    np.testing.assert_allclose(found["codes/mean"]["value"], means, rtol=1e-4)
    np.testing.assert_allclose(found["codes/std"]["value"], stds, rtol=1e-4)
    off = (means - found["prior/mean"]["value"]) / found["prior/std"]["value"]
    largest = means[np.abs(off).argmax()]
    assert found["codes/largest_mean"]["value"] == pytest.approx(largest, rel=1e-4)
    beside = stds / found["prior/std"]["value"]
    for name, place in (("smallest", beside.argmin()), ("largest", beside.argmax())):
        value = found[f"codes/{name}_std"]["value"]
        assert value == pytest.approx(stds[place], rel=1e-4)
    np.testing.assert_allclose(found["prior/std"]["value"], 2, rtol=0.15)
    np.testing.assert_allclose(found["prior/mean"]["value"], 0, atol=0.5)
    assert found["mmd2"]["value"] > 10 * found["mmd2"]["standard_error"] > 0


def test_codes_of_a_posterior_are_drawn(evaluated: Ask, runs: Path):
    """Their variance is that of the means and of the posteriors around them."""
    found = evaluated("vae")["figures"]
    data = make("model=vae")[1].data
    x = data.spec.unscaled(data.test.gather(slice(None)).numpy())
    means = aerun.load(runs / "vae").encode(x)
    assert (np.array(found["codes/std"]["value"]) > 1.2 * means.std(0)).all()
    np.testing.assert_allclose(found["codes/std"]["value"], 1, atol=0.25)
    assert found["mmd2"]["value"] < 0.1
    assert "posteriors" in found["mmd2"]["definition"]


def test_a_run_with_an_attacker_is_attacked_as_hard(evaluated: Ask):
    """At the size of its training, or the one that is asked for."""
    own = evaluated("attacked")["figures"]
    assert "within 0.1 that" in own["attack/attacked"]["definition"]
    clean, noise, attacked = (
        own[f"attack/{name}"]["value"] for name in ("clean", "noise", "attacked")
    )
    assert clean == pytest.approx(own["mse"]["value"], rel=1e-6)
    assert clean < noise < attacked
    assert own["attack/excess"]["value"] == pytest.approx(attacked - clean)
    harder = evaluated("attacked", "task.eps=0.3")["figures"]
    assert "within 0.3 that" in harder["attack/attacked"]["definition"]
    assert harder["attack/attacked"]["value"] > 1.5 * attacked
    itself = evaluated("attacked", "task.target=attacked")["figures"]
    assert "mse against what the model was given" in itself["attack/attacked"][
        "definition"]  # fmt: skip
    assert itself["attack/noise"]["value"] != own["attack/noise"]["value"]
    few = evaluated("stacked", "task.eps=0.1", "task.images=7")["figures"]
    assert "mse of 7 test" in few["attack/clean"]["definition"]


def test_the_trained_attacker_is_measured_too(evaluated: Ask, runs: Path):
    """Its errors are by hand those of its last weights, less than a fresh attack's."""
    figures = evaluated("attacked")["figures"]
    objective = trained_objective(
        aerun.load(runs / "attacked").config, runs / "attacked"
    )
    x = make("model=adversarial")[1].data.test.gather(slice(None))
    attacker = objective.regularizers["adversarial_input"].call
    with torch.no_grad():
        given = with_noise(lambda draws: attacker.attack(x, 0.1, draws), x, seed=0)
        recon = objective.model.eval()(given).recon
    value = figures["attack/adversarial_input"]["value"]
    assert value == pytest.approx(float((recon - x).square().mean()), rel=1e-4)
    assert value < figures["attack/attacked"]["value"]


def test_steps_of_a_chain_are_no_independent_samples(evaluated: Ask):
    """A note says what that does to the errors."""
    found = evaluated("gsn")
    assert "consecutive steps of chains" in found["figures"]["parzen"]["definition"]
    assert any("depend on each other" in note for note in found["notes"])
    assert not any("depend on each other" in n for n in evaluated("vae")["notes"])


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run=vae", "task.samples=0"], "task.samples=0: must be"),
        (["run=vae", "task.images=0"], "task.images=0: must be"),
        (["run=vae", "task.images=all"], "task.images=all: must be"),
        (["run=vae", "task.centres=1"], "task.centres=1: must be"),
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
def test_what_cannot_be_evaluated_is_refused(runs, capsys, arguments, said):
    """One message, exit code 2, nothing computed or written."""
    before = set(runs.rglob("*"))
    assert main(["task=evaluate", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert set(runs.rglob("*")) == before


def test_other_examples_are_said_to_be_others(runs, capsys):
    """They are scaled as the run's; a warning names the case."""
    images = np.random.default_rng(0).integers(0, 9, (40, 8, 8), dtype=np.uint8)
    np.save(runs / "other.npy", images)
    asked = ["run=stacked", "dataset=array", "dataset.path=other.npy"]
    assert main(["-q", "task=evaluate", *asked]) == 0
    printed = capsys.readouterr()
    assert "not the examples that the run was trained on" in printed.err
    made = json.loads((Path(printed.out.strip()) / "evaluation.json").read_text())
    recon = aerun.load(runs / "stacked").reconstruct(images)[:, 0]
    off = np.square((recon - images) / 16)
    assert made["figures"]["mse"]["value"] == pytest.approx(off.mean(), rel=0.2)


def test_a_failure_leaves_no_empty_folder(runs, monkeypatch):
    """The next evaluation is the first again."""

    def fail(*arguments: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(tasks_evaluate, "judge", fail)
    before = set((runs / "vae").iterdir())
    assert main(["task=evaluate", "run=vae", *SMALL]) == 1
    assert set((runs / "vae").iterdir()) == before
