"""task=export of every model, of odd sizes, whitened data and a user's own class."""

import json
from pathlib import Path

import numpy as np
import pytest
from exporting import Trainer, agree, answer, examples
from making import options

import aerun
from aerun.cli import main

pytest_plugins = ["exporting"]

pytestmark = [pytest.mark.slow, pytest.mark.shared]


NAMES = ["autoencoder.onnx", "decoder.onnx", "encoder.onnx"]


def test_a_run_becomes_three_files_that_agree_with_it(
    trained: Trainer, capfd: pytest.CaptureFixture[str]
) -> None:
    """At any batch size; all that a user needs stands beside them and in them."""
    trained("model=vae", "model.hidden=[9]", "model.code=3")
    import onnx

    assert main(["task=export", "run=run"]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert len(printed.out.splitlines()) == 4
    made = Path("run/export")
    assert sorted(path.name for path in made.iterdir()) == [*NAMES, "export.json"]
    agree(made, examples(), aerun.load("run").spec.scaled)
    said = json.loads((made / "export.json").read_text())
    assert said["scaling"]["scale"] == [16]
    assert said["files"]["encoder.onnx"]["output"]["shape"] == ["batch", 3]
    for name, file in said["files"].items():
        assert 0 < file["largest_difference"] <= 1e-5
        model = onnx.load(made / name)
        onnx.checker.check_model(model)
        (given,) = model.graph.input
        shape = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
        assert [given.name, shape] == [file["input"]["name"], file["input"]["shape"]]
        kept = {prop.key: prop.value for prop in model.metadata_props}
        assert json.loads(kept["scaling"]) == said["scaling"]
        assert b".py" not in (made / name).read_bytes(), "no paths of this computer"


@pytest.fixture
def odd(alone: Path) -> list[str]:
    """Colour images of odd height and width."""
    images = np.random.default_rng(0).integers(0, 256, (60, 13, 11, 3), dtype=np.uint8)
    np.save("x.npy", images)
    return ["dataset=array", "dataset.path=x.npy"]


@pytest.mark.parametrize("model", options("model"))
def test_every_model_agrees_with_its_files(trained: Trainer, model: str) -> None:
    """Encoder, decoder and whole at batch sizes 1, 7 and 100."""
    trained(f"model={model}")
    assert main(["task=export", "run=run"]) == 0
    agree(Path("run/export"), examples(), aerun.load("run").spec.scaled)


@pytest.mark.parametrize("model", ["conv", "conv_wta", "conv_vae"])
def test_odd_sizes_and_the_units_of_the_data(
    trained: Trainer, odd: list[str], model: str
) -> None:
    """The files take and give pixels; reconstructions have the size of the inputs."""
    trained(*odd, f"model={model}")
    assert main(["task=export", "run=run", "task.units=data"]) == 0
    made, spec = Path("run/export"), aerun.load("run").spec
    said = json.loads((made / "export.json").read_text())
    assert said["files"]["decoder.onnx"]["output"]["shape"] == ["batch", 3, 13, 11]
    x = examples()
    found = answer(made / "autoencoder.onnx", x)
    wanted = aerun.load("run").reconstruct(x)
    off = np.abs(spec.scaled(found) - spec.scaled(wanted))
    assert off.max() <= 1e-5
    codes = aerun.load("run").encode(x)
    np.testing.assert_allclose(
        answer(made / "encoder.onnx", x), codes, rtol=1e-5, atol=1e-5
    )


def test_whitening_is_a_part_of_files_in_the_units_of_the_data(
    trained: Trainer,
) -> None:
    """The codes of raw values are those that Python gives; the same bytes again."""
    trained("dataset.scale=zca", "model.output_activation=none", "loss=mse")
    for _ in range(2):
        assert main(["task=export", "run=run", "task.units=data"]) == 0
    x = examples()
    codes = aerun.load("run").encode(x)
    found = answer(Path("run/export/encoder.onnx"), x)
    np.testing.assert_allclose(found, codes, rtol=1e-4, atol=1e-5)
    for path in Path("run/export").iterdir():
        assert path.read_bytes() == Path("run/export_2", path.name).read_bytes()


OWN = """
import numpy as np
from torch import nn
from aerun.models import Outputs

class Model(nn.Module):
    def __init__(self, *, shape):
        super().__init__()
        self.shape, size = shape, int(np.prod(shape))
        self.down, self.up = nn.Linear(size, 5), nn.Linear(5, size)

    def encode(self, x):
        return self.down(x.flatten(1))

    def forward(self, x, draws=None):
        code = self.encode(x)
        recon = self.up(code).view(ROWS, *self.shape)
        return Outputs(code=code, recon=recon)
"""


@pytest.mark.parametrize(
    ("rows", "said"),
    [("x.shape[0]", "There is no decoder.onnx: the model has no decode()."),
     ("len(x)", "There is no autoencoder.onnx: it works for one batch size only")],
)  # fmt: skip
def test_of_an_own_model_what_can_be_written_is(
    trained: Trainer, capfd: pytest.CaptureFixture[str], rows: str, said: str
) -> None:
    """The others are named with the reason, and what to change."""
    Path("mine.py").write_text(OWN.replace("ROWS", rows))
    Path("conf/model").mkdir(parents=True)
    Path("conf/model/mine.yaml").write_text("_target_: mine.Model\n")
    trained("--config-dir", "conf", "model=mine")
    capfd.readouterr()
    assert main(["task=export", "run=run", "trust=[mine]"]) == 0
    assert said in capfd.readouterr().out
    assert Path("run/export/encoder.onnx").is_file()
    assert Path("run/export/autoencoder.onnx").is_file() == (rows == "x.shape[0]")
