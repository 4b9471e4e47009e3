"""Lets Hydra use aerun's own sweepers and launchers, without a hydra_plugins folder."""

from functools import lru_cache
from typing import Any

from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from aerun.config.check import check_part
from aerun.config.mistakes import BadRequest
from aerun.extras import require
from aerun.wiring import locate


@lru_cache
def register() -> None:
    """Make Hydra trust what ``conf/hydra`` names; once per process."""
    plugins = Plugins.instance()
    # The scan above re-executes Hydra's own plug-in modules, so a sweeper that uses
    # them must be imported after it.
    from aerun.sweeps.launching import SerialLauncher
    from aerun.sweeps.on_fused import FusedLauncher
    from aerun.sweeps.on_joblib import JoblibLauncher
    from aerun.sweeps.on_ray import RayLauncher
    from aerun.sweeps.on_submitit import LocalLauncher, SlurmLauncher
    from aerun.sweeps.search import Search
    from aerun.sweeps.sweeper import Sweeper

    trusted = getattr(plugins, "is_in_toplevel_plugins_module", None)
    if trusted is not None:  # Hydra 1.3 trusts hydra_plugins.* only; 1.4 any module
        Plugins.is_in_toplevel_plugins_module = staticmethod(  # type: ignore[assignment]
            lambda name: name.startswith("aerun.") or trusted(name)
        )
    for plugin in (
        Sweeper,
        Search,
        SerialLauncher,
        JoblibLauncher,
        FusedLauncher,
        LocalLauncher,
        SlurmLauncher,
        RayLauncher,
    ):
        plugins.register(plugin)


def check_launcher(config: DictConfig) -> None:
    """Find the chosen launcher of a request installed and its options good.

    Raises:
        BadUse: It is not.
    """
    from aerun.sweeps.parallel import ParallelLauncher

    node: Any = OmegaConf.to_container(config.hydra.launcher, resolve=False)
    target = locate(node["_target_"])
    if not issubclass(target, ParallelLauncher):
        return  # of Hydra's own or of a plug-in
    typed = f"hydra/launcher={config.hydra.runtime.choices['hydra/launcher']}"
    require(target.extra, *target.modules, typed=typed)
    if mistakes := check_part(node, "hydra.launcher"):
        raise BadRequest(mistakes)
