"""What requests share of their compositions: never more than is the same."""

import shutil
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.types import RunMode
from omegaconf import OmegaConf

from aerun.config import loader, places
from aerun.config.compose import Composer
from aerun.config.places import conf_dir

pytest_plugins = ["asking"]

FIRST = ["model=vae", "seed=1", "hydra.run.dir=first"]


def outcome(one: Any, request: list[str], mode: RunMode = RunMode.RUN) -> Any:
    """A composition with all of Hydra's node, in order; or what is said of it."""
    try:
        config = one.load_configuration("config", list(request), mode)
    except Exception as error:
        return type(error), str(error)
    return str(OmegaConf.to_container(config, resolve=False)), config.hydra._metadata


@pytest.mark.parametrize(
    "request_",
    [
        ["model=vae", "hydra.run.dir='an other'", "seed=7", "model.hidden=[5,4]"],
        ["seed=2", "model=vae", "regularizer.kl.weight={start: 0, end: 1}"],
        ["model=vae", "+regularizer=[l1]", "regularizer.l1.weight=2"],
        ["model=vae", "~model.code", "+model.code=3", "model.code=4"],
        ["model=vae", "trainer={epochs: 3}", "trainer.epochs=4"],
        ["model=vae", "hydra.job.name=z", "hydra.job.env_copy=[PATH]"],
        ["model=vae", "trainer.epoch=3"],
        ["model=vae", "seed=1,2"],
        ["model=nonsense", "seed=1"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("mode", [RunMode.RUN, RunMode.MULTIRUN], ids=["run", "sweep"])
def test_a_composition_is_hydras_own(request_: list[str], mode: RunMode) -> None:
    """After another request for the same choices; mistakes have the same words."""
    own = Composer().loader
    outcome(own, FIRST, mode)
    hydras = ConfigLoaderImpl(own.config_search_path)
    assert outcome(own, request_, mode) == outcome(hydras, request_, mode)


def test_the_same_choices_are_composed_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their values and directories; what is handed out may be changed."""
    monkeypatch.setattr(loader, "_of_built_in", {})
    asked: list[list[str]] = []
    whole = ConfigLoaderImpl.load_configuration

    def note(self: Any, name: str, overrides: list[str], *rest: Any) -> Any:
        asked.append(overrides)
        return whole(self, name, overrides, *rest)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", note)
    first = Composer().compose(FIRST)
    first.seed = 5
    second = Composer().compose(["seed=2", "model=vae"])
    assert asked == [["model=vae"]]
    assert second.seed == 2
    assert Composer().compose(["model=vae"]).seed == 0
    assert second.hydra.overrides.task == ["seed=2", "model=vae"]
    assert second.hydra.runtime.cwd == str(here)
    Composer().compose(["model=simple"])
    assert asked == [["model=vae"], ["model=simple"]]


def test_a_changed_option_is_read_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the built-in ones and of the user's own; new files count too."""
    mine, built_in = here / "mine/loss", here / "conf"
    mine.mkdir(parents=True)
    shutil.copytree(conf_dir(), built_in)
    for module in (places, loader):
        monkeypatch.setattr(module, "conf_dir", lambda: str(built_in))

    def target(folder: str | None) -> str:
        return str(Composer(folder).compose(["loss=l1"]).loss._target_)

    assert target("mine") == target(None) == "aerun.losses.l1"
    for name in ("one", "two"):
        (built_in / "loss/l1.yaml").write_text(f"_target_: built_in.{name}\n")
        assert target(None) == f"built_in.{name}"
        (mine / "l1.yaml").write_text(f"_target_: mine.{name}\n")
        assert target("mine") == f"mine.{name}"


def test_every_composition_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory of a second run of one process is not named after the first."""
    names = []
    for year in (1999, 2001):
        clock = SimpleNamespace(now=lambda year=year: datetime(year, 1, 1))
        monkeypatch.setattr("hydra.core.utils.datetime", clock)
        names.append(Composer().compose(["model=linear"]).hydra.sweep.dir)
    assert [name.split("/")[2][:4] for name in names] == ["1999", "2001"]
