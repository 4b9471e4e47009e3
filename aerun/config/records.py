"""Hydra's own record of a run, in whole files as all others of a run directory."""

from pathlib import Path

from hydra.core import utils
from omegaconf import DictConfig, OmegaConf

from aerun.locks import leads_away
from aerun.rundir import RunDirectory


def write_record(config: DictConfig, name: str, folder: Path) -> None:
    """Write a config as YAML; as Hydra does, but at once.

    Hydra opens the file and composes the text then. A run that is killed meanwhile
    would leave an empty config, which can be neither continued nor begun again.

    Args:
        config: To be written.
        name: Of the file.
        folder: Made when absent.

    Raises:
        RunDirectoryError: It is a link.
    """
    if folder.is_symlink():
        raise leads_away(folder)
    folder.mkdir(parents=True, exist_ok=True)
    RunDirectory(folder).write(name, OmegaConf.to_yaml(config).encode())


def have_whole_records() -> None:
    """From here on Hydra writes what it records of a job that way."""
    vars(utils)["_save_config"] = write_record
