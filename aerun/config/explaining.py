"""Errors of Hydra, OmegaConf and YAML, told as mistakes of a request."""

from collections.abc import Sequence
from dataclasses import replace

import yaml
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from aerun.config.mistakes import Mistake


def unreadable(text: str, error: Exception) -> Mistake:
    """A mistake about an override that breaks Hydra's grammar."""
    reason = str(error).splitlines()[0]
    problem = f"cannot be read ({reason}); write KEY=VALUE, odd values in quotes."
    return Mistake(typed=text, problem=problem)


def as_typed(mistakes: Sequence[Mistake], overrides: Sequence[str]) -> list[Mistake]:
    """The same mistakes, each naming its override just as it was typed."""
    texts = {text.lstrip("+~").partition("=")[0].replace("/", "."): text
             for text in overrides}  # fmt: skip
    return [
        replace(
            m, typed=texts.get(m.typed.partition("=")[0].replace("/", "."), m.typed)
        )
        for m in mistakes
    ]


def explained(error: Exception) -> Mistake:
    """One line about an error of Hydra, OmegaConf or YAML."""
    cause: BaseException | None = error
    while cause is not None:
        mark = getattr(cause, "problem_mark", None)
        if isinstance(cause, yaml.YAMLError) and mark is not None:
            reason = getattr(cause, "problem", "it is no YAML")
            name = f"{mark.name!s}".removeprefix("file://")
            line = f"{reason} at line {mark.line + 1}, column {mark.column + 1}"
            return Mistake(typed=name, problem=f"is no valid YAML: {line}.")
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, HydraException | OmegaConfBaseException):
        text = f"{text} ({type(error).__name__})"
    key = getattr(error, "full_key", None)
    return Mistake(typed=str(key) if key else "config", problem=text)
