"""Lets Hydra use aerun's own sweeper, without a hydra_plugins folder."""

from functools import lru_cache

from hydra.core.plugins import Plugins


@lru_cache
def register() -> None:
    """Make Hydra trust what ``conf/hydra`` names of aerun; once per process."""
    plugins = Plugins.instance()
    # The scan above re-executes Hydra's own plug-in modules, so a sweeper that uses
    # them must be imported after it.
    from aerun.sweeps.launching import SerialLauncher
    from aerun.sweeps.sweeper import Sweeper

    trusted = getattr(plugins, "is_in_toplevel_plugins_module", None)
    if trusted is not None:  # Hydra 1.3 trusts hydra_plugins.* only; 1.4 any module
        Plugins.is_in_toplevel_plugins_module = staticmethod(  # type: ignore[assignment]
            lambda name: name.startswith("aerun.") or trusted(name)
        )
    plugins.register(Sweeper)
    plugins.register(SerialLauncher)
