"""TAB completion: the scripts that shells load, and the candidates they ask for.

Hydra's own scripts are not used: theirs break on flags that Hydra does not know, print
tracebacks into the line, lack options in folders (experiment=lecture/...) and in lists,
and need bash's completion emulated in zsh.
"""

import os
import re
from collections.abc import Iterable, Sequence

from hydra.plugins.completion_plugin import CompletionPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aerun.argv import (
    HELP_FLAGS,
    PLAIN_FLAGS,
    VALUE_FLAGS,
    config_dir_of,
    given,
    split_flags,
)
from aerun.config.compose import CONFIG_NAME, Composer, dotted_keys
from aerun.config.help import groups_of
from aerun.config.mistakes import BadRequest, Mistake, listed

_SCRIPTS = {
    # Readline replaces only what stands after the last "=" or ":", or after a quote.
    "bash": r"""_aerun() {
    local line="${COMP_LINE:0:COMP_POINT}" candidate
    local word="${line##*[[:space:]]}"
    local head="${word%"${word##*[=:]}"}"
    [[ $word == [\'\"]* || $COMP_WORDBREAKS != *=* ]] && head=""
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("${candidate#"$head"}")
    done < <(COMP_LINE="$line" "$1" -sc query=bash 2>/dev/null)
}
complete -o nospace -o default -F _aerun aerun""",
    "zsh": r"""_aerun() {
    local -a found
    found=("${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" \
        $words[1] -sc query=zsh 2>/dev/null)}")
    if [[ -n $found ]]; then
        compadd -S '' -a found
    else
        compset -P '*='
        _files
    fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _aerun aerun""",
    "fish": r"""function __aerun
    set -l words (commandline -opc)
    set -lx COMP_LINE (commandline -cp)
    set -l found ($words[1] -sc query=fish 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c aerun -e
complete -c aerun -f -a '(__aerun)'""",
}
_REMOVALS = {
    "bash": "complete -r aerun",
    "zsh": "compdef -d aerun",
    "fish": "complete -c aerun -e",
}
_STEPS = {
    "bash": ('eval "$(aerun -sc install=bash)"', "~/.bashrc"),
    "zsh": ('eval "$(aerun -sc install=zsh)"', "~/.zshrc"),
    "fish": ("aerun -sc install=fish | source", "~/.config/fish/config.fish"),
}


def instructions() -> str:
    """How to switch completion on, the user's own shell first."""
    own = os.path.basename(os.environ.get("SHELL", ""))
    lines = ["To have TAB complete groups, options, keys and flags, run in your shell"]
    for shell in sorted(_STEPS, key=lambda name: name != own):
        command, file = _STEPS[shell]
        lines += [
            "",
            f"{shell}:  {command}",
            f"      for good: add that line to {file}",
        ]
    return "\n".join(lines)


def respond(asked: str) -> str:
    """What ``-sc install=SHELL``, ``uninstall=SHELL`` or ``query=SHELL`` prints.

    Raises:
        BadRequest: It is none of these, or the shell is unknown.
    """
    verb, _, shell = asked.partition("=")
    if verb not in ("install", "uninstall", "query") or shell not in _SCRIPTS:
        problem = (
            f"must be install=SHELL or uninstall=SHELL; SHELL is {listed(_SCRIPTS)}."
        )
        raise BadRequest([Mistake(typed=f"-sc {asked}", problem=problem)])
    if verb != "query":
        return (_SCRIPTS if verb == "install" else _REMOVALS)[shell]
    try:
        found = candidates(os.environ.get("COMP_LINE", ""))
    except Exception:  # nothing may be printed into a line that is being typed
        found = []
    return "\n".join(found)


def candidates(line: str) -> list[str]:
    """What the last word of a command line may become, sorted.

    Args:
        line: From the command's name to the cursor.
    """
    _, *words = line.split() or [""]
    word = words.pop().lstrip("'\"") if words and not line[-1].isspace() else ""
    before = words[-1] if words else ""
    if before in VALUE_FLAGS + HELP_FLAGS:
        found = _values_of_flag(before, words)
    elif word.startswith("-"):
        found = [flag for flag in (*PLAIN_FLAGS, *VALUE_FLAGS) if flag[1] == "-"]
    else:
        found = _of_override(word, words)
    return sorted({each for each in found if each.startswith(word)})


def _values_of_flag(flag: str, words: Sequence[str]) -> Iterable[str]:
    if flag in HELP_FLAGS:
        return groups_of(Composer(config_dir_of(split_flags(words)[0])))
    return ("job", "hydra", "all") if flag in ("--cfg", "-c") else ()


def _of_override(word: str, words: Sequence[str]) -> Iterable[str]:
    """Groups and keys up to the next separator; after "=" options and values."""
    flags, overrides = split_flags(words)
    composer = Composer(config_dir_of(flags))
    sign = word[: len(word) - len(word.lstrip("+~"))]
    key, equals, value = word.removeprefix(sign).partition("=")
    group = key.replace(".", "/")
    groups = list(groups_of(composer))
    if equals and group in groups:
        # Of a list or a sweep the part behind the last comma.
        begun = re.match(r"(.*[\[,])?", value)[0]  # type: ignore[index]
        taken = re.split(r"[\[,]", begun)
        options = [o for o in composer.options(group) if o not in taken]
        return [f"{sign}{key}={begun}{option}" for option in options]
    config = _composed(composer, overrides, given(flags, "-m", "--multirun") is None)
    if equals:
        return [f"{sign}{key}={each}" for each in _values(config, key, value)]
    if sign == "~":
        return [f"~{leaf}" for leaf in _leaves(config)]
    names = [f"{name}=" for name in (*groups, *_leaves(config))]
    fitting = [name for name in names if name.startswith(key)]
    return [sign + _up_to_separator(name, len(key)) for name in fitting]


def _composed(composer: Composer, overrides: Sequence[str], single: bool) -> DictConfig:
    """The config so far; without what was typed where that cannot be composed yet."""
    mode = RunMode.RUN if single else RunMode.MULTIRUN
    for typed in (composer.as_groups(overrides), []):
        try:
            return composer.hydra.compose_config(
                CONFIG_NAME, typed, mode, with_log_configuration=False
            )
        except Exception:  # whatever Hydra or YAML raise
            continue
    return DictConfig({})


def _leaves(config: DictConfig) -> list[str]:
    """Every key that holds a value; a node's own key cannot be set on its own."""
    keys = list(dotted_keys(config))
    nodes = {key.rpartition(".")[0] for key in keys}
    targets = ("_target_", "_convert_", "_partial_", "_recursive_")
    return [k for k in keys if k not in nodes and k.rpartition(".")[2] not in targets]


def _values(config: DictConfig, key: str, value: str) -> list[str]:
    """Files where a path was begun; else what a key holds now, where that is plain."""
    if value.startswith(("/", "./", "../", "~/")):
        home = os.path.expanduser("~")
        found = CompletionPlugin.complete_files(os.path.expanduser(value))
        found = [f"{path}/" if os.path.isdir(path) else path for path in found]
        shortened = value.startswith("~")
        return [path.replace(home, "~", 1) for path in found] if shortened else found
    try:
        current = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return []
    if isinstance(current, bool):
        return ["false", "true"]
    plain = isinstance(current, int | float | str) and re.fullmatch(
        r"[\w.+-]+", str(current)
    )
    return [str(current)] if plain else []


def _up_to_separator(name: str, start: int) -> str:
    """``trainer.lr=`` as ``trainer.`` while only ``tr`` was typed."""
    end = min(at for at in map(name[start:].find, "./=") if at >= 0)
    return name[: start + end + 1]
