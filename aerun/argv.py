"""The command line taken apart: flags and overrides, wherever each stands."""

import os
from collections.abc import Sequence

HELP_FLAGS = ("--help", "-h")
QUIET_FLAGS = ("--quiet", "-q")
VERBOSE_FLAGS = ("--verbose", "-v")
COMPLETION_FLAGS = ("--shell-completion", "-sc")
SHOWING_FLAGS = ("--hydra-help", "--cfg", "-c", "--info", "-i")
"""Flags whose answer is Hydra's."""
VALUE_FLAGS = ("--config-dir", "-cd", "--cfg", "-c", "--package", "-p", "--info", "-i",
               *COMPLETION_FLAGS)  # fmt: skip
PLAIN_FLAGS = ("--version", "--completion", *QUIET_FLAGS, *VERBOSE_FLAGS, *HELP_FLAGS,
               "--multirun", "-m", "--run", "-r", "--resolve",
               "--hydra-help")  # fmt: skip


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags and overrides, wherever each stands (Hydra 1.3 wants flags in front).

    A group after ``--help`` becomes part of the flag: ``--help=GROUP``.

    Raises:
        BadRequest: A flag is unknown, or lacks its value.
    """
    flags, overrides, unknown = [], [], []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, _ = argument.partition("=")
        if not argument.startswith("-"):
            overrides.append(expand_home(argument))
        elif argument in HELP_FLAGS and rest and _is_word(rest[0]):
            flags.append(f"{argument}={rest.pop(0)}")
        elif argument in PLAIN_FLAGS or (equals and name in VALUE_FLAGS + HELP_FLAGS):
            flags.append(argument)
        elif argument in VALUE_FLAGS and rest:
            flags += [argument, rest.pop(0)]
        else:
            unknown.append(argument)
    if unknown:
        _refuse(unknown)
    return flags, overrides


def _is_word(argument: str) -> bool:
    """Whether an argument is neither a flag nor an override."""
    return not argument.startswith(("-", "+", "~")) and "=" not in argument


def _refuse(unknown: Sequence[str]) -> None:
    from aerun.config.mistakes import BadRequest, Mistake, did_you_mean

    known = [flag for flag in (*VALUE_FLAGS, *PLAIN_FLAGS) if len(flag) > 3]
    problems = {
        flag: "needs a value."
        if flag in VALUE_FLAGS
        else f"no such flag.{did_you_mean(flag, known)}"
        for flag in unknown
    }
    raise BadRequest([Mistake(typed=f, problem=p) for f, p in problems.items()])


def given(flags: Sequence[str], *names: str) -> str | None:
    """The value of the last of these flags, "" where it has none; None: not given."""
    value = None
    for flag, following in zip(flags, [*flags, ""][1:], strict=True):
        name, equals, after = flag.partition("=")
        if name in names:
            value = after if equals or name not in VALUE_FLAGS else following
    return value


def console_level(flags: Sequence[str]) -> int:
    """How much is printed, as a level of logging.

    Raises:
        BadRequest: Both less and more was asked for.
    """
    import logging

    quiet, verbose = given(flags, *QUIET_FLAGS), given(flags, *VERBOSE_FLAGS)
    if quiet is not None and verbose is not None:
        from aerun.config.mistakes import BadRequest, Mistake

        problem = "cannot be combined with --verbose; leave one of them out."
        raise BadRequest([Mistake(typed="--quiet", problem=problem)])
    if quiet is not None:
        return logging.WARNING
    return logging.INFO if verbose is None else logging.DEBUG


def expand_home(override: str) -> str:
    """``key=~/x`` with the home folder, which the shell leaves alone there."""
    key, equals, value = override.partition("=")
    if equals and value.startswith("~/"):
        return f"{key}={os.path.expanduser(value)}"
    return override


def config_dir_of(flags: Sequence[str]) -> str | None:
    """The folder of the user's own options, where one was given."""
    return given(flags, "--config-dir", "-cd")


def value_of(key: str, overrides: Sequence[str]) -> str | None:
    """The value last given to a key."""
    values = [o.partition("=")[2] for o in overrides if o.startswith(f"{key}=")]
    return values[-1] if values else None
