"""The record that Optuna keeps of a search, in the sweep's directory."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Study

DATABASE = "search.db"
_NAME = "search"


def open_study(folder: Path, *, maximize: bool) -> "Study":
    """The record in a sweep's directory, which is begun where there is none."""
    import optuna
    from sqlalchemy.pool import NullPool

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=_NAME,
        # Without a pool no connection stays open.
        storage=optuna.storages.RDBStorage(
            f"sqlite:///{folder / DATABASE}", {"poolclass": NullPool}
        ),
        direction="maximize" if maximize else "minimize",
        load_if_exists=True,
    )
