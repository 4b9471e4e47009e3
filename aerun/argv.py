"""The command line taken apart: flags and overrides, wherever each stands."""

import os
from collections.abc import Sequence

_VALUE_FLAGS = ("--config-dir", "-cd", "--cfg", "-c", "--package", "-p", "--info", "-i",
                "--shell-completion", "-sc")  # fmt: skip
_PLAIN_FLAGS = ("--multirun", "-m", "--run", "-r", "--resolve", "--help", "-h",
                "--hydra-help")  # fmt: skip
HYDRA_FLAGS = ("--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i",
                "--shell-completion", "-sc")  # fmt: skip


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags and overrides, wherever each stands (Hydra 1.3 wants flags in front).

    Raises:
        BadRequest: A flag is unknown, or lacks its value.
    """
    flags, overrides, unknown = [], [], []
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if not argument.startswith("-"):
            overrides.append(expand_home(argument))
        elif argument in _PLAIN_FLAGS or (name in _VALUE_FLAGS and equals):
            flags.append(argument)
        elif argument in _VALUE_FLAGS and (value := next(rest, None)) is not None:
            flags += [argument, value]
        else:
            unknown.append(argument)
    if unknown:
        from aerun.config.mistakes import BadRequest, Mistake, did_you_mean

        known = [*_VALUE_FLAGS, *_PLAIN_FLAGS]
        problems = {
            flag: "needs a value."
            if flag in _VALUE_FLAGS
            else f"no such flag.{did_you_mean(flag, [k for k in known if len(k) > 3])}"
            for flag in unknown
        }
        raise BadRequest([Mistake(typed=f, problem=p) for f, p in problems.items()])
    return flags, overrides


def expand_home(override: str) -> str:
    """``key=~/x`` with the home folder, which the shell leaves alone there."""
    key, equals, value = override.partition("=")
    if equals and value.startswith("~/"):
        return f"{key}={os.path.expanduser(value)}"
    return override


def config_dir_of(flags: Sequence[str]) -> str | None:
    """The folder of the user's own options, where one was given."""
    for flag, following in zip(flags, [*flags[1:], None], strict=False):
        name, equals, value = flag.partition("=")
        if name in ("--config-dir", "-cd"):
            return value if equals else following
    return None


def value_of(key: str, overrides: Sequence[str]) -> str | None:
    """The value last given to a key."""
    values = [o.partition("=")[2] for o in overrides if o.startswith(f"{key}=")]
    return values[-1] if values else None
