"""The choice of a launcher: what is refused before anything starts."""

from collections.abc import Callable

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from aerun import extras
from aerun.cli import main
from aerun.config.compose import Composer

pytest_plugins = ["asking"]

Refused = Callable[..., str]


@pytest.mark.parametrize(
    ("launcher", "absent"),
    [("submitit_local", "submitit"), ("submitit_slurm", "submitit"), ("ray", "ray"),
     ("joblib", "joblib"), ("fused", "greenlet")],
)  # fmt: skip
def test_an_absent_engine_is_told_before_anything_starts(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, launcher: str, absent: str
) -> None:
    """One message says what to install; help works all the same."""
    there = extras.find_spec
    monkeypatch.setattr(
        extras, "find_spec", lambda name: None if name == absent else there(name)
    )
    message = refused("-m", "seed=0,1", f"hydra/launcher={launcher}")
    assert f"hydra/launcher={launcher}: {absent} is not installed" in message
    extra = launcher.partition("_")[0]
    assert f"pip install 'aerun[{extra}]'" in message
    assert main(["--help"]) == 0


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("hydra/launcher=joblip", "Did you mean 'joblib'?"),
        ("hydra.launcher.n_jobs=0", "must be -1 or a whole number, at least 1"),
        ("hydra.launcher.n_jobs=many", "must be -1 or a whole number, at least 1"),
        ("hydra.launcher.jobs=2", "hydra.launcher.jobs"),
    ],
)
def test_a_wrong_option_of_a_launcher_is_refused(
    refused: Refused, option: str, said: str
) -> None:
    """Its options are checked like any other."""
    assert said in refused("-m", "seed=0,1", "hydra/launcher=joblib", option)


def test_launchers_of_hydras_own_plug_ins_do_not_meddle() -> None:
    """An installed plug-in of the same name neither checks nor replaces ours."""
    Composer()
    theirs = {"_target_": "hydra_plugins.other.Launcher", "pre_dispatch": "2*n_jobs"}
    ConfigStore.instance().store(group="hydra/launcher", name="joblib", node=theirs)
    config = Composer().compose(["hydra/launcher=joblib"], multirun=True)
    assert OmegaConf.to_container(config.hydra.launcher) == {
        "_target_": "aerun.sweeps.on_joblib.JoblibLauncher",
        "n_jobs": -1,
    }


@pytest.mark.parametrize(
    ("launcher", "option"),
    [("submitit_slurm", "additional_parameters"), ("ray", "init"), ("ray", "remote")],
)
def test_arguments_of_an_engine_are_given_as_a_mapping(
    launcher: str, option: str
) -> None:
    """As the pages say; Hydra adds no key to a mapping that is there but empty."""
    typed = [
        f"hydra/launcher={launcher}",
        f"hydra.launcher.{option}={{mail-type: END}}",
    ]
    config = Composer().compose(typed, multirun=True)
    assert config.hydra.launcher[option] == {"mail-type": "END"}
