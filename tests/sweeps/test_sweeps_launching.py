"""The launcher of one process leaves what Hydra's own leaves."""

from pathlib import Path

import yaml
from omegaconf import OmegaConf
from sweeping import Trainings, sweep

pytest_plugins = ["sweeping"]


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
