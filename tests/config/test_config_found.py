"""Requests that drawn examples once found to end otherwise than in a message."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from aerun.cli import main
from aerun.config.grammar import quoted

pytest_plugins = ["asking"]

Refused = Callable[..., str]


@pytest.mark.parametrize(
    "arguments",
    [
        ["hydra.run.dir='~nobody/x'"],
        ["--config-dir", "~nobody/x"],
        ["task=resume", "run=~nobody/x"],
        ["task=compare", "runs=[~nobody/x]"],
        ["init_from=~nobody/x"],
        ["dataset=csv", "dataset.path=~nobody/x"],
    ],
    ids=" ".join,
)
def test_the_home_of_an_unknown_user_is_no_bug(
    here: Path, refused: Refused, arguments: list[str]
) -> None:
    """A path that begins with ~ and no user's name is a path like any other."""
    if arguments[0].startswith("hydra"):
        assert main(["experiment=smoke", "trainer.threads=1", *arguments]) == 0
        assert (here / "~nobody/x/summary.json").is_file()
    else:
        assert "~nobody/x" in refused(*arguments)
