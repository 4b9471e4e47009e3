"""aerun from Python: the command as a function, and a trained model's methods."""

import signal

import numpy as np
import pytest
from making import draw_nothing
from sklearn.datasets import load_digits

import aerun
from aerun.api import Run
from aerun.config.mistakes import BadRequest
from aerun.signals import handled
from aerun.tasks import train

pytestmark = pytest.mark.usefixtures("unpictured")

SMALL = ["trainer.threads=1", "trainer.epochs=3", "trainer.preview_every=0"]


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    """A small variational run."""
    where = tmp_path_factory.mktemp("api") / "vae"
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        return aerun.run(
            [*SMALL, "model=vae", "model.hidden=[32]", "model.code=4",
             f"hydra.run.dir={where}"]
        )  # fmt: skip


def test_run_returns_the_run_with_its_record(vae):
    """Directory, summary, metrics and config are at hand."""
    assert vae.directory.name == "vae"
    assert vae.summary["status"] == "completed"
    assert vae.summary["metrics"]["test/mse"] > 0
    assert [row["epoch"] for row in vae.metrics] == [1, 2, 3]
    assert vae.config["model"]["code"] == 4
    assert vae.config["format"] == 1
    assert "auto" not in str(vae.config)


def test_run_raises_what_the_command_would_print(tmp_path, monkeypatch):
    """A bad request is an exception with the same message; nothing is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRequest, match=r"Did you mean 'trainer\.epochs'"):
        aerun.run(["trainer.epoch=3"])
    with pytest.raises(BadRequest, match="-m"):
        aerun.run(["-m", "seed=0,1"])
    assert list(tmp_path.iterdir()) == []


def test_a_trained_model_takes_and_gives_arrays_in_the_units_of_the_data(vae):
    """Digits go in and come out as 0 to 16; codes have the size asked for."""
    model = aerun.load(vae.directory)
    images = load_digits().images[:20]
    codes = model.encode(images)
    assert codes.shape == (20, 4)
    recon = model.reconstruct(images)
    assert recon.shape == (20, 1, 8, 8)
    assert recon.min() >= 0
    assert 8 < recon.max() <= 16
    np.testing.assert_allclose(model.decode(codes), recon, atol=1e-4)
    mse = np.mean(((recon[:, 0] - images) / 16) ** 2)
    assert mse == pytest.approx(vae.summary["metrics"]["test/mse"], rel=0.3)


def test_errors_are_those_of_reconstructions(vae):
    """Of each example, in scaled units; what was reconstructed need not be again."""
    model, images = aerun.load(vae.directory), load_digits().images[:20]
    recon = model.reconstruct(images)
    wanted = np.square((recon[:, 0] - images) / 16).mean((1, 2))
    np.testing.assert_allclose(model.errors(images), wanted, rtol=1e-6)
    np.testing.assert_allclose(model.errors(images, recon), wanted, rtol=1e-6)
    with pytest.raises(ValueError, match="this model takes"):
        model.errors(images[:, :4])


def test_the_newest_evaluation_is_at_hand(vae):
    """The tenth after the ninth; without one, the command that makes it is said."""
    with pytest.raises(FileNotFoundError, match="aerun task=evaluate run="):
        _ = vae.evaluation
    for name in ("evaluate", "evaluate_9", "evaluate_10"):
        (vae.directory / name).mkdir()
        (vae.directory / name / "evaluation.json").write_text(f'{{"seed": "{name}"}}')
    assert vae.evaluation == {"seed": "evaluate_10"}


def test_a_variational_model_stays_random_when_asked(vae):
    """sample=True decodes a sample of the code, seeded; without it the mean."""
    model = vae.load()
    images = load_digits().images[:3]
    mean = model.reconstruct(images)
    one, same = (model.reconstruct(images, sample=True, seed=1) for _ in range(2))
    other = model.reconstruct(images, sample=True, seed=2)
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)
    assert not np.allclose(one, mean)
    assert np.array_equal(mean, model.reconstruct(images))


def test_samples_are_seeded_and_need_a_prior(vae, tmp_path):
    """A generative model samples; another says that it cannot."""
    model = vae.load()
    assert model.sample(5).shape == (5, 1, 8, 8)
    assert np.array_equal(model.sample(5, seed=3), model.sample(5, seed=3))
    run = aerun.run([*SMALL, "model=linear", f"hydra.run.dir={tmp_path / 'linear'}"])
    with pytest.raises(TypeError, match="no prior"):
        run.load().sample(1)


def test_wrong_shapes_and_absent_runs_are_clear_errors(vae, tmp_path):
    """What does not fit is named with the shape that would."""
    with pytest.raises(ValueError, match=r"takes \[N, \*\[1, 8, 8\]\]"):
        vae.load().encode(np.zeros((2, 9, 9)))
    with pytest.raises(BadRequest, match="no folder"):
        aerun.load(tmp_path / "absent")


def test_codes_equal_those_of_the_run_itself(tmp_path):
    """A standardised table is scaled in and out by the numbers that the run kept."""
    x = np.random.default_rng(0).normal(5, [1, 10, 100], size=(80, 3))
    np.save(tmp_path / "table.npy", x)
    run = aerun.run(
        [*SMALL, "model=linear", "dataset=array", "dataset.scale=standard",
         f"dataset.path={tmp_path / 'table.npy'}", "trainer.epochs=200",
         "trainer.lr=0.02", f"hydra.run.dir={tmp_path / 'run'}"]
    )  # fmt: skip
    recon = run.load().reconstruct(x)
    scaled = (recon - x) / x.std(0)
    assert np.mean(scaled**2) < 0.45  # two of three equal shares of variance are kept
    assert run.config["data"]["scale"] == pytest.approx(x.std(0), rel=0.3)


def test_init_from_starts_from_another_runs_best_weights(vae, tmp_path):
    """With no epoch trained the new run evaluates like the old one."""
    run = aerun.run(
        ["trainer.threads=1", "trainer.epochs=0", "model=vae", "model.hidden=[32]",
         "model.code=4", "seed=9", f"init_from={vae.directory}",
         f"hydra.run.dir={tmp_path / 'again'}"]
    )  # fmt: skip
    old, new = vae.summary["metrics"]["test/mse"], run.summary["metrics"]["test/mse"]
    assert new == pytest.approx(old, rel=1e-6)
    assert any("Nothing was trained" in line for line in run.summary["health"])


def test_a_task_inside_a_run_returns_that_run(vae, tmp_path, monkeypatch):
    """What it wrote lies within; record and weights are those of the run."""
    monkeypatch.chdir(tmp_path)
    run = aerun.run(["task=reconstruct", f"run={vae.directory}"])
    assert run.directory == vae.directory.resolve()
    assert run.summary == vae.summary


def test_a_signal_too_late_for_a_run_is_the_caller_s(alone, monkeypatch):
    """Ctrl-C as the page is drawn: the run is whole, and a loop over runs ends."""
    show = train._show

    def interrupted(*given, **named):
        signal.raise_signal(signal.SIGINT)
        show(*given, **named)

    monkeypatch.setattr(train, "_show", interrupted)
    with (
        handled(signal.default_int_handler, signal.SIGINT),
        pytest.raises(KeyboardInterrupt),
    ):
        aerun.run([*SMALL, "hydra.run.dir=run"])
    assert Run(alone / "run").summary["status"] == "completed"
