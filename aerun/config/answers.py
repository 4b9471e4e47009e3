"""What is only printed, nothing trained: help, completion, the composed config."""

from collections.abc import Sequence

from aerun.argv import (
    COMPLETION_FLAGS,
    HELP_FLAGS,
    SHOWING_FLAGS,
    config_dir_of,
    given,
)


def answer(flags: Sequence[str], overrides: Sequence[str]) -> str | None:
    """What the flags ask to be printed; None: they ask for a run.

    Raises:
        BadRequest: What is to be shown does not exist or cannot be composed.
    """
    if (group := given(flags, *HELP_FLAGS)) is not None:
        from aerun.config.compose import Composer
        from aerun.config.help import describe, overview

        composer = Composer(config_dir_of(flags))
        return describe(composer, group, overrides) if group else overview(composer)
    if given(flags, "--completion") is not None:
        from aerun.config.completion import instructions

        return instructions()
    if given(flags, *COMPLETION_FLAGS) is not None:
        from aerun.config.completion import respond

        return respond(given(flags, *COMPLETION_FLAGS) or "")
    if given(flags, *SHOWING_FLAGS) is not None:
        return _of_hydra(flags, overrides)
    return None


def _of_hydra(flags: Sequence[str], overrides: Sequence[str]) -> str:
    """--cfg, --info and --hydra-help, which Hydra prints itself.

    Raises:
        BadRequest: The config has a mistake, or there is nothing of that name.
    """
    import io
    from contextlib import redirect_stderr, redirect_stdout

    from hydra._internal.utils import get_args_parser
    from omegaconf.errors import OmegaConfBaseException

    from aerun.config.compose import CONFIG_NAME, Composer
    from aerun.config.explaining import explained
    from aerun.config.mistakes import BadRequest, Mistake, listed

    shown = {"--cfg": ("job", "hydra", "all"),
             "--info": ("all", "config", "defaults", "defaults-tree", "plugins",
                        "searchpath")}  # fmt: skip
    cfg, info = given(flags, "--cfg", "-c"), given(flags, "--info", "-i")
    for flag, value in (("--cfg", cfg), ("--info", info)):
        if value is not None and value not in shown[flag]:
            problem = f"must be {listed(shown[flag])}."
            raise BadRequest([Mistake(typed=f"{flag} {value}", problem=problem)])
    composer = Composer(config_dir_of(flags))
    meant = composer.as_groups(overrides)
    if cfg is not None or info is not None:
        composer.compose(overrides)
    package = given(flags, "--package", "-p")
    resolve = given(flags, "--resolve") is not None
    with redirect_stdout(io.StringIO()) as printed:
        if cfg is not None:
            try:
                with redirect_stderr(io.StringIO()):  # which names a wrong package too
                    composer.hydra.show_cfg(CONFIG_NAME, meant, cfg, package, resolve)
            except SystemExit:
                problem = "there is no such key; aerun --cfg job shows them all."
                typed = f"--package {package}"
                raise BadRequest([Mistake(typed=typed, problem=problem)]) from None
            except OmegaConfBaseException as error:  # what only a run settles
                problem = f"{explained(error).problem}; leave --resolve out."
                raise BadRequest(
                    [Mistake(typed="--resolve", problem=problem)]
                ) from None
        elif info is not None:
            composer.hydra.show_info(info, CONFIG_NAME, meant)
        else:
            parser = get_args_parser()
            composer.hydra.hydra_help(CONFIG_NAME, parser, parser.parse_args([]))
    return printed.getvalue().rstrip("\n")
