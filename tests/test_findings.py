"""What a finished run says and draws of its units, and of corrupted inputs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from making import make

from aerun.cli import main
from aerun.reporting import filters
from aerun.reporting.filters import filter_grid
from aerun.rundir import RunDirectory
from aerun.tasks.pictures import Pictures

SHORT = ("experiment=smoke", "trainer.threads=1", "trainer.preview_every=0",
         "hydra.run.dir=run")  # fmt: skip
ERRORS = ("test/corrupted_mse", "identity/corrupted_mse")


def _metrics():
    return json.loads(Path("run/summary.json").read_text())["metrics"]


# -- figures and pictures of a run ---------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "corrupted"),
    [
        (("model=simple",), False),
        (("model=simple", "corruption=gaussian"), True),
        (("model=denoising",), True),
        (("model=denoising", "corruption=none"), False),
        (("model=stacked", "trainer=greedy", "corruption=masking"), True),
    ],
    ids=["plain", "gaussian", "denoising", "denoising nothing", "greedy"],
)
@pytest.mark.usefixtures("alone")
def test_a_run_tells_errors_from_corrupted_inputs(request_, corrupted, capsys):
    """In the summary and on the terminal, with the input that each is from."""
    assert main([*request_, *SHORT]) == 0
    printed = capsys.readouterr()
    lines = [" ".join(s.split()) for s in (printed.out + printed.err).splitlines()]
    metrics = _metrics()
    assert [name for name in ERRORS if name in metrics] == list(ERRORS) * corrupted
    said = {
        "test/mse": "from clean inputs",
        "test/corrupted_mse": "from corrupted inputs",
        "identity/corrupted_mse": "of the corrupted inputs themselves",
    }
    if corrupted:
        for name, words in said.items():
            assert f"{name} {metrics[name]:.6g} {words}" in lines
        assert len({metrics[name] for name in said}) == 3
    else:
        assert f"test/mse {metrics['test/mse']:.6g}" in lines
        assert not any("corrupted" in line for line in lines)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "drawn"),
    [
        ("sparse", {"activity.png"}),
        ("k_sparse", {"activity.png"}),
        ("denoising", {"activity.png"}),
        ("simple", set()),
        ("vae", {"kl_per_dimension.png"}),
    ],
)
@pytest.mark.usefixtures("alone")
def test_which_runs_draw_what_their_units_do(model, drawn):
    """Activity where codes are sparse or never negative, KL of a variational code."""
    assert main([f"model={model}", *SHORT]) == 0
    names = {path.name for path in Path("run").glob("*.png")}
    assert names & {"activity.png", "kl_per_dimension.png"} == drawn
    for name in drawn:
        assert Path("run", name).read_bytes().startswith(b"\x89PNG")
    figures = {"test/mean_activity", "test/activity_off_rho"}
    assert (figures <= _metrics().keys()) == (model == "sparse")


# -- the first level's weights -------------------------------------------------------


@pytest.fixture
def colours(alone: Path) -> str:
    """A data set of small colour images."""
    generator = np.random.default_rng(0)
    np.save("faces.npy", generator.integers(0, 256, (80, 8, 6, 3), dtype=np.uint8))
    np.save("vectors.npy", generator.random((80, 27)))
    return str(alone)


def _drawn(built, folder, monkeypatch):
    """The weights that filters.png shows, or None without the picture."""
    kept = []

    def keep(weights, *, title):
        kept.append(weights)
        return filter_grid(weights, title=title)

    monkeypatch.setattr(filters, "filter_grid", keep)
    Pictures(built, RunDirectory(Path(folder))).filters()
    assert Path(folder, "filters.png").exists() == bool(kept)
    return kept[0] if kept else None


@pytest.mark.parametrize(
    ("request_", "shape"),
    [
        (("model=conv",), (16, 1, 3, 3)),
        (("model=conv", "dataset=array", "dataset.path=faces.npy"), (16, 3, 3, 3)),
        (("model=conv_wta",), (32, 1, 5, 5)),
        (("model=simple",), (128, 1, 8, 8)),
        (("model=tied", "dataset=array", "dataset.path=faces.npy"), (128, 3, 8, 6)),
    ],
    ids=["grey kernels", "colour kernels", "maps", "grey", "colour"],
)
def test_filters_are_the_first_levels_weights(request_, shape, colours, monkeypatch):
    """Kernels as they are, dense weights in the shape of the images."""
    _, built = make(*request_)
    shown = _drawn(built, colours, monkeypatch)
    weight = built.objective.model.encoder.levels[0].weight.detach()
    assert shown.shape[1:] == shape[1:]
    np.testing.assert_array_equal(shown.reshape(weight.shape), weight)


@pytest.mark.parametrize("model", ["conv", "stacked"])
def test_weights_on_the_outputs_of_a_level_are_no_picture(model, colours, monkeypatch):
    """Sixteen channels of kernels, or weights of hidden units, are not drawn."""
    _, built = make(f"model={model}")
    encoder = built.objective.model.encoder
    encoder.levels = encoder.levels[1:]
    assert _drawn(built, colours, monkeypatch) is None


@pytest.mark.parametrize("model", ["simple", "linear"])
def test_weights_on_vectors_are_no_picture(model, colours, monkeypatch):
    """Also where a vector has as many elements as an image might."""
    _, built = make(f"model={model}", "dataset=array", "dataset.path=vectors.npy")
    assert _drawn(built, colours, monkeypatch) is None


def test_a_model_without_levels_has_no_filters(colours, monkeypatch):
    """One of the user's own, of any make, is left alone."""
    _, built = make("model=simple")
    built.objective.model.encoder = torch.nn.Identity()
    assert _drawn(built, colours, monkeypatch) is None
