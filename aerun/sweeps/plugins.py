"""Registers aerun's sweeper with Hydra, without a hydra_plugins folder."""

from functools import lru_cache

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins


@lru_cache
def register() -> None:
    """Make ``hydra/sweeper: aerun`` known; once per process."""
    plugins = Plugins.instance()
    # The scan above re-executes Hydra's own plug-in modules, so a sweeper that uses
    # them must be imported after it.
    from aerun.sweeps.sweeper import Sweeper

    trusted = getattr(plugins, "is_in_toplevel_plugins_module", None)
    if trusted is not None:  # Hydra 1.3 trusts hydra_plugins.* only; 1.4 any module
        Plugins.is_in_toplevel_plugins_module = staticmethod(  # type: ignore[assignment]
            lambda name: name.startswith("aerun.") or trusted(name)
        )
    plugins.register(Sweeper)
    ConfigStore.instance().store(
        group="hydra/sweeper",
        name="aerun",
        node={"_target_": "aerun.sweeps.sweeper.Sweeper", "max_batch_size": None},
        provider="aerun",
    )
