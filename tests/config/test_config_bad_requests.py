"""Requests that cannot be carried out: one message, exit code 2, nothing started."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from aerun.cli import main

pytest_plugins = ["asking"]

Refused = Callable[..., str]

L1 = "regularizer=[l1]"
WEIGHT = "regularizer.l1.weight"

TYPOS = [
    (["trainer.epoch=3"], ["trainer.epoch=3: ", "Did you mean 'trainer.epochs'?"]),
    (["epochs=3"], ["epochs=3: ", "Did you mean 'trainer.epochs'?"]),
    (["model.cod=3"], ["model.cod=3: ", "Did you mean 'model.code'?"]),
    (["modle=vae"], ["modle=vae: ", "Did you mean 'model'?"]),
    (["+typo=1"], ["+typo=1: no such key"]),
    (["+trainer.epoch=1"], ["+trainer.epoch=1: ", "'trainer.epochs'?"]),
    (
        ["trainer.optimizer=sgd", "trainer.optimizer.beta1=0.5"],
        ["trainer.optimizer.beta1=0.5: no such key"],
    ),
    (["model=vea"], ["model=vea: ", "Did you mean 'vae'?", "linear", "stacked"]),
    (["model=nonsense"], ["model=nonsense: ", "linear", "vae"]),
    (["model="], ["model=: ", "linear", "vae"]),
    (["regularizer=null"], ["regularizer=null: choose none"]),
    (["experiment=smok"], ["experiment=smok: ", "Did you mean 'smoke'?"]),
    (["experiment=lecture/simpel"], ["Did you mean 'lecture/simple'?"]),
    (["trainer.optimizer=sdg"], ["trainer.optimizer=sdg: ", "'sgd'?", "adam or sgd"]),
    (["model/bottleneck=gausian"], ["Did you mean 'gaussian'?"]),
    (
        ["regularizer=[l1,weight_decai]"],
        ["regularizer=[l1,weight_decai]: ", "'weight_decai'", "'weight_decay'?"],
    ),
    ([f"{WEIGHT}=0.1"], [f"{WEIGHT}=0.1: l1 is not chosen", "+regularizer=[l1]"]),
    ([L1, "regularizer.l1.weigth=1"], ["Did you mean 'regularizer.l1.weight'?"]),
    (["model._target_=nope.Nope"], ["model._target_=nope.Nope: ", "'nope'"]),
    (["task=resme"], ["task=resme: ", "Did you mean 'resume'?"]),
    (["hydra.run.dri=x"], ["hydra.run.dri=x"]),
]

VALUES = [
    (["trainer.epochs=abc"], ["trainer.epochs=abc: ", "whole number, at least 0"]),
    (["trainer.epochs=1.5"], ["trainer.epochs=1.5: ", "whole number"]),
    (["trainer.epochs=-1"], ["trainer.epochs=-1: ", "at least 0"]),
    (["trainer.epochs=true"], ["trainer.epochs=true: ", "whole number"]),
    (["trainer.epochs="], ["trainer.epochs=: ", "whole number"]),
    (["trainer.lr=-0.1"], ["trainer.lr=-0.1: ", "a number, above 0"]),
    (["trainer.lr=nan"], ["trainer.lr=nan: ", "above 0"]),
    (["trainer.lr=inf"], ["trainer.lr=inf: "]),
    (["trainer.lr='0.1'"], ["trainer.lr='0.1': ", "a number"]),
    (["trainer.lr={start: 1, end: 2}"], ["trainer.lr={start: 1, end: 2}: "]),
    (["trainer.ema=1"], ["trainer.ema=1: ", "at least 0 and below 1", "null"]),
    (["trainer.patience=0"], ["trainer.patience=0: ", "at least 1 or null"]),
    (["trainer.threads=autoo"], ["trainer.threads=autoo: ", "Did you mean 'auto'?"]),
    (["trainer.precision=float16"], ["float32, bfloat16, float64 or auto"]),
    (["trainer.checkpoint_every=10m"], ["30s, 5min or 1h"]),
    (["trainer.checkpoint_every=0"], ["trainer.checkpoint_every=0: "]),
    (["trainer.checkpoint_every=infs"], ["trainer.checkpoint_every=infs: "]),
    (["trainer.optimizer.beta1=1"], ["trainer.optimizer.beta1=1: ", "below 1"]),
    (["trainer.optimizer=[adam]"], ["trainer.optimizer=[adam]: ", "adam or sgd"]),
    (["seed=-1"], ["seed=-1: ", "at least 0"]),
    (["seed=99999999999999999999"], ["seed=99999999999999999999: "]),
    (["model.hidden=5"], ["model.hidden=5: ", "a list, each entry a whole number"]),
    (["model.hidden=[8,0]"], ["model.hidden=[8,0]: ", "at least 1"]),
    (["model.activation=rellu"], ["rellu: ", "Did you mean 'relu'?"]),
    (["loss.reduction=sums"], ["loss.reduction=sums: ", "sum or mean"]),
    (["loss=gaussian", "loss.variance=0"], ["loss.variance=0: ", "above 0"]),
    (["corruption=gaussian", "corruption.std=-1"], ["corruption.std=-1: "]),
    (["dataset.scale=unitt"], ["dataset.scale=unitt: ", "Did you mean 'unit'?"]),
    (["dataset.limit=0"], ["dataset.limit=0: ", "at least 1 or null"]),
    (["dataset.validation=nan"], ["dataset.validation=nan: "]),
    (["dataset.exclude_classes=3"], ["dataset.exclude_classes=3: ", "a list"]),
    (["device=gpu"], ["device=gpu: ", "auto, cpu, cuda, cuda:N or mps"]),
    (["run=somewhere"], ["run=somewhere: ", "task=resume"]),
    (["init_from=nowhere"], ["init_from=nowhere: "]),
    (["init_from=.", "trainer.epochs=1"], ["init_from=.: "]),
]

SCHEDULES = [
    ("{start: 0}", ["end is missing"]),
    ("{end: 1}", ["start is missing"]),
    ("{start: 0, end: -1}", ["end must be a number, at least 0"]),
    ("{start: a, end: 1}", ["start must be a number"]),
    ("{start: 0, end: 1, step: 4}", ["'step'", "Did you mean 'steps'?"]),
    ("{start: 0, end: 1, steps: 0}", ["steps must be", "at least 1"]),
    ("{start: 0, end: 1, shape: lineer}", ["linear, cosine or exponential"]),
    ("{start: 0, end: 1, shape: exponential}", ["above 0"]),
    ("[0,1]", ["must be a number"]),
]

GRAMMAR = [
    (["a=b=c"], ["a=b=c: ", "KEY=VALUE"]),
    (["trainer.epochs"], ["trainer.epochs: ", "KEY=VALUE"]),
    (["trainer.epochs=${seed"], ["trainer.epochs=${seed: "]),
    (["trainer.epochs=${nope}"], ["trainer.epochs=${nope}: "]),
    (["hydra.run.dir=${nope}"], ["hydra.run.dir=${nope}: "]),
    (["seed=0,1"], ["seed=0,1: ", "add -m"]),
    (["model=simple,vae"], ["model=simple,vae: ", "add -m"]),
    (["~model"], ["~model: "]),
    (["~regularizer"], ["~regularizer"]),
    (["~trainer.lr"], ["~trainer.lr: "]),
    (["=3"], ["=3: ", "KEY=VALUE"]),
]

FEATURES = [
    (["regularizer=[kl]"], ["kl", "a code with a distribution", "gaussian"]),
    (["+regularizer=[kl]"], ["kl", "a code with a distribution", "gaussian"]),
    (["model=vae", "model/bottleneck=plain"], ["a code with a distribution"]),
    (
        ["dataset=plane", "model=linear", "loss=bernoulli"],
        ["loss=bernoulli: ", "[0, 1]", "dataset.scale=unit", "loss=mse"],
    ),
    (
        ["model=linear", "loss=bernoulli", "dataset.scale=standard"],
        ["loss=bernoulli: ", "[0, 1]", "dataset.scale=unit", "loss=mse"],
    ),
    (["model=vae", "model.output_activation=tanh"], ["model.output_activation=tanh: "]),
]

SPLITS = [
    (["dataset.validation=100000"], ["dataset.validation=100000: ", "1438"]),
    (["dataset.test=0.999999"], ["dataset.test=0.999999: "]),
    (["dataset.exclude_classes=[11]"], ["dataset.exclude_classes=[11]: ", "0, 1, 2"]),
    (
        ["dataset.exclude_classes=[0,1,2,3,4,5,6,7,8,9]"],
        ["dataset.exclude_classes=[0,1,2,3,4,5,6,7,8,9]: "],
    ),
]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [*TYPOS, *VALUES, *GRAMMAR, *FEATURES, *SPLITS],
    ids=lambda value: " ".join(value) if "=" in value[0] or "~" in value[0] else "",
)
def test_a_bad_request_names_key_value_and_what_is_allowed(
    refused: Refused, arguments: list[str], said: list[str]
) -> None:
    """The message has the key as typed, the value, what is allowed and a near miss."""
    message = refused(*arguments)
    assert [part for part in said if part not in message] == [], message


@pytest.mark.parametrize(("schedule", "said"), SCHEDULES)
def test_a_bad_schedule_names_what_is_wrong_in_it(
    refused: Refused, schedule: str, said: list[str]
) -> None:
    """A schedule's parts are checked like the number that it stands for."""
    message = refused(L1, f"{WEIGHT}={schedule}")
    assert f"{WEIGHT}={schedule}: " in message
    assert all(part in message for part in said), message


def test_all_mistakes_are_listed(refused: Refused) -> None:
    """Mistakes of three kinds in one command all stand in one message."""
    message = refused("trainer.epochs=-1", "model.cod=3", "loss=mes")
    assert message.startswith("aerun: 3 mistakes\n")
    for part in ("trainer.epochs=-1: ", "model.cod=3: ", "loss=mes: "):
        assert message.count(f"\n  {part}") == 1


def test_parts_that_a_model_does_not_have_are_named(refused: Refused) -> None:
    """All of them, as what they are: a chain has no bottleneck to choose."""
    asked = ["model=gsn", "model/bottleneck=gaussian", "model/prior=normal"]
    message = refused(*asked, "trainer.epoch=3")
    assert "trainer.epoch=3: no such key" in message
    for choice, part in {
        "bottleneck=gaussian": "bottleneck",
        "prior=normal": "prior",
    }.items():
        said = f"model/{choice}: the chosen model has no {part} to choose."
        assert message.count(said) == 1, message


def test_no_near_miss_no_question(refused: Refused) -> None:
    """Something like nothing that exists gets no "did you mean"."""
    assert "Did you mean" not in refused("model=nonsense")
    assert "Did you mean" not in refused("qqqq=3")


@pytest.mark.parametrize(
    "arguments",
    [["--foo"], ["-x"], ["--cofnig-dir", "mine"], ["--config-dir"]],
    ids=" ".join,
)
def test_an_unknown_flag_is_refused(refused: Refused, arguments: list[str]) -> None:
    """A flag that does not exist, or lacks its value, is never passed over."""
    assert arguments[0] in refused(*arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_an_absent_gpu_is_refused(refused: Refused, device: str) -> None:
    """A GPU that was asked for by name and is not there is an error."""
    message = refused(f"device={device}")
    assert f"device={device}: " in message
    assert "device=cpu" in message


def test_a_run_directory_below_a_file_is_refused(here: Path, refused: Refused) -> None:
    """``hydra.run.dir`` below a file is refused and the file is named."""
    (here / "file").write_text("text")
    message = refused("hydra.run.dir=file/run")
    assert "hydra.run.dir=file/run: " in message
    assert f"{here / 'file'} is a file" in message


def test_a_run_directory_in_use_is_refused(here: Path, refused: Refused) -> None:
    """A folder that was asked for by name and is not empty stays as it is."""
    (here / "full").mkdir()
    (here / "full" / "thesis.txt").write_text("mine")
    message = refused("hydra.run.dir=full", claims=True)
    assert "full" in message
    assert "not empty" in message
    assert (here / "full" / "thesis.txt").read_text() == "mine"


def test_an_empty_run_directory_name_is_refused(refused: Refused) -> None:
    """``hydra.run.dir=`` does not mean the current folder."""
    assert "hydra.run.dir=" in refused("hydra.run.dir=")


OWN_OPTIONS = [
    ("broken", "a: [1\nb: 2\n", ["mine/model/broken.yaml", "YAML", "line 2"]),
    ("empty", "", ["model"]),
    ("aimless", "code: 3\n", ["model"]),
    ("items", "- 1\n- 2\n", ["model"]),
    ("function", "_target_: os.no_such_function\n", ["'os'", "'no_such_function'"]),
    (
        "part",
        "defaults: [encoder: denze, _self_]\n_target_: aerun.models.Autoencoder\n",
        ["denze", "dense"],
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "said"), OWN_OPTIONS, ids=[row[0] for row in OWN_OPTIONS]
)
def test_a_bad_file_of_the_users_own_is_explained(
    here: Path, refused: Refused, name: str, content: str, said: list[str]
) -> None:
    """A file in --config-dir that cannot be used gives a message, not a traceback."""
    (here / "mine" / "model").mkdir(parents=True)
    (here / "mine" / "model" / f"{name}.yaml").write_text(content)
    message = refused("--config-dir", "mine", f"model={name}")
    assert [part for part in said if part not in message] == [], message


def test_an_absent_config_dir_is_refused(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of options that does not exist is named, with where it came from."""
    message = refused("--config-dir", "nowhere")
    assert "--config-dir nowhere: " in message
    monkeypatch.setenv("AERUN_CONFIG_PATH", "absent")
    assert "$AERUN_CONFIG_PATH absent: " in refused()


def test_a_dataset_without_its_path_is_refused(refused: Refused) -> None:
    """What only the user knows must be given, and the message says how."""
    message = refused("dataset=array")
    assert "dataset.path: is missing" in message
    assert "dataset.path=VALUE" in message


def test_an_absent_file_is_refused(refused: Refused) -> None:
    """A path to nothing is named as typed."""
    message = refused("dataset=array", "dataset.path=absent.npy")
    assert "dataset.path=absent.npy: " in message
    assert "does not exist" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_cannot_be_trained_on_are_refused(
    here: Path, refused: Refused, value: float
) -> None:
    """NaN, infinity and what is too large for float32 are found before a run exists."""
    x = np.random.default_rng(0).random((40, 6))
    x[2, 3] = value
    np.save("mine.npy", x)
    message = refused("dataset=array", "dataset.path=mine.npy")
    assert "dataset.path=mine.npy: " in message
    assert "[2, 3]" in message


def test_data_outside_the_unit_interval_are_refused_for_bernoulli(
    here: Path, refused: Refused
) -> None:
    """The range of the data is said, and two ways out."""
    np.save("mine.npy", np.linspace(-2, 3, 200).reshape(40, 5))
    data = ("dataset=array", "dataset.path=mine.npy", "dataset.scale=none")
    message = refused("model=linear", "loss=bernoulli", *data)
    assert "loss=bernoulli: " in message
    assert "the data lie in [-2" in message


def test_a_bad_request_leaves_other_lines_alone(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asking again after a mistake gives the same message: nothing is remembered."""
    messages = []
    for _ in range(2):
        assert main(["trainer.epoch=3"]) == 2
        messages.append(capsys.readouterr().err)
    assert messages[0] == messages[1] != ""
