"""Jobs composed together are what Hydra composes for each alone."""

import pickle
import random
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf
from sweeping import Trainings, sweep

from aerun.config.compose import Composer
from aerun.sweeps.composing import SharedLoader
from aerun.sweeps.plugins import register

pytest_plugins = ["sweeping"]

POOL = ["seed=3", "trainer.lr=0.5", "trainer.lr={start: 1, end: 0, steps: 5}",
        "model=vae", "model.code=5", "model.hidden=[3,4]", "corruption=gaussian",
        "experiment=lecture/simple", "trainer.scheduler=cosine", "+trainer.x=1",
        "regularizer=[l1]", "trainer={epochs: 3}", "trainer.epochs=7", "dataset=plane",
        "hydra.sweep.subdir='3'", "hydra.sweep.dir='a b'", "model.nothing=1",
        "init_from=x", "seed=${trainer.epochs}", "hydra.job.name=q"]  # fmt: skip


def _composed(loader, master, job: list[str]) -> str:
    """All of a job's config as YAML, or the kind of error."""
    try:
        return OmegaConf.to_yaml(loader.load_sweep_config(master, job))
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("seed", range(10))
def test_jobs_are_composed_as_by_hydra(seed: int) -> None:
    """Whatever is typed, in whatever order, errors and Hydra's own node included."""
    register()
    composer, draw = Composer(), random.Random(seed)
    master = composer.compose(["seed=0,1", "hydra.sweep.dir=s"], multirun=True)
    shared = SharedLoader(composer.loader)
    for _ in range(3):
        job = draw.sample(POOL, draw.randint(1, 6))
        for _ in range(2):  # the second from what the first left
            ours = _composed(shared, master, job)
        assert ours == _composed(composer.loader, master, job), job


def test_values_do_not_stay() -> None:
    """What one job sets, the next does not find."""
    register()
    composer = Composer()
    master = composer.compose(["seed=0,1"], multirun=True)
    shared = SharedLoader(composer.loader)
    plain = _composed(shared, master, ["model=vae"])
    job = ["model=vae", "seed=${trainer.epochs}", "model.hidden=[3]", "model.nothing=1"]
    assert _composed(shared, master, job) == "ConfigCompositionException"
    with pytest.raises(ZeroDivisionError), shared.lent(master, job[:3]) as config:
        raise ZeroDivisionError(config.seed)
    assert _composed(shared, master, ["model=vae"]) == plain


def test_a_loader_travels_to_other_processes() -> None:
    """Launchers pickle it; what it has composed stays behind."""
    register()
    composer = Composer()
    master = composer.compose(["seed=0,1"], multirun=True)
    shared = SharedLoader(composer.loader)
    before = _composed(shared, master, ["seed=1"])
    assert _composed(pickle.loads(pickle.dumps(shared)), master, ["seed=1"]) == before


def test_the_record_of_a_job_is_that_of_hydra(trainings: Trainings) -> None:
    """The serial launcher writes what the basic one writes, but for the names."""
    typed = ["seed=3,4", "trainer.lr=1e-3", "model=vae", "init_from=null"]
    typed.append("trainer.scheduler=cosine")
    sweep(*typed)
    sweep(*typed, "hydra.sweep.dir=t", "hydra/launcher=basic")
    for name in ("config", "overrides", "hydra"):
        ours, theirs = (
            OmegaConf.to_container(OmegaConf.load(f"{folder}/1/.hydra/{name}.yaml"))
            for folder in "st"
        )
        if name == "hydra":
            ours, theirs = (
                yaml.safe_load(
                    yaml.safe_dump(node["hydra"])
                    .replace(f"{Path.cwd()}/{folder}", "DIR")
                    .replace(f"hydra.sweep.dir={folder}", "hydra.sweep.dir=s")
                )
                for node, folder in ((ours, "s"), (theirs, "t"))
            )
            for node in (ours, theirs):
                node["overrides"]["hydra"] = sorted(
                    set(node["overrides"]["hydra"])
                    - {"hydra/launcher=basic", "hydra.sweep.dir=s"}
                )
                node["runtime"]["choices"].pop("hydra/launcher")
                for key in ("launcher", "job_logging", "hydra_logging"):
                    node.pop(key)
                for key in ("num", "id"):
                    node["job"].pop(key)
        assert ours == theirs
    assert OmegaConf.load("s/1/.hydra/config.yaml").trainer.lr == 0.001
