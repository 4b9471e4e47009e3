"""What a request means: every option of every group, and who wins over whom."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from making import later, needs_images, nested_groups

from aerun.build import build_objective
from aerun.cli import main
from aerun.config.check import check
from aerun.config.compose import Composer, plain
from aerun.config.places import conf_dir

pytest_plugins = ["asking"]

CONF = Path(conf_dir())


def all_options() -> Iterator[tuple[str, str]]:
    """Every (group, option) that conf/ holds."""
    own = (p for p in CONF.rglob("*.yaml") if p.relative_to(CONF).parts[0] != "hydra")
    for file in sorted(own):
        *folders, name = file.relative_to(CONF).with_suffix("").parts
        if folders[:1] == ["experiment"]:
            yield "experiment", "/".join([*folders[1:], name])
        elif folders:
            yield "/".join(folders), name


OPTIONS = list(all_options())
MODELS = [option for group, option in OPTIONS if group == "model"]
GROUPS = sorted({group for group, _ in OPTIONS})


def composed(*overrides: str, config_dir: Path | None = None) -> dict[str, Any]:
    """The plain config of a request."""
    composer = Composer(None if config_dir is None else str(config_dir))
    return plain(composer.compose(overrides))


def choices(*overrides: str) -> dict[str, Any]:
    """The option that a request takes in each group."""
    return dict(Composer().compose(overrides).hydra.runtime.choices)


def mistakes(*overrides: str) -> list[str]:
    """What is wrong with a request, paths that only a user knows filled in."""
    config = composed(*overrides)
    missing = [f"dataset.{k}=x" for k, v in config["dataset"].items() if v == "???"]
    if missing:
        config = composed(*overrides, *missing)
    return [str(mistake) for mistake in check(config)]


@pytest.mark.parametrize(
    ("group", "option"),
    # Experiments are also built by the golden curves, which are quick.
    [later(*each) if each[0] == "experiment" else each for each in OPTIONS],
    ids=[f"{group}={name}" for group, name in OPTIONS],
)
def test_every_option_passes_the_check(here: Path, group: str, option: str) -> None:
    """Every option composes with the defaults, or with a model that suits it."""
    request = f"{group}={option}"
    found = mistakes(request)
    if group != "model" and any("needs" in line for line in found):
        suiting = (m for m in MODELS if has_choice(m, group))
        each = (mistakes(f"model={m}", request) for m in suiting)
        found = next((these for these in each if not these), found)
    assert found == []


def has_choice(model: str, group: str) -> bool:
    """Whether a model lets the parts of a group inside it be exchanged."""
    return not group.startswith("model/") or group in nested_groups("model", model)


def test_the_options_found_are_those_of_the_command(here: Path) -> None:
    """The list that these tests read from conf/ is the one that the command offers."""
    composer = Composer()
    for group in GROUPS:
        own = [option for g, option in OPTIONS if g == group]
        assert sorted(composer.options(group)) == sorted(own)


@pytest.mark.parametrize(
    ("overrides", "loss", "regularizers"),
    [
        (["model=vae"], "bernoulli", {"kl"}),
        (["model=vae", "loss=mse"], "mse", {"kl"}),
        (["loss=mse", "model=vae"], "mse", {"kl"}),
        (["model=vae", "regularizer=none"], "bernoulli", set()),
        (["model=vae", "regularizer=none", "loss=mse"], "mse", set()),
        (["regularizer=[l1,weight_decay]"], "mse", {"l1", "weight_decay"}),
        (["regularizer=l1"], "mse", {"l1"}),
        (["+regularizer=[l1]"], "mse", {"l1"}),
        (["model=vae", "+regularizer=[l1]"], "bernoulli", {"kl", "l1"}),
        (["+regularizer=[l1]", "model=vae"], "bernoulli", {"kl", "l1"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_a_model_brings_its_own_and_explicit_choices_win(
    here: Path, overrides: list[str], loss: str, regularizers: set[str]
) -> None:
    """A model brings loss and regularizers; what is typed wins, wherever it stands."""
    assert choices(*overrides)["loss"] == loss
    assert set(composed(*overrides)["regularizer"]) == regularizers


@pytest.mark.parametrize(
    ("dotted", "slashed"),
    [
        ("trainer.optimizer=sgd", "trainer/optimizer=sgd"),
        ("trainer.scheduler=cosine", "trainer/scheduler=cosine"),
        ("model.bottleneck=gaussian", "model/bottleneck=gaussian"),
    ],
)
def test_a_dotted_group_is_the_group(here: Path, dotted: str, slashed: str) -> None:
    """``trainer.optimizer=sgd`` chooses the option, with all of its own keys."""
    assert composed(dotted) == composed(slashed) != composed()


def test_keys_of_a_chosen_part_can_be_set(here: Path) -> None:
    """A choice and a key of what it chose may stand in one request, in any order."""
    config = composed("trainer.optimizer.momentum=0.5", "trainer.optimizer=sgd")
    assert config["trainer"]["optimizer"]["momentum"] == 0.5


def test_an_experiment_is_deltas_and_what_is_typed_wins(here: Path) -> None:
    """An experiment changes only what it names; the command line changes it again."""
    folder = here / "mine" / "experiment" / "deep"
    folder.mkdir(parents=True)
    (folder / "try.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n"
        "  - override /model: vae\n"
        "  - override /trainer/optimizer: sgd\n"
        "trainer: {epochs: 7, lr: 0.5}\n"
        "model: {code: 9}\n"
    )
    base = composed("model=vae", "trainer.optimizer=sgd")
    asked = composed("experiment=deep/try", config_dir=here / "mine")
    assert (asked["trainer"]["epochs"], asked["trainer"]["lr"]) == (7, 0.5)
    assert asked["model"]["code"] == 9
    asked["trainer"] |= {key: base["trainer"][key] for key in ("epochs", "lr")}
    asked["model"]["code"] = base["model"]["code"]
    assert asked == base
    typed = ["model=linear", "trainer.epochs=3", "experiment=deep/try"]
    again = composed(*typed, config_dir=here / "mine")
    assert again["model"]["hidden"] == composed("model=linear")["model"]["hidden"]
    assert (again["trainer"]["epochs"], again["trainer"]["lr"]) == (3, 0.5)


def write_own_loss(folder: Path, target: str) -> Path:
    """A folder of options with a loss called mse and one called fresh."""
    (folder / "loss").mkdir(parents=True)
    for name in ("mse", "fresh"):
        (folder / "loss" / f"{name}.yaml").write_text(f"_target_: {target}\n")
    return folder


def test_options_of_the_users_own_win(here: Path) -> None:
    """An option in --config-dir wins over the built-in one of its name."""
    mine = write_own_loss(here / "mine", "mine.loss")
    for request in ([], ["loss=mse"], ["loss=fresh"]):
        asked = composed(*request, config_dir=mine)
        assert asked["loss"]["_target_"] == "mine.loss"
    other = composed("loss=l1", config_dir=mine)
    assert other["loss"]["_target_"] == "aerun.losses.l1"


def test_permanent_folders_win_in_their_order(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In $AERUN_CONFIG_PATH the first folder wins, as in $PATH."""
    first = write_own_loss(here / "first", "first.loss")
    second = write_own_loss(here / "second", "second.loss")
    monkeypatch.setenv("AERUN_CONFIG_PATH", str(second))
    assert composed("loss=mse")["loss"]["_target_"] == "second.loss"
    monkeypatch.setenv("AERUN_CONFIG_PATH", f"{first}:{second}")
    assert composed("loss=mse")["loss"]["_target_"] == "first.loss"


def test_config_dir_wins_over_permanent_folders(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed wins over what is set."""
    permanent = write_own_loss(here / "permanent", "permanent.loss")
    typed = write_own_loss(here / "typed", "typed.loss")
    monkeypatch.setenv("AERUN_CONFIG_PATH", str(permanent))
    found = composed("loss=mse", config_dir=typed)
    assert found["loss"]["_target_"] == "typed.loss"


def test_it_is_said_when_an_option_of_the_users_own_wins(
    here: Path,
    accepted: Callable[..., list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A user's option in place of a built-in one is announced; a new one is not."""
    write_own_loss(here / "mine", "aerun.losses.l1")
    accepted("--config-dir", "mine", "loss=fresh")
    assert not re.search(r"loss\W\w+", "".join(capsys.readouterr()))
    accepted("--config-dir", "mine", "loss=mse")
    assert re.search(r"loss\Wmse", "".join(capsys.readouterr()))


def test_config_dir_may_stand_anywhere_and_be_joined_with_equals(
    here: Path, accepted: Callable[..., list[dict[str, Any]]]
) -> None:
    """A flag and its value are found in front of, between and behind overrides."""
    write_own_loss(here / "mine", "aerun.losses.l1")
    for line in (
        ["--config-dir", "mine", "loss=fresh"],
        ["loss=fresh", "--config-dir", "mine"],
        ["loss=fresh", "--config-dir=mine", "seed=1"],
    ):
        (asked,) = accepted(*line)
        assert asked["loss"]["_target_"] == "aerun.losses.l1"


OWN_YAML = """\
# One linear level, written by a user.
_target_: {module}.Mine
code: 4
output_activation: none
"""
OWN_MODULE = """\
from torch import nn
from aerun.models.outputs import Outputs

class Mine(nn.Module):
    def __init__(self, *, shape: tuple[int, ...], code: int, output_activation: str):
        super().__init__()
        size = 1
        for side in shape:
            size *= side
        self.down, self.up = nn.Linear(size, code), nn.Linear(code, size)

    def forward(self, x, draws=None):
        code = self.encode(x)
        recon = self.decode(code).reshape(x.shape)
        return Outputs(code=code, latent=code, posterior=None, raw=recon, recon=recon)

    def encode(self, x):
        return self.down(x.flatten(1))

    def decode(self, latent):
        return self.up(latent)
"""


def write_own_model(here: Path, module: str, source: str = OWN_MODULE) -> None:
    """A module in the current folder and an option that names it."""
    folder = here / "mine" / "model"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(OWN_YAML.format(module=module))
    (here / f"{module}.py").write_text(source)


def test_a_model_of_the_users_own_trains(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class in the current folder and a short YAML file give a whole run."""
    write_own_model(here, "own_model_that_trains")
    request = ["--config-dir", "mine", "model=own", "model.code=3"]
    code = main([*request, "experiment=smoke", "trainer.threads=1"])
    assert code == 0, capsys.readouterr().err
    (run,) = here.glob("outputs/*/*_own_digits")
    assert (run / "summary.json").is_file()


def test_options_of_a_users_own_model_are_checked(
    here: Path, refused: Callable[..., str]
) -> None:
    """Keys and types of a user's own class are checked like built-in ones."""
    write_own_model(here, "own_model_that_is_checked")
    own = ("--config-dir", "mine", "model=own")
    assert "model.code=many: must be a whole number" in refused(*own, "model.code=many")
    assert "Did you mean 'model.code'" in refused(*own, "model.cod=3")


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        (
            "own_model_that_raises",
            "class Mine:\n"
            "    def __init__(self, *, shape, code: int, output_activation: str):\n"
            "        raise ZeroDivisionError('of mine')\n",
            "ZeroDivisionError: of mine",
        ),
        (
            "own_model_that_lacks_a_module",
            "import a_module_that_is_nowhere\n",
            "No module named 'a_module_that_is_nowhere'",
        ),
        ("own_model_that_is_no_python", "class Mine(:\n", "SyntaxError"),
        (
            "own_model_with_a_bad_annotation",
            "class Mine:\n"
            "    def __init__(self, *, shape, code: 'Nope', output_activation: str):\n"
            "        pass\n",
            "'Nope'",
        ),
    ],
)
def test_a_bug_in_a_users_own_file_shows_that_file(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    module: str,
    source: str,
    said: str,
) -> None:
    """The error of a user's own class is shown without the frames of this package."""
    write_own_model(here, module, source)
    assert main(["--config-dir", "mine", "model=own"]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert f"{module}.py" in error or module in error
    assert "aerun/" not in error.replace(str(here), "")
    assert not (here / "outputs").exists()


def test_the_config_of_a_run_is_what_was_asked(
    accepted: Callable[..., list[dict[str, Any]]],
) -> None:
    """What the task receives is the composed config, without Hydra's own node."""
    (asked,) = accepted("model=vae", "seed=3")
    assert asked == composed("model=vae", "seed=3")
    assert "hydra" not in asked


def test_home_is_expanded(
    here: Path,
    accepted: Callable[..., list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``dataset.path=~/x.npy`` is read in the home folder."""
    monkeypatch.setenv("HOME", str(here))
    np.save(here / "x.npy", np.random.default_rng(0).random((40, 6)))
    (asked,) = accepted("dataset=array", "dataset.path=~/x.npy")
    assert Path(asked["dataset"]["path"]).expanduser() == here / "x.npy"


@pytest.mark.parametrize("option", MODELS)
def test_every_model_can_be_built_for_images_and_vectors(
    here: Path, option: str
) -> None:
    """A model and the parts that it brings are built for whatever shape data have."""
    config = composed(f"model={option}")
    shapes: list[tuple[int, ...]] = [(1, 8, 8), (3, 5, 7)]
    if not needs_images(option):
        shapes.append((6,))
    for shape in shapes:
        objective = build_objective(config, shape)
        assert sum(p.numel() for p in objective.parameters()) > 0
