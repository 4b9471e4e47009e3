"""task=sample: samples of every kind of model, and walks through their codes."""

import io
from pathlib import Path

import numpy as np
import pytest
from making import draw_nothing, make
from PIL import Image

import aerun
from aerun.cli import main
from aerun.evaluation.density import decoded_codes, fit_density
from aerun.tasks.walks import Walks
from aerun.trained import Trained

pytestmark = [pytest.mark.slow, pytest.mark.shared]

FEW = ["trainer.epochs=1", "trainer.threads=1", "trainer.preview_every=0",
       "dataset.limit=60"]  # fmt: skip

CHAIN = """
from torch import nn
from aerun.models import Outputs


class Chain(nn.Module):
    generative = True

    def __init__(self, *, shape: tuple):
        super().__init__()
        self.shape, self.step = shape, nn.Linear(shape[1] * shape[2], 64)

    def encode(self, x):
        return self.step(x.flatten(1))

    def forward(self, x, draws=None):
        code = self.encode(x)
        return Outputs(code=code, recon=code.sigmoid().unflatten(1, self.shape))

    def sample(self, num_samples, draws):
        x = draws.ask("uniform", num_samples, 64)
        for _ in range(3):
            x = self.step(x + draws.ask("normal", num_samples, 64)).sigmoid()
        return x.unflatten(1, self.shape)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each kind of model."""
    folder = tmp_path_factory.mktemp("sampled")
    (folder / "chains.py").write_text(CHAIN)
    (folder / "conf/model").mkdir(parents=True)
    (folder / "conf/model/chain.yaml").write_text("_target_: chains.Chain\n")
    np.save(folder / "vectors.npy", np.random.default_rng(0).random((60, 7)))
    with pytest.MonkeyPatch.context() as patch:
        _work_in(folder, patch)
        draw_nothing(patch)
        for name, asked in {
            "vae": ["model=vae", "model.code=2"],
            "flat": ["model=stacked", "model.code=2"],
            "winners": ["model=wta", "trainer.batch_size=30"],
            "chain": ["model=chain"],
            "plane": ["dataset=plane", "model=linear", "model.code=2"],
            "vectors": ["dataset=array", "dataset.path=vectors.npy", "model.code=3"],
        }.items():
            assert main([f"hydra.run.dir={name}", *FEW, *asked]) == 0
    return folder


def _work_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.syspath_prepend(str(folder))
    patch.setenv("AERUN_CONFIG_PATH", "conf")
    patch.setenv("AERUN_CACHE", str(folder / "cache"))


@pytest.fixture
def runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to work in."""
    _work_in(folder, monkeypatch)
    return folder


@pytest.fixture
def sampled(runs: Path, capsys: pytest.CaptureFixture[str]):
    """Ask for samples; the folder that is printed."""

    def ask(run: str, *overrides: str) -> Path:
        capsys.readouterr()
        assert main(["-q", "task=sample", f"run={run}", *overrides]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        made = Path(printed.out.removesuffix("\n"))
        assert made.parent == runs / run
        return made

    return ask


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


WALKS = {"interpolations.png", "traversals.png"}
SAMPLES = {"samples.npy", "samples.png"}


@pytest.mark.parametrize(
    ("run", "shape", "dtype", "files"),
    [
        ("vae", (1, 8, 8), np.uint8, WALKS | {"manifold.png"}),
        ("flat", (1, 8, 8), np.uint8, WALKS | {"manifold.png"}),
        ("winners", (1, 8, 8), np.uint8, WALKS),
        ("chain", (1, 8, 8), np.uint8, set()),
        ("plane", (3,), np.float64, WALKS | {"manifold.png"}),
        ("vectors", (7,), np.float64, WALKS),
    ],
)
def test_every_kind_of_model_is_sampled(sampled, run, shape, dtype, files):
    """Samples come as the data are stored, with the pictures that can be drawn."""
    made = sampled(run, "task.num_samples=5", "task.num_components=3")
    assert _files(made) == SAMPLES | files
    samples = np.load(made / "samples.npy")
    assert samples.shape == (5, *shape)
    assert samples.dtype == dtype
    assert np.ptp(samples.astype(float), axis=0).max() > 0, "not one and the same"
    for path in made.glob("*.png"):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            assert min(image.size) > 50


@pytest.mark.parametrize("run", ["vae", "flat", "chain"])
def test_the_same_command_gives_the_same_bytes(sampled, run):
    """Each time in a folder of its own; another seed gives other samples."""
    few = ["task.num_components=3"]
    made = [sampled(run, *few, f"task.seed={seed}") for seed in (0, 0, 1)]
    assert len(set(made)) == 3
    for name in _files(made[0]):
        assert (made[0] / name).read_bytes() == (made[1] / name).read_bytes(), name
    first, _, other = (np.load(path / "samples.npy") for path in made)
    assert not np.array_equal(first, other)


def test_samples_of_the_prior_are_the_models_own(sampled, runs):
    """They are what ``sample`` gives in Python, whatever their number."""
    made = sampled("vae", "task.num_samples=1002", "task.seed=3")
    model = aerun.load(runs / "vae")
    samples = np.load(made / "samples.npy")
    wanted = model.spec.as_stored(model.sample(1000, seed=3))
    assert len(samples) == 1002
    np.testing.assert_array_equal(samples[:1000], wanted)


def test_a_model_with_a_prior_can_use_the_mixture(sampled):
    """``task.density=mixture`` draws otherwise than the prior does."""
    few = ["task.num_components=3", "task.num_samples=9"]
    mixed = sampled("vae", *few, "task.density=mixture")
    own, named = sampled("vae", *few), sampled("vae", *few, "task.density=prior")
    read = [np.load(path / "samples.npy") for path in (mixed, own, named)]
    assert np.array_equal(read[1], read[2])
    assert not np.array_equal(read[0], read[1])


def test_the_console_says_where_to_look_and_what_was_drawn_from(runs, capsys):
    """Every picture is named; so is what is left out."""
    few = ["task.num_components=3"]
    for run, said in {
        "vae": "the model's own prior",
        "flat": "a mixture of 3 Gaussians, fitted to the codes of 60 training examples",
        "chain": "the model has no decode(codes)",
    }.items():
        assert main(["task=sample", f"run={run}", *few]) == 0
        printed = capsys.readouterr().out
        assert said in printed
        for path in max((runs / run).glob("sample*"), key=_made).glob("*.png"):
            assert f"Look at {path}" in printed


def _made(path: Path) -> float:
    return path.stat().st_mtime


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run=flat", "task.density=prior"],
         "task.density=prior: this model has no prior; use task.density=mixture"),
        (["run=chain", "task.density=mixture"],
         "has no decode(codes); use task.density=prior"),
        (["run=flat", "task.num_components=61"],
         "task.num_components=61: there are 60 training examples"),
        (["run=flat", "task.num_samples=0"], "task.num_samples=0: must be"),
        (["run=flat", "task.seed=-1"], "task.seed=-1: must be"),
        (["run=flat", "task.density=flat"], "task.density=flat: must be"),
        (["run=flat", "task.number=3"], "task.number=3: "),
        (["run=flat", "seed=1"], "seed=1: is settled by the run"),
        (["run=vectors", "dataset.path=absent.npy"], "absent.npy does not exist"),
        ([], "run: is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_sampled_is_refused(runs, capsys, arguments, said):
    """One message, exit code 2, nothing written."""
    before = set(runs.rglob("*"))
    assert main(["task=sample", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert set(runs.rglob("*")) == before


def test_other_data_are_scaled_as_the_runs_and_said_to_be_others(runs, capsys):
    """Codes are those that the model gives to them, and a warning names the case."""
    moved = 10 * np.load(runs / "vectors.npy")
    np.save(runs / "moved.npy", moved)
    few = ["task.num_components=3", "task.num_samples=200"]
    asked = ["run=vectors", "dataset=array", "dataset.path=moved.npy", *few]
    assert main(["-q", "task=sample", *asked]) == 0
    printed = capsys.readouterr()
    assert "not the examples that the run was trained on" in printed.err
    samples = np.load(Path(printed.out.strip()) / "samples.npy")
    wanted = aerun.load(runs / "vectors").reconstruct(moved)
    off = np.abs(samples.mean(0) - wanted.mean(0))
    assert (off < 0.2 * (wanted.std() + wanted.std(0))).all()


def test_python_points_to_the_task(runs):
    """A model without a prior says which command samples it."""
    with pytest.raises(TypeError, match=rf"task=sample run={runs / 'flat'} "):
        aerun.load(runs / "flat").sample(1)


# -- the walks -------------------------------------------------------------------------


@pytest.fixture
def walks(runs: Path) -> Walks:
    """Through the codes of a run on digits."""
    model: Trained = aerun.load(runs / "flat")
    _, built = make("model=stacked")
    return Walks(model, built.data.test, None)


def test_a_walk_ends_at_the_reconstructions(walks):
    """At shares 0 and 1 the decoded codes are the examples' reconstructions."""
    steps = walks._between([0, 1], [2, 3], np.array([0.0, 0.5, 1.0]))
    examples = walks._examples([0, 1, 2, 3])
    recon = walks.model.reconstruct(examples)
    np.testing.assert_allclose(steps[:, 0], recon[:2], atol=1e-4)
    np.testing.assert_allclose(steps[:, 2], recon[2:], atol=1e-4)
    middle = (walks.codes[:2] + walks.codes[2:4]) / 2
    np.testing.assert_allclose(steps[:, 1], walks.model.decode(middle), atol=1e-4)


def test_pairs_are_of_different_classes(walks):
    """No example is taken twice, and no walk stays within a class."""
    starts, ends = walks._pairs()
    assert len(set(starts) | set(ends)) == 2 * len(starts) == 16
    labels = walks.test.labels
    assert (labels[starts] != labels[ends]).all()
    assert len(set(labels[starts].tolist())) == 8
    assert len(set(labels[ends].tolist())) >= 6


# -- the density -----------------------------------------------------------------------


def test_a_mixture_finds_two_clusters():
    """Means, covariance and shares are those of the points; order is mixed."""
    generator = np.random.default_rng(0)
    near = generator.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 6000)
    far = generator.normal(20, 0.5, (2000, 2))
    codes = np.concatenate([near, far]).astype(np.float32)
    drawn = fit_density(codes, num_components=2, seed=0).sample(8000, seed=1)
    is_far = drawn[:, 0] > 10
    assert is_far.mean() == pytest.approx(0.25, abs=0.02)
    assert np.abs(np.diff(is_far.astype(int))).sum() > 2000
    np.testing.assert_allclose(np.cov(drawn[~is_far].T), np.cov(near.T), atol=0.06)
    np.testing.assert_allclose(drawn[is_far].mean(0), [20, 20], atol=0.05)


@pytest.mark.parametrize("number", [400, 60])
def test_a_long_code_is_described_along_its_axes(number):
    """Samples have the codes' mean and variance in every dimension."""
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(5, 300))
    codes = (3 + generator.normal(size=(number, 5)) @ mixing).astype(np.float32)
    density = fit_density(codes, num_components=1, seed=0)
    assert len(density.axes) <= 128
    assert density.kept == pytest.approx(1, abs=1e-4)
    drawn = density.sample(20_000, seed=0)
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.15)
    np.testing.assert_allclose(drawn.std(0), codes.std(0, ddof=1), rtol=0.05)


@pytest.mark.parametrize("codes", [np.zeros((20, 4)), np.ones((20, 200))])
def test_constant_codes_give_constant_samples(codes):
    """A collapsed code is no error."""
    drawn = fit_density(codes, num_components=2, seed=0).sample(5, seed=0)
    np.testing.assert_allclose(drawn, codes[:5], atol=0.01)


def test_of_winners_only_those_are_sampled_that_are_decoded():
    """What is fitted is what the decoder gets, which is sparser than the code."""
    _, built = make("model=wta")
    net = built.objective.model.train()
    net(built.data.train.gather(slice(300)))  # from which thresholds are learned
    net.eval()
    x = built.data.test.gather(slice(5))
    codes = decoded_codes(net, x)
    assert (codes == 0).sum() > (net.encode(x) == 0).sum()
    recon = net(x).recon
    np.testing.assert_allclose(
        net.decode(codes).detach(), recon.detach(), rtol=1e-5, atol=1e-6
    )
