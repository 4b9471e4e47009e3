"""The same bits again: elsewhere, through an interruption, and by task=verify."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from continuing import run_in_two_parts
from making import options
from safetensors.torch import load_file

from aerun.cli import main
from aerun.tasks.first_steps import FIRST_STEPS, digest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.usefixtures("unpictured"),
]

SMALL = ("dataset.limit=160", "trainer.epochs=2", "trainer.threads=1",
         "trainer.preview_every=0", "trainer.compile=false", "device=cpu")  # fmt: skip
REQUESTS = {
    **{model: (f"model={model}",) for model in options("model")},
    "greedy": ("model=stacked", "trainer=greedy", "trainer.finetune_epochs=1"),
    "phased": ("model=tied", "trainer=phased", "corruption=masking"),
    "everything": (
        "model=vae", "corruption=gaussian", "loss=gaussian", "loss.learned=true",
        "+regularizer=[l1,weight_decay]", "trainer.ema=0.9", "trainer.grad_clip=1",
        "regularizer.kl.weight={start: 0, end: 1, steps: 5}",
        "dataset.binarize=dynamic", "trainer/optimizer=sgd", "trainer.scheduler=cosine",
    ),
    "prior": ("model=aae", "model/prior=swiss_roll", "regularizer=[adversarial_prior]"),
    "opponents": ("model=sparse", "+regularizer=[adversarial_input]"),
    "double": ("model=linear", "trainer.precision=float64", "dataset.scale=zca"),
    "bfloat16": ("trainer.precision=bfloat16",),
}  # fmt: skip
FILES = ("metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors",
         FIRST_STEPS)  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder with a run of each request, made in a process of its own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "requests.json").write_text(json.dumps(REQUESTS))
    script = f"""
import json, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import pytest, torch
from making import draw_nothing
from aerun.cli import main
torch.manual_seed(7)  # of no consequence
draw_nothing(pytest.MonkeyPatch())
requests = json.load(open("requests.json"))
for name, words in reversed(requests.items()):
    code = main(["-q", *words, *{list(SMALL)!r}, f"hydra.run.dir={{name}}"])
    assert code == 0, name
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", REQUESTS)
def test_a_run_is_the_same_wherever_and_however_often_it_is_made(
    elsewhere, recorder, alone, capsys, name
):
    """Rows, weights and first steps: here, there, and broken off and continued here."""
    request = (*REQUESTS[name], *SMALL)
    whole = recorder(*request, name="whole")
    assert whole.run(lambda: False)
    with whole.final_weights():
        pass  # of a run without a best epoch, which writes it
    run_in_two_parts(recorder, request, 2)
    for file in FILES:
        there = elsewhere / name / file
        here, parts = whole.directory.path / file, alone / "parts" / file
        assert here.read_bytes() == there.read_bytes(), file
        if here.name != "best.safetensors" or parts.exists():
            assert parts.read_bytes() == there.read_bytes(), file
    last = load_file(elsewhere / name / "checkpoints/last.safetensors")
    assert digest(last) == digest(
        load_file(alone / "parts/checkpoints/last.safetensors")
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_every_run_is_verified(elsewhere, capsys, name):
    """All epochs of all phases, and what the weights give."""
    run = elsewhere / name
    assert main(["task=verify", f"run={run}", "task.epochs=100"]) == 0
    assert "matches bit for bit" in capsys.readouterr().out
    found = json.loads((run / "verify/verification.json").read_text())
    rows = len((run / "metrics.csv").read_text().splitlines()) - 1
    (made,) = [e for e in found["compared"] if "of metrics.csv" in e["what"]]
    assert made["what"].startswith(f"The first {rows} rows")
    assert made["different"] == 0


def test_runs_trained_in_a_group_are_verified_alone(alone, capsys):
    """Within rounding, which their record says beforehand."""
    pytest.importorskip("greenlet")
    words = ["-m", "model=simple", "model.hidden=[8]", "seed=0,1,2", *SMALL,
             "hydra/launcher=fused",
             "hydra.sweep.dir=sweep"]  # fmt: skip
    assert main(["-q", *words]) == 0
    for number in range(3):
        run = Path(f"sweep/{number}")
        summary = json.loads((run / "summary.json").read_text())
        (reason,) = summary["not_deterministic"]
        assert "hydra/launcher=fused" in reason
        capsys.readouterr()
        assert main(["task=verify", f"run={run}", "task.epochs=2"]) == 0
        found = json.loads((run / "verify/verification.json").read_text())
        assert found["verdict"] in ("exact", "rounding")
        if found["verdict"] == "rounding":
            assert "in_a_group is False, was True" in capsys.readouterr().out


def test_a_run_is_verified_with_another_number_of_threads(alone, capsys):
    """Whatever moves last bits, numbers stay within the tolerance."""
    request = ["model=conv_vae", *SMALL, "hydra.run.dir=run"]
    assert main(["-q", *request]) == 0
    config = Path("run/config.yaml")
    config.write_text(config.read_text().replace("threads: 1", "threads: 2"))
    assert main(["task=verify", "run=run", "task.epochs=2"]) == 0
    found = json.loads(Path("run/verify/verification.json").read_text())
    assert found["changed"] == {"threads": {"run": 1, "here": 2}}
