"""task=evaluate: errors, what codes are good for, and anomalies, by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from evaluating import Evaluated, quiet
from making import make
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import aerun
from aerun.build import load_data
from aerun.data import Data
from aerun.evaluation import splits

pytestmark = [pytest.mark.slow, pytest.mark.shared]

pytest_plugins = ["evaluating"]


def _digits() -> Data:
    return make("model=stacked")[1].data


def _stored(data: Data, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Examples as stored, and their labels."""
    split = getattr(data, part)
    x = data.spec.unscaled(split.gather(slice(None)).double().numpy())
    return x, split.labels.numpy()


@pytest.mark.parametrize("run", ["stacked", "vae"])
def test_images_are_given_back_as_well_as_scikit_image_says(evaluated: Evaluated, run):
    """PSNR and SSIM of the arrays that Python gives; PCA's error by scikit-learn."""
    figures, model = evaluated.figures(run), aerun.load(evaluated.run(run))
    x, _ = _stored(_digits(), "test")
    pairs = list(zip(x[:, 0], model.reconstruct(x)[:, 0], strict=True))
    ratios = [peak_signal_noise_ratio(a, b, data_range=16) for a, b in pairs]
    alike = [structural_similarity(a, b, win_size=7, data_range=16) for a, b in pairs]
    assert figures["psnr"]["value"] == pytest.approx(np.mean(ratios), rel=1e-5)
    assert figures["ssim"]["value"] == pytest.approx(np.mean(alike), rel=1e-5)
    error = np.std(alike, ddof=1) / np.sqrt(len(alike))
    assert figures["ssim"]["standard_error"] == pytest.approx(error, rel=1e-4)
    train, _ = _stored(_digits(), "train")
    size = model.encode(x[:1]).shape[1]
    pca = PCA(size).fit(train.reshape(len(train), -1) / 16)
    flat = x.reshape(len(x), -1) / 16
    off = np.square(pca.inverse_transform(pca.transform(flat)) - flat).mean()
    assert figures["pca/mse"]["value"] == pytest.approx(off, rel=1e-4)


def test_the_objective_is_that_of_the_summary(evaluated: Evaluated):
    """And it is the sum of its terms; noise alone may differ."""
    figures, summary = evaluated.figures("vae"), evaluated.summary("vae")
    terms = [figures[f"loss/{name}"]["value"] for name in ("reconstruction", "kl")]
    assert figures["loss"]["value"] == pytest.approx(sum(terms), rel=1e-6)
    assert figures["loss/kl"]["value"] == pytest.approx(summary["test/kl"], rel=1e-5)
    assert figures["loss"]["value"] == pytest.approx(summary["test/loss"], rel=0.01)
    assert figures["pca/mse"]["value"] == pytest.approx(summary["pca/mse"], rel=1e-6)


def test_labels_are_found_in_codes_as_scikit_learn_finds_them(evaluated: Evaluated):
    """In codes, in PCA's and in the input, from the labels that are asked for.

    The penalty is the one that does best on validation digits.
    """
    figures = evaluated.figures("stacked", "task.labelled=400", "task.neighbours=3")
    model = aerun.load(evaluated.run("stacked"))
    (train, y), (held, v), (test, z) = (
        _stored(_digits(), part) for part in ("train", "validation", "test")
    )
    whole = train.reshape(len(train), -1)
    size = model.encode(train[:1]).shape[1]
    pca = PCA(size).fit(whole)
    train, y = train[:400], y[:400]
    parts = (train, held, test)
    rows = {
        "": tuple(model.encode(x) for x in parts),
        "/pca": tuple(pca.transform(x.reshape(len(x), -1)) for x in parts),
        "/input": tuple(x.reshape(len(x), -1) for x in parts),
    }
    for way, (a, h, b) in rows.items():
        scaler = StandardScaler().fit(a)
        scores = []
        for c in (0.001, 0.01, 0.1, 1.0):
            probe = LogisticRegression(C=c, max_iter=1000).fit(scaler.transform(a), y)
            score = probe.score(scaler.transform(h), v)
            scores.append((score, probe.score(scaler.transform(b), z)))
        # Another rounding may label one validation digit otherwise.
        least = max(scores)[0] - 1.01 / len(v)
        good = [right for score, right in scores if score >= least]
        found = figures[f"linear_probe{way}"]
        assert any(abs(found["value"] - right) < 1.01 / len(z) for right in good), way
        wanted = np.sqrt(found["value"] * (1 - found["value"]) / (len(z) - 1))
        assert found["standard_error"] == pytest.approx(wanted, rel=1e-6)
        right = KNeighborsClassifier(3).fit(a, y).score(b, z)
        value = figures[f"neighbours{way}"]["value"]
        assert value == pytest.approx(right, abs=1.01 / len(z)), way
    codes = rows[""][2].astype(np.float64)
    clusters = KMeans(10, n_init=10, random_state=0).fit_predict(codes)
    agreement = normalized_mutual_info_score(z, clusters)
    assert figures["clusters/nmi"]["value"] == pytest.approx(agreement, abs=1e-6)


def test_averages_do_not_depend_on_the_batch_size(
    evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
):
    """Nor do their errors: a last batch of few examples counts as much as it holds."""
    wanted = evaluated.figures("sparse")
    monkeypatch.setattr(splits, "_BATCH", 100)  # the last of 359 holds 59
    made = evaluated.again("sparse") / "evaluation.json"
    found = json.loads(made.read_text())["figures"]
    assert found.keys() == wanted.keys()
    for name in found.keys() - {"invariance/code_shift"}:  # noise in other order
        for what in ("value", "standard_error"):
            a, b = found[name][what], wanted[name][what]
            assert a == b or a == pytest.approx(b, rel=1e-5), name


def test_a_contractive_code_holds_still(evaluated: Evaluated):
    """Its Jacobian is that of the summary, and larger noise moves it farther."""
    small, large = (
        evaluated.figures("contractive", f"task.noise={noise}")
        for noise in ("0.05", "0.2")
    )
    norm = evaluated.summary("contractive")["test/jacobian_norm"]
    value = small["invariance/jacobian_norm"]["value"]
    assert value == pytest.approx(norm, rel=1e-5)
    moved = [f["invariance/code_shift"]["value"] for f in (small, large)]
    assert 4 < moved[1] / moved[0] < 40


def test_each_error_stands_in_a_table(evaluated: Evaluated):
    """In the order of the test part, with the labels; the averages are theirs."""
    folder = evaluated.again("stacked")
    with open(folder / "errors.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = json.loads((folder / "evaluation.json").read_text())["figures"]
    _, labels = _stored(_digits(), "test")
    assert [int(row["example"]) for row in rows] == list(range(len(labels)))
    assert [int(row["label"]) for row in rows] == labels.tolist()
    for name in ("mse", "psnr", "ssim"):
        mean = np.mean([float(row[name]) for row in rows])
        assert figures[name]["value"] == pytest.approx(mean, rel=1e-9), name


# -- anomalies -------------------------------------------------------------------------


def test_a_class_left_out_is_an_anomaly(evaluated: Evaluated):
    """Its test examples against the others, by the error of their reconstruction."""
    figures = evaluated.figures("nine")
    model = aerun.load(evaluated.run("nine"))
    x, labels = _stored(_digits(), "test")
    errors = np.square(model.reconstruct(x) - x).reshape(len(x), -1).mean(1) / 16**2
    wanted = roc_auc_score(labels == 0, errors)
    found = figures["anomaly/auroc"]
    assert found["value"] == pytest.approx(wanted, abs=1e-6)
    assert 0 < found["standard_error"] < 0.1
    zeros = errors[labels == 0]
    assert figures["anomaly/mse"]["value"] == pytest.approx(zeros.mean(), rel=1e-5)
    assert f"{len(zeros)} test examples of what was left out (0)" in found["definition"]


def _others(folder: Path) -> np.ndarray:
    """Noise in the shape of digits, in a file of its own."""
    images = np.random.default_rng(0).integers(0, 17, (40, 8, 8), dtype=np.uint8)
    np.save(folder / "other.npy", images)
    return images


def test_other_examples_are_anomalies(evaluated: Evaluated):
    """They are scaled as the run's; a warning says that they are others."""
    directory = evaluated.run("stacked")
    _others(evaluated.folder)
    asked = ["run=stacked", "dataset=array", "dataset.path=other.npy"]
    told, warned = quiet("task=evaluate", *asked)
    assert "not the examples that the run was trained on" in warned
    made = json.loads((Path(told.strip()) / "evaluation.json").read_text())
    model = aerun.load(directory)
    assert made["data"]["of_the_run"] is False
    assert made["data"]["path"] == "other.npy"
    figures, notes = made["figures"], " ".join(made["notes"])
    x, _ = _stored(load_data(model.config), "test")
    own = np.square(model.reconstruct(x) - x).reshape(len(x), -1).mean(1)
    assert figures["mse"]["value"] > 3 * own.mean() / 16**2
    assert figures["anomaly/mse"] == figures["mse"] | {
        "definition": figures["anomaly/mse"]["definition"]}  # fmt: skip
    assert figures["anomaly/auroc"]["value"] > 0.95
    assert "of 359 of the run's test examples" in figures["anomaly/auroc"]["definition"]
    assert "No probe, neighbours and clusters: the data have no labels." in notes


def test_a_run_whose_examples_are_gone_detects_nothing(evaluated: Evaluated):
    """That is said; what needs only the others is measured."""
    images = _others(evaluated.folder)
    np.save(evaluated.folder / "mine.npy", images % 5)
    quiet("model=stacked", "dataset=array", "dataset.path=mine.npy",
          "trainer.epochs=1", "trainer.threads=1", "hydra.run.dir=gone")  # fmt: skip
    (evaluated.folder / "mine.npy").unlink()
    asked = ["run=gone", "dataset=array", "dataset.path=other.npy"]
    told, warned = quiet("task=evaluate", *asked)
    assert "own examples are not to be had" in warned
    made = json.loads((Path(told.strip()) / "evaluation.json").read_text())
    assert "anomaly/auroc" not in made["figures"]
    assert "mse" in made["figures"]
    for what in ("No anomaly detection", "No PCA"):
        assert f"{what}: the run's own examples" in " ".join(made["notes"])


def test_classes_left_out_of_the_training_are_kept_of_other_data(evaluated: Evaluated):
    """And so are all examples, however few the run was trained on."""
    evaluated.run("nine")
    images = _others(evaluated.folder)
    labels = np.arange(len(images)) % 3
    np.savez(evaluated.folder / "labelled.npz", x=images, y=labels)
    told, _ = quiet("task=evaluate", "run=nine", "dataset=array",
                    "dataset.path=labelled.npz")  # fmt: skip
    folder = Path(told.strip())
    made = json.loads((folder / "evaluation.json").read_text())
    rows = (folder / "errors.csv").read_text().splitlines()[1:]
    assert made["data"]["test_examples"] == len(rows) == 8
    assert {row.split(",")[1] for row in rows} >= {"0"}


def test_no_more_neighbours_vote_than_there_are(evaluated: Evaluated):
    """The definition says how many it was."""
    asked = ("task.labelled=30", "task.neighbours=100")
    text = evaluated.figures("stacked", *asked)["neighbours"]["definition"]
    assert "the vote of 30 neighbours among 30" in text
