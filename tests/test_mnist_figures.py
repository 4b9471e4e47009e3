"""Systems trained on MNIST reach the figures that they are meant to reach."""

import pytest

import aerun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.mnist,
    pytest.mark.usefixtures("unpictured"),
]


def _metrics(tmp_path, *overrides):
    more = ("trainer.threads=1", "trainer.preview_every=0")
    run = aerun.run([*overrides, *more, f"hydra.run.dir={tmp_path / 'run'}"])
    return run.summary["metrics"], run.summary["health"]


@pytest.mark.parametrize(
    ("code", "mse", "degrees"), [(2, 0.055669, 1), (3, 0.051609, 1), (32, 0.016828, 5)]
)
def test_a_linear_autoencoder_is_pca(tmp_path, code, mse, degrees):
    """Error and subspace are those of PCA fitted to the official training set."""
    metrics, _ = _metrics(
        tmp_path, "experiment=lecture/pca", "dataset=mnist", f"model.code={code}"
    )
    assert metrics["pca/mse"] == pytest.approx(mse, rel=2e-3)
    assert metrics["test/mse"] == pytest.approx(metrics["pca/mse"], rel=0.01)
    assert metrics["pca/largest_angle"] < degrees


def test_the_lectures_simple_autoencoder_beats_pca(tmp_path):
    """784-128-64-12-3 reaches 0.040, which PCA with three components does not."""
    metrics, _ = _metrics(tmp_path, "experiment=lecture/simple")
    assert metrics["test/mse"] <= 0.040
    assert metrics["pca/mse"] == pytest.approx(0.0516, abs=2e-4)


def test_a_memorising_autoencoder_is_perfect_on_its_images_and_says_so(tmp_path):
    """Twenty images are learned by heart, others are not reconstructed at all."""
    metrics, health = _metrics(tmp_path, "experiment=lecture/memorising")
    assert metrics["train/mse"] < 1e-3
    assert metrics["test/mse"] > metrics["mean/mse"]
    assert any("training data are memorised" in sentence for sentence in health)


@pytest.mark.parametrize(("name", "mse"), [("stacked", 0.0104), ("tied", 0.0156)])
def test_the_stacked_autoencoders_reach_what_is_taught(tmp_path, name, mse):
    """The whole test set reaches the figure that was taught for one training batch."""
    metrics, _ = _metrics(tmp_path, f"experiment=lecture/{name}")
    assert metrics["test/mse"] <= mse
